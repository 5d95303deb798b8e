# Keelback: `make run` and `make test` are all the set-up there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: run test check fuzz bench clean

run: $(READY)            ## Boot the kernel and run the tour
	$(BIN)/keelback run

test: $(READY)           ## Run all tests
	$(BIN)/python -m pytest -n 2

check: $(READY)          ## Lint, types, and who may import whom
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_arrows.py

fuzz: $(READY)           ## Compare random programs in both lives: make fuzz SECONDS=3600 SEED=7
	$(BIN)/python tests/compiler/fuzz.py $(or $(SECONDS),600) $(SEED)

bench: $(READY)          ## Measure; prints the figures of this run
	$(BIN)/python bench/bench.py

clean:                   ## Remove what the targets above made
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage src/*.egg-info

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Keelback needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
