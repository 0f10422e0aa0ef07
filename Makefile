# `make help` lists the targets. All of them work in .venv, which they make when it is missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

python := .venv/bin/python
checked := $(wildcard supervisors actors actorbus examples benchmarks tests docs/*.py)
export PYTHON

.PHONY: help demo test check services bench benchmarks coverage format lint types layers runtime dev clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(if $(STORE)$(BROKER),dev,runtime)  ## Work through a month of flights, live; STORE=postgres BROKER=kafka on servers
	@$(call flights,$(STORE),$(BROKER))

# `make demo` needs nothing; with STORE=postgres or BROKER=kafka it starts the server, and three workers.
# ARGS='--json' prints one JSON object.
flights = $(if $1$2,$(on_servers),$(python) -m examples.flights $(ARGS))
on_servers = $(python) -m tests.services sh -c 'exec $(python) -m examples.flights --workers 3 \
	$(call server,STORE,$1,postgres,--store "$$ACTORBUS_TEST_POSTGRESQL") \
	$(call server,BROKER,$2,kafka,--broker "$$ACTORBUS_TEST_KAFKA") $(ARGS)'
server = $(if $2,$(if $(filter-out $3,$2),$(error $1=$2 is not allowed: give $1=$3, or nothing),$4))

test: lint types layers  ## All that CI runs: lint, types, layers, and every test, with services
	$(python) -m tests.services $(python) -m tests $(ARGS) </dev/null

check: lint types layers  ## The quick part: lint, types, layers, unit tests
	$(python) -m pytest tests/unit $(ARGS) </dev/null

services: dev  ## Start PostgreSQL and Kafka for tests until Ctrl-C, or for ARGS='a command'
	@$(python) -m tests.services $(ARGS)

bench: dev  ## Measure, as ratios to other programs and to raw loops; ARGS= goes to `benchmarks`
	@$(python) -m benchmarks $(ARGS)

benchmarks: dev  ## Measure all suites (20 minutes, nothing beside it), and write docs/benchmarks.md anew
	@$(python) -m benchmarks run all --repeat 3 --output benchmarks/results.json $(ARGS)
	@$(python) -m benchmarks document

coverage: dev  ## Show the lines and branches that no test runs; ARGS='tests/unit' for some tests
	$(python) -m pytest --cov --cov-report=term-missing $(ARGS) </dev/null

format: dev  ## Put the code into the project's format, with the linter's safe fixes
	$(python) -m ruff check --fix-only --quiet .
	$(python) -m ruff format .

lint: dev  ## Check the format and the lint rules
	$(python) -m ruff format --check --quiet --diff .
	$(python) -m ruff check --quiet .

types: dev  ## Check the types
	$(python) -m mypy --no-error-summary $(checked)

layers: dev  ## Check which package may import what
	$(python) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-logo

runtime:  ## Make .venv with what the demo needs
	@.ci/venv runtime

dev:  ## Make .venv with the development tools too
	@.ci/venv dev

clean:  ## Remove caches and build output; .venv stays
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache .coverage
	find supervisors actors actorbus examples benchmarks tests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
