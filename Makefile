# Everything a newcomer needs: `make demo` and `make test`, installation included. `make help` lists the rest.
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PORT ?= 3000
WORKERS ?= 3

# One folder holds all state. Absolute, because Dagster's processes run elsewhere.
ETL_HOME ?= $(CURDIR)/var
override ETL_HOME := $(abspath $(ETL_HOME))
DAGSTER_HOME := $(ETL_HOME)/dagster
export ETL_HOME DAGSTER_HOME
export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: help setup demo test lint docs format ui benchmark benchmark-errors schemas reference pages constraints clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: $(STAMP) ## install everything into .venv (again only when the dependencies changed)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' \
	  || { echo "Python 3.11 to 3.14 is needed: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) \
	  || { echo "python's venv module is needed (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@echo "installing into $(VENV), which takes a minute or two ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,test,dev,docs]'
	@# Without compiled files everything starts up to twice as slowly.
	@$(BIN)/python -m compileall -q -j 0 etl_assets $(VENV)/lib > /dev/null || true
	@touch $(STAMP)

demo: setup ## the main job on real data: a quarter of a year of flights, from delivery to gold
	$(BIN)/dq demo $(ARGS)

test: setup ## the tests; SLOW=1 includes the slow ones, ARGS="-k name" narrows down
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(if $(SLOW),,-m "not slow") $(ARGS)

lint: setup ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: setup ## the documentation as a site, in build/docs; a dead link is an error
	$(BIN)/sphinx-build --quiet --nitpicky --fail-on-warning --keep-going --fresh-env --write-all \
	  -d build/doctrees docs build/docs

format: setup ## put the code into the agreed form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

ui: setup ## Dagster's UI with sensors running, on http://127.0.0.1:3000 (PORT=...)
	@mkdir -p "$(DAGSTER_HOME)"
	@cp dagster.yaml "$(DAGSTER_HOME)/dagster.yaml"
	@$(BIN)/dq exec --listen 127.0.0.1:$(PORT) dagster dev -w workspace.yaml -h 127.0.0.1 -p $(PORT)

benchmark: setup ## rows per second, peak memory and ratios to a plain Polars copy
	$(BIN)/python -m benchmarks $(ARGS)

benchmark-errors: setup ## suggested rules as an error detector: precision, recall, F1; ARGS=FOLDER...
	$(BIN)/python -m benchmarks.errors $(ARGS)

schemas: setup ## write config/schemas/ anew after a change of the settings
	$(BIN)/python -m etl_assets.settings
	$(BIN)/python -m etl_assets.datasets.declared

reference: setup ## write docs/reference/ anew after a change of settings, dq, contracts or metadata
	$(BIN)/python -m docs.generator

pages: setup ## put what commands print now into the tutorial and the how-tos; look at the difference
	$(BIN)/python -m etl_assets_tests.docs.refill docs/tutorial.md $(filter-out %/index.md,$(wildcard docs/how-to/*.md))

constraints: ## write constraints.txt anew, from the newest versions that fit pyproject.toml
	@rm -rf build/pins && $(PYTHON) -m venv build/pins
	build/pins/bin/python -m pip install --quiet --disable-pip-version-check '.[demo,test,dev,docs]'
	@{ echo "# Tested together; written by \`make constraints\`. Names and versions only."; \
	  build/pins/bin/python -m pip freeze --exclude etl-assets; } > constraints.txt
	@rm -rf build/pins

clean: ## remove .venv and caches; the data under var/ stays
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
