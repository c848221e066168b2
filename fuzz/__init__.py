"""A search for inputs that break readers, exports, pages, Docs or saved models: `make fuzz`."""
