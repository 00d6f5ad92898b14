# make demo      a real training under `tsdia-run new`
# make test      lint, types and tests: the whole check
# make bench     the speed of tsdia-run against its peers, written to docs/benchmarks.md
# make wild      scripts of many public styles through new, SIGKILL, resume, info and compare; not part of the check
# make docs      the parts of docs/ and configs/all-settings.yml that follow from the code
# make pictures  the pictures of the README, from real output
# make format    the formatter and the fixes that the linter can make

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WILD_VENV := .venv-wild
WILD_STAMP := $(WILD_VENV)/.installed

# An installed package is compiled. Where the environment forbids it here, each start would compile all of it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test bench wild docs pictures format clean

demo: $(STAMP)
	$(BIN)/tsdia-run new configs/quickstart.yml --move-aside

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

bench: $(STAMP)
	$(BIN)/python -m tests.bench

# About ten minutes; `make wild STYLES='trainer timm/2'` runs those alone (tests/wild/styles.py has the table). It exits
# with 1 if a row fails. Its libraries have an environment of their own, so that the check never depends on them.
wild: $(WILD_STAMP)
	$(WILD_VENV)/bin/python -m tests.wild $(STYLES)

docs: $(STAMP)
	$(BIN)/python docs/make_cli.py
	$(BIN)/python docs/make_settings.py
	$(BIN)/python docs/make_architecture.py

pictures: $(STAMP)
	$(BIN)/python docs/make_pictures.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The stamp is made last, so that an interrupted installation is done again.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

$(WILD_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(WILD_VENV)
	$(WILD_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[wild]'
	touch $@

clean:
	rm -rf $(VENV) $(WILD_VENV)
