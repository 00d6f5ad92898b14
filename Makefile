# make demo         a real training under `tsdia-run new`
# make test         lint, types and tests: the whole check
# make coverage     which lines of the package the tests run, subprocesses included, as a table
# make test-oldest  the tests on the oldest versions of the dependencies that the package allows
# make bench        the speed of tsdia-run against its peers, written to docs/benchmarks.md
# make wild         scripts of many public styles through new, SIGKILL, resume, info and compare; not part of the check
# make docs         the parts of docs/ and configs/all-settings.yml that follow from the code
# make pictures     the pictures of the README, from real output
# make format       the formatter and the fixes that the linter can make
#
# Variables: PROCESSES=4 runs four tests at a time; TESTS='tests/unit' runs a part of the tests; ACCELERATE='==0.26.0'
# installs that version for `make test`.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WILD_VENV := .venv-wild
WILD_STAMP := $(WILD_VENV)/.installed
OLDEST_VENV := .venv-oldest
OLDEST_STAMP := $(OLDEST_VENV)/.installed
# The lowest version in `requires-python`. pyenv has it where the command `python3.10` cannot find it.
OLDEST_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.10.*/bin/python3) python3.10)

# Many tests wait for a process, so more of them run at a time than there are cores.
PROCESSES ?= 3
PYTEST_FLAGS := -n $(PROCESSES) --dist worksteal
TESTS ?=
ACCELERATE ?=

# An installed package is compiled. Where the environment forbids it here, each start would compile all of it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test coverage test-oldest bench wild docs pictures format clean

demo: $(STAMP)
	$(BIN)/tsdia-run new configs/quickstart.yml --move-aside

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest $(PYTEST_FLAGS) $(TESTS)

# About 15 minutes. The table is printed even if a test fails; `make coverage` fails then.
# Coverage imports its plugin in every process, so PYTHONPATH names this directory.
coverage: $(STAMP)
	$(BIN)/coverage erase
	PYTHONPATH="$(CURDIR)" $(BIN)/coverage run --source="$(CURDIR)/tsdia_run" -m pytest $(PYTEST_FLAGS) -m "not lean" $(TESTS); \
	status=$$?; $(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $$status

test-oldest: $(OLDEST_STAMP)
	$(OLDEST_VENV)/bin/pytest $(PYTEST_FLAGS) $(TESTS)

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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]' \
		$(if $(ACCELERATE),'accelerate$(ACCELERATE)')
	touch $@

$(WILD_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(WILD_VENV)
	$(WILD_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[wild]'
	touch $@

$(OLDEST_STAMP): pyproject.toml constraints-oldest.txt
	$(OLDEST_PYTHON) -m venv $(OLDEST_VENV)
	$(OLDEST_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-oldest.txt \
		--editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(WILD_VENV) $(OLDEST_VENV)
