"""What of the documentation is made from the code, so that nothing is said twice.

`python -m docs_build build/docs` copies the pages of docs/ there and adds the reference; mkdocs.yml reads that folder.
"""
