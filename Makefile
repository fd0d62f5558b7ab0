# Two commands matter: `make demo` and `make test`. Both first set everything up, inside this folder.
# Needs Python 3.11 and make, nothing else. `make help` lists the rest.

DATA ?= $(or $(HEADRACE_DATA),../shared/data)# folder of the public data sets; a path
ARGS ?=# more options for the command behind a target

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

BIN := .venv/bin
SETUP := .venv/.setup
export HEADRACE_DATA := $(DATA)

.PHONY: help setup demo test check faults bench bench-peers eval replay lock clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'

setup: $(SETUP) ## bring everything into this folder (the other targets do it by themselves)

demo: $(SETUP) ## run the whole thing on a simulated plant; ARGS=--keep leaves it up
	@$(BIN)/headrace demo $(ARGS)

test: $(SETUP) ## run the tests, on a real Kafka and a real Valkey
	@$(BIN)/pytest $(ARGS)

check: $(SETUP) ## format, lint, types, direction of imports, contracts with others
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m contracts.generate --check

faults: $(SETUP) ## break it in every way we know, and compare what is left; FAULTS=full goes deeper
	@$(BIN)/python -m faults.run $(ARGS)

bench: $(SETUP) ## measure the worker beside stock Faust
	@$(BIN)/python -m bench.run $(ARGS)

bench-peers: $(SETUP) ## measure the worker beside Kafka Streams and Flink, where their folder is at hand
	@$(BIN)/python -m bench.peers $(ARGS)

eval: $(SETUP) ## detection quality on the public data sets of DATA=
	@$(BIN)/headrace eval --data $(DATA) $(ARGS)

replay: DATA := $(or $(HEADRACE_DATA),../shared/data)/skab
replay: $(SETUP) ## send the recorded data set DATA= through the whole pipe
	@$(BIN)/headrace demo --data $(DATA) $(ARGS)

lock: $(SETUP) ## pin every package and jar again, with hashes
	@$(BIN)/uv pip compile requirements-dev.in --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --quiet --upgrade --output-file requirements.lock
	@$(BIN)/python -m jgo --resolver python --repo-cache .jgo/repository lock

clean: ## remove everything that set-up and runs left here
	rm -rf .venv .jgo .headrace build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up in three steps, each with a stamp, so that doing it again costs nothing and a broken one goes on where it was.

$(SETUP): .venv/.packages jgo.toml jgo.lock.toml pyproject.toml
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@$(BIN)/headrace setup
	@touch $@

.venv/.packages: .venv/.uv requirements.lock
	@echo "set-up: installing packages (a few minutes the first time)"
	@$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --python $(BIN)/python --requirement requirements.lock \
	  || $(BIN)/python -m pip install --quiet --require-hashes --no-deps --requirement requirements.lock
	@touch $@

# uv is one of the locked packages; pip brings it first, and stays the second choice where only pip knows the way out.
.venv/.uv: | .venv/bin/pip
	@awk '/^[a-z]/ { ours = /^uv==/ } ours' requirements.lock > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement .venv/uv.txt
	@touch $@

.venv/bin/pip:
	@for python in python3.11 python3 python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then break; fi; python=; done; \
	if [ -z "$$python" ]; then echo "set-up: expected Python 3.11 as python3.11, python3 or python, got none; install it" >&2; exit 1; fi; \
	echo "set-up: making .venv with $$python"; \
	$$python -m venv .venv || { echo "set-up: expected $$python to have venv and pip; on Debian: apt install python3.11-venv" >&2; exit 1; }
