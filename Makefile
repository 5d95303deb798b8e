# Keelback: `make run` and `make test` are all the set-up there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/runs
READY := $(VENV)/ready
COMMANDS := qemu-system-x86_64 gdb grub-mkrescue xorriso file bochs zsh fish npm chromium
PACKAGES := qemu-system-x86 gdb grub-pc-bin grub-common xorriso file bochs bochs-term bochsbios vgabios zsh fish seabios
# Not asked for where they are: their packages may not go together with what brought them.
MORE := npm chromium
HAVE_TOOLS := ( for each in $(COMMANDS); do command -v $$each || exit; done; ls /usr/lib/*/bochs/plugins/libbx_term* ) >/dev/null && test -d /usr/lib/grub/i386-pc -a -d /usr/share/seabios

# Tests start hundreds of Pythons: whatever the environment says, let them find our modules compiled, out of the sources.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache
# Where these are set, pytest shows the whole of what differs, which takes minutes for an image's bytes.
unexport CI BUILD_NUMBER

.PHONY: run test tools check docs fuzz bench clean

run: $(RUNS)             ## Boot the kernel and run the tour
	$(BIN)/keelback run

# Three on two cores, since many tests wait: for a timer, a terminal, a process.
test: tools $(READY)     ## Run all tests
	$(BIN)/python -m pytest -n 3 --dist worksteal

# No test is passed over for want of a tool: where nothing may be installed, say what to type and fail.
tools:                   ## Install the system's packages that the tests use
	@if $(HAVE_TOOLS); then exit; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $(PACKAGES) $$(for each in $(MORE); do command -v $$each >/dev/null || echo $$each; done); \
	fi; \
	$(HAVE_TOOLS) || { echo "The tests need some of these: apt-get install -y $(PACKAGES) $(MORE)"; exit 1; }

check: $(READY)          ## Lint, types, and who may import whom
	$(BIN)/ruff check src tests bench examples site
	$(BIN)/ruff format --check src tests bench examples site
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_arrows.py

docs: $(READY)           ## Make the site of docs/, its links checked
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict --config-file site/mkdocs.yml
	@echo "build/site/index.html: open it in a browser, or serve its folder"

fuzz: $(READY)           ## All seeded mistakes, random programs, requests, files and families, 104,000 forks, courses: make fuzz SECONDS=3600 SEED=7
	$(BIN)/python -m pytest -n 2 --dist worksteal -m campaign
	$(BIN)/python -m pytest -n 2 --dist worksteal -m hypothesis --hypothesis-profile random
	$(BIN)/python tests/compiler/fuzz.py $(or $(SECONDS),450) $(SEED)
	$(BIN)/python tests/compiler/scenario_fuzz.py $(or $(SECONDS),450) $(SEED)
	$(BIN)/python tests/compiler/again_fuzz.py $(or $(SECONDS),450) $(SEED)
	$(BIN)/python tests/kernel/memory_fuzz.py $(or $(SECONDS),450) $(SEED)
	$(BIN)/python tests/kernel/exchange_fuzz.py $(or $(SECONDS),450) $(SEED)
	$(BIN)/python tests/kernel/input_fuzz.py $(or $(SECONDS),450) $(SEED)
	$(BIN)/python tests/user/family_fuzz.py $(or $(SECONDS),450) $(SEED)
	$(BIN)/python tests/user/fork_campaign.py
	$(BIN)/python tests/labs/course_trial.py --dask

bench: $(READY)          ## Measure; prints the figures of this run
	$(BIN)/python bench/bench.py

clean:                   ## Remove what the targets above made
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage src/*.egg-info

$(RUNS): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Keelback needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making a Python environment in $(VENV): some ten seconds."
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing Keelback there, with a C compiler of 100 MB: a minute or two."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(READY): $(RUNS)
	@echo "Installing what the tests and checks need: a minute or so."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
