# `make setup` once, then `make run`, `make lab`, `make test`. Everything lands in .venv and
# node_modules; nothing is redone that hasn't changed.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
# What was set up, and when: one empty file a step.
DONE := $(VENV)/.made
EXTRAS ?= test
export PATH := $(CURDIR)/$(BIN):$(PATH)

UV = uv --no-progress
# Source roots that hold something: mypy refuses an empty one.
ROOTS = $(shell for root in server_ext magics converters; do \
	if [ -n "$$(find $$root -name '*.py' -print -quit 2>/dev/null)" ]; then echo $$root; fi; done)
LABEXTENSION_SOURCES := $(shell find labextension/src labextension/style labextension/schema -type f)
LINKED := $(VENV)/share/jupyter/labextensions/jupyter-mlops

.PHONY: help
help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

# ---- setting up ------------------------------------------------------------------------------

.PHONY: setup setup-python
setup: $(DONE)/labextension ## the development install: Python and the labextension
setup-python: $(DONE)/python ## without the labextension: needs no Node

$(BIN)/python:
	scripts/venv $(VENV)

# An editable install copies the labextension it finds, and pip's uninstall of that copy would
# delete the built files themselves through the link that `make setup` puts there. So the link
# steps aside.
$(DONE)/python: pyproject.toml | $(BIN)/python
	@mkdir -p $(DONE)
	linked=; if [ -L $(LINKED) ]; then linked=yes; rm $(LINKED); fi; \
	HATCH_JUPYTER_BUILDER_SKIP_NPM=1 $(UV) pip install --python $(BIN)/python -e '.[$(EXTRAS)]'; \
	if [ -n "$$linked" ]; then jupyter-builder develop . --overwrite; fi
	@touch $@

$(DONE)/node: $(DONE)/python
	scripts/node $(BIN)/python
	@touch $@

$(DONE)/node_modules: package.json yarn.lock .yarnrc.yml | $(DONE)/node
	jlpm install
	@touch $@

$(DONE)/ui-tests: ui-tests/package.json ui-tests/yarn.lock ui-tests/.yarnrc.yml | $(DONE)/node
	cd ui-tests && jlpm install
	@touch $@

$(DONE)/labextension: $(LABEXTENSION_SOURCES) labextension/tsconfig.json $(DONE)/node_modules | $(DONE)/python
	jlpm build
	jupyter-builder develop . --overwrite
	@touch $@

# ---- using -----------------------------------------------------------------------------------

.PHONY: run lab watch
run: setup-python ## run the example notebook as a job
	jupyter mlops run examples/train.ipynb

lab: setup ## JupyterLab in examples/
	jupyter lab --notebook-dir=examples

watch: setup ## rebuild the labextension at every change (reload the page)
	jlpm watch

# ---- testing ---------------------------------------------------------------------------------

.PHONY: test test-fast test-python test-labextension test-ui test-ui-server images bench
test: setup $(DONE)/ui-tests ## everything: checks, pytest, jest, a real browser
	python scripts/test.py

test-fast: setup ## what answers within a minute or two
	python scripts/test.py --fast

test-python: setup-python ## pytest; ARGS="-k name" and the like
	pytest $(ARGS)

test-labextension: $(DONE)/node_modules ## jest
	jlpm test $(ARGS)

test-ui: setup $(DONE)/ui-tests ## Playwright
	browser=$$(scripts/browser) && cd ui-tests && CHROMIUM_PATH="$$browser" jlpm test $(ARGS)

test-ui-server: setup $(DONE)/ui-tests ## Playwright, at a tracking server
	browser=$$(scripts/browser) && cd ui-tests && CHROMIUM_PATH="$$browser" \
	jlpm test --config playwright.server.config.js $(ARGS)

images: setup $(DONE)/ui-tests ## the screenshots in docs/images
	browser=$$(scripts/browser) && cd ui-tests && CHROMIUM_PATH="$$browser" \
	jlpm playwright test --config playwright.images.config.js

bench: setup-python ## the benchmarks, beside the peers
	python -m benchmarks $(ARGS)

# ---- checking --------------------------------------------------------------------------------

CHECKS := ruff format mypy imports tsc eslint prettier
.PHONY: check $(CHECKS:%=check-%) format
check: $(DONE)/python $(DONE)/node_modules $(DONE)/ui-tests ## lint, types, import contracts; says everything at once
	@$(MAKE) --keep-going --jobs=2 --output-sync=target $(CHECKS:%=check-%)

check-ruff:
	ruff check --output-format=concise
check-format:
	ruff format --check
check-mypy:
	mypy $(ROOTS)
check-imports:
	python scripts/lint_imports.py --no-logo --cache-dir .import_linter_cache
check-tsc:
	jlpm types
check-eslint:
	jlpm lint
check-prettier:
	jlpm format:check

format: $(DONE)/node_modules ## put formatting and import order right
	ruff check --quiet --fix --exit-zero
	ruff format
	jlpm format
	jlpm eslint --fix labextension ui-tests || true

# ---- making ----------------------------------------------------------------------------------

.PHONY: api dist clean
api: $(DONE)/node_modules ## docs/openapi.json and the TypeScript types, from the daemon's models
	python -m jupyter_mlops.daemon.openapi docs/openapi.json
	jlpm generate:api

dist: $(DONE)/node ## wheel and sdist in dist/
	rm -rf dist server_ext/jupyter_mlops/labextension
	$(UV) build
	rm -f $(DONE)/labextension

clean: ## remove what was built, keep .venv and node_modules
	rm -rf dist build coverage labextension/lib labextension/*.tsbuildinfo
	rm -rf server_ext/jupyter_mlops/labextension
	rm -rf ui-tests/test-results ui-tests/playwright-report
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache
	rm -f $(DONE)/labextension
