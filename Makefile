# Everything runs in .venv, which is made on first use. `make` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
UV ?= uv
COMPILE := $(UV) pip compile --quiet --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --python-version 3.11 --universal pyproject.toml

NO_BENCHMARKS := $(addprefix benchmarks/,harness.py rivals.py corruptions.py sixty_nights.py)
BENCHMARKS := $(filter-out $(NO_BENCHMARKS),$(wildcard benchmarks/*.py))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo install test lint prove nights bench docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.runtime ## two digests of invented papers, without network or key
	@$(BIN)/python -m pipeline demo

install: $(VENV)/.command ## the command .venv/bin/paperline, running from this folder

test: $(VENV)/.dev ## the tests, offline
	@$(BIN)/python -m pytest

lint: $(VENV)/.dev ## ruff and mypy
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

prove: $(VENV)/.dev ## the long proofs, against the test bed
	@$(BIN)/python -m pytest -m prove

nights: $(VENV)/.dev ## sixty nights unattended, five times over, half an hour
	@$(BIN)/python benchmarks/sixty_nights.py

bench: $(VENV)/.dev ## every program in benchmarks/, half an hour
	@failed=0; for program in $(BENCHMARKS); do \
		echo "== $$program"; $(BIN)/python "$$program" || failed=1; done; exit $$failed

docs: $(VENV)/.dev ## write the generated documents anew
	@$(BIN)/python docs/generate.py

lock: ## write requirements*.txt anew from pyproject.toml (needs uv)
	@$(COMPILE) --extra build --output-file requirements.txt
	@$(COMPILE) --extra build --extra dev --constraints requirements.txt \
		--output-file requirements-dev.txt

clean: ## remove .venv and what tools left; outputs/ and cache/ stay
	@rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "paperline needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments; install its venv module" \
			"(on Debian and Ubuntu the package python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.txt | $(VENV)/.made
	@echo "installing what paperline needs into $(VENV)" >&2
	@$(PIP) --requirement requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(VENV)/.made
	@echo "installing what paperline and its tests need into $(VENV)" >&2
	@$(PIP) --requirement requirements-dev.txt
	@touch $@ $(VENV)/.runtime

# The build's own tools are pinned in the lock, so no build isolation is needed.
$(VENV)/.command: pyproject.toml $(VENV)/.runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@touch $@
