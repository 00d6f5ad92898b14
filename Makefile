# make demo         run a real training with `tsdia-run new`
# make test         run the complete check: lint, types and tests
# make coverage     show which lines of the package the tests run, subprocesses included
# make test-oldest  run the tests with the oldest supported version of each dependency
# make bench        measure the speed of tsdia-run and its peers; writes docs/benchmarks.md
# make wild         run scripts of many public styles through new, SIGKILL, resume, info and compare; not part of the check
# make storm        SIGKILL every kind of process at random moments for MINUTES=5, with SEED=1; not part of the check
# make slow         run the further inputs of tests that the check leaves out
# make fuzz         run the unit tests with many more random inputs than the check has
# make endings      run every cause of docs/endings.md, one at a time
# make docs         write the generated parts of docs/, and configs/all-settings.yml
# make pictures     make the README's pictures from real output
# make format       format the code and apply the linter's fixes
#
# Variables: PROCESSES=4 runs four tests at a time. TESTS='tests/unit' selects tests. ACCELERATE='==0.26.0' installs that
# version for `make test`.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WILD_VENV := .venv-wild
WILD_STAMP := $(WILD_VENV)/.installed
OLDEST_VENV := .venv-oldest
OLDEST_STAMP := $(OLDEST_VENV)/.installed
# The lowest version in `requires-python`. pyenv may have it where the command `python3.10` does not find it.
OLDEST_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.10.*/bin/python3) python3.10)

# Many tests wait for a process, so more tests than cores run at a time.
PROCESSES ?= 3
PYTEST_FLAGS := -n $(PROCESSES) --dist worksteal
# `make slow` runs the tests that are marked slow.
QUICK := -m "not slow"
TESTS ?=
MINUTES ?= 5
SEED ?= 1
ACCELERATE ?=

# An installed package has bytecode files. If the environment forbids them here, each start compiles the whole package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test coverage test-oldest bench wild storm slow fuzz endings docs pictures format clean

demo: $(STAMP)
	$(BIN)/tsdia-run new configs/quickstart.yml --move-aside

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest $(PYTEST_FLAGS) $(QUICK) $(TESTS)

# About three times as long as `make test`, and so is the limit of each test. If a test fails, the table is printed and
# `make coverage` fails. Coverage imports its plugin in every process, so PYTHONPATH contains this directory.
coverage: $(STAMP)
	$(BIN)/coverage erase
	PYTHONPATH="$(CURDIR)" $(BIN)/coverage run --source="$(CURDIR)/tsdia_run" -m pytest $(PYTEST_FLAGS) -m "not lean and not slow" \
		-o timeout=720 $(TESTS); \
	status=$$?; $(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $$status

test-oldest: $(OLDEST_STAMP)
	$(OLDEST_VENV)/bin/pytest $(PYTEST_FLAGS) $(QUICK) $(TESTS)

bench: $(STAMP)
	$(BIN)/python -m tests.bench

# About ten minutes. `make wild STYLES='trainer timm/2'` runs only those styles (tests/wild/styles.py has the table). It exits
# with 1 if a row fails. Its libraries have their own environment, so that the check never depends on them.
wild: $(WILD_STAMP)
	$(WILD_VENV)/bin/python -m tests.wild $(STYLES)

# About a kill every two seconds. It exits with 1 if a log lost, doubled or reordered a line, a record is not legal, a process is
# left, or a command that tsdia-run suggests is refused.
storm: $(STAMP)
	$(BIN)/python -m tests.storm $(MINUTES) $(SEED)

slow: $(STAMP)
	$(BIN)/pytest $(PYTEST_FLAGS) -m slow $(TESTS)

# `make fuzz TESTS=tests/unit/test_redaction.py` runs only those tests. A failed test prints how to reproduce it.
fuzz: $(STAMP)
	$(BIN)/pytest $(PYTEST_FLAGS) --hypothesis-profile thorough $(or $(TESTS),tests/unit)

# About six minutes. `make endings WORDS=torchrun` runs only the rows whose name contains the word.
endings: $(STAMP)
	$(BIN)/python -m tests.endings $(WORDS)

docs: $(STAMP)
	$(BIN)/python docs/make_cli.py
	$(BIN)/python docs/make_settings.py
	$(BIN)/python docs/make_architecture.py
	$(BIN)/python docs/make_endings.py

pictures: $(STAMP)
	$(BIN)/python docs/make_pictures.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The stamp is created last, so that an interrupted installation is repeated.
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
