# Everything runs in a virtual environment of its own, .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: check build lint types test docs docs-check bench fuzz sanitize lab new-cause

check: build lint types docs-check test

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet "setuptools>=77" "Cython>=3.1"
	$(BIN)/pip install --quiet --no-build-isolation --editable ".[test]"
	touch $@

build: .venv/ready
	$(BIN)/python setup.py --quiet build_ext --inplace
	$(BIN)/python -m compileall -q pcapdiag

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/ready
	$(BIN)/mypy

docs: build
	$(BIN)/python tools/tables_pxd.py
	$(BIN)/python tools/profile_tables.py
	$(BIN)/python tools/cause_docs.py

docs-check: build
	$(BIN)/python tools/tables_pxd.py --check
	$(BIN)/python tools/profile_tables.py --check
	$(BIN)/python tools/cause_docs.py --check

test: build
	$(BIN)/pytest

bench: build
	$(BIN)/python -m tests.benchmarks

fuzz: build
	nice -n 19 $(BIN)/python -m tests.fuzz --seconds 600

sanitize: .venv/ready
	$(BIN)/python tools/sanitize.py

lab: build
	$(BIN)/python -m captures.lab

# make new-cause NAME=backend-on-fire
new-cause:
	$(PYTHON) tools/new_cause.py $(NAME)
