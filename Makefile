# `make demo` and `make test` are all a fresh machine needs; `make help` lists
# the rest.
PYTHON ?= python3.11
# Packages of OpenMMLab: onedl (forks for numpy 2) or upstream (with MMagic).
STACK ?= onedl
VENV ?= .venv-$(STACK)
# Photographs for the demonstration; empty: those that it brings along.
DATA ?=

BIN := $(abspath $(VENV))/bin
PY := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: setup demo test test-fast lint clean help

setup: ## create the virtual environment, if it is missing or out of date
	@command -v $(PYTHON) > /dev/null || { \
	  echo "there is no $(PYTHON): make $(MAKECMDGOALS)" \
	    "PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) requirements/install.py "$(VENV)" --stack "$(STACK)"

demo: setup ## train on a few photographs and write a report; DATA=folder: yours
	$(PY) tools/demo.py --out work_dirs/demo $(if $(DATA),--data "$(DATA)")

lint: setup ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint ## check style and types, run the tests, measure their coverage
	$(PY) -m pytest -rs --cov --cov-report=term --cov-fail-under=90

# The halves of the fast tests, which run beside each other.
FAST := tests/test_apis tests/test_cli tests/test_engine tests/test_functional tests/test_models
REST := tests $(FAST:%=--ignore=%)

test-fast: setup ## run the tests that take seconds, in two processes
	@printf '%s\n' '$(FAST)' '$(REST)' | OMP_NUM_THREADS=1 xargs -P 2 -I ARGS \
	  sh -c "$(PY) -m pytest -q -m 'not slow' ARGS"

clean: ## remove the virtual environment and caches; work_dirs/ is kept
	@if [ -e "$(VENV)/.mmsdag-env" ]; then rm -rf "$(VENV)"; fi
	rm -rf .wheels build dist *.egg-info .coverage* .*_cache .hypothesis

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
	  expand -t 12
