# LearnFlow. `make help` lists what can be done; every target does its own set-up.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PORT     ?= 8000
DATA_DIR ?= data
FILE     ?= samples/oulad-aaa-sample.csv
ARGS     ?=

BIN := .venv/bin
UV_VERSION := 0.13.8
UV_VENV := .cache/uv-$(UV_VERSION)
# A uv of our own pinned version, unless the caller names one: UV=/path/to/uv
UV ?= $(UV_VENV)/bin/uv
# Never fetch an interpreter: the one that is here is the one that is used.
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1

# The first interpreter that answers and is new enough; override with PYTHON=...
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

# A virtual environment knows its place: in a checkout that was moved it is made anew.
ifneq ($(wildcard .venv/.where),)
ifneq ($(shell cat .venv/.where),$(CURDIR))
$(shell rm -rf .venv)
endif
endif

.PHONY: help run demo stack import test test-long check lint types imports format schemas openapi lock bench bench-stack bench-mastery bench-replay clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Settings: PORT=$(PORT) DATA_DIR=$(DATA_DIR) FILE=$(FILE) ARGS=... PYTHON=$(PYTHON)"

run: .venv/.runtime ## serve the embedded default on http://127.0.0.1:PORT, data in DATA_DIR
	@exec $(BIN)/learnflow up --port $(PORT) --data-dir "$(DATA_DIR)"

demo: .venv/.runtime ## a minute's tour: a temporary service, real history imported, a learner's status
	@exec $(BIN)/learnflow demo --file "$(FILE)"

stack: .venv/.runtime ## Dapr, Kafka, Postgres and the services on this machine (see deploy/stack/README.md)
	@exec $(BIN)/python -m deploy.stack $(ARGS)

test: .venv/.dev ## every test but the long ones (ARGS="-k name" narrows)
	@exec $(BIN)/pytest -m "not long" $(ARGS)

test-long: .venv/.dev ## outages of a minute and more, on the real stack
	@exec $(BIN)/pytest -m long $(ARGS)

check: lint types imports ## style, types, room rules, unused dependencies

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy

imports: .venv/.dev
	$(BIN)/lint-imports
	$(BIN)/deptry .

format: .venv/.dev ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: .venv/.runtime ## export the event schemas and API descriptions (refuses a breaking change)
	$(BIN)/learnflow contracts export

lock: $(UV) ## pin the dependencies of pyproject.toml anew, with hashes
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements/runtime.txt
	printf 'hatchling\neditables\n' | $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements/runtime.txt - -o requirements/build.txt
	printf 'cyclonedx-bom\n' | $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements/runtime.txt -c requirements/build.txt - -o requirements/image.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra dev -c requirements/runtime.txt -c requirements/build.txt pyproject.toml -o requirements/dev.txt

bench: .venv/.dev ## measure on this machine (see bench/README.md)
	$(BIN)/python -m bench.embedded $(ARGS)

bench-stack: .venv/.dev ## the same on Dapr, Kafka and Postgres
	$(BIN)/python -m bench.stack $(ARGS)

bench-mastery: .venv/.dev ## how well mastery predicts real submissions
	$(BIN)/python -m bench.mastery $(ARGS)

bench-replay: .venv/.dev ## replays of a million events on that stack, and what to compare them with
	$(BIN)/python -m bench.replay $(ARGS)

clean: ## forget what set-up made (data stays)
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(UV_VENV)/bin/uv:
	$(check-python)
	@echo "Setting up uv $(UV_VERSION) with $(PYTHON) ..."
	@rm -rf $(UV_VENV) && $(PYTHON) -m venv $(UV_VENV) || { echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu install its venv package (python3-venv)." >&2; exit 1; }
	@$(UV_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt

.venv/pyvenv.cfg: | $(UV)
	$(check-python)
	@$(UV) venv --quiet --python $(PYTHON) .venv
	@echo "$(CURDIR)" > .venv/.where

define check-python
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "LearnFlow needs Python 3.11 or newer, and '$(PYTHON)' is not one. Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
endef

# The package itself goes in as an editable folder; its build backend is pinned with the rest.
define install
	@echo "Installing $(1) into .venv ..."
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes $(2)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
endef

.venv/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml | $(UV) .venv/pyvenv.cfg
	@if test -e .venv/.dev; then $(MAKE) --no-print-directory .venv/.dev; else $(MAKE) --no-print-directory runtime-only; fi
	@touch $@

.PHONY: runtime-only
runtime-only:
	$(call install,LearnFlow,requirements/runtime.txt requirements/build.txt)

.venv/.dev: requirements/dev.txt pyproject.toml | $(UV) .venv/pyvenv.cfg
	$(call install,LearnFlow and its tools,requirements/dev.txt)
	@touch .venv/.dev .venv/.runtime
