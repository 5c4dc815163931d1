# `make demo` and `make test` install everything they need into .venv.

PYTHON ?= python3
PYTHONS ?= $(PYTHON)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo plan apply test lint format schema docs pictures bench dist build release clean

help:
	@echo 'make demo    a user is banned, in a local sandbox; with PAGE=1 it stays, to play with'
	@echo 'make plan    show what apply would do with bans.yaml'
	@echo 'make apply   do it, on AWS, after asking'
	@echo 'make test    run the tests; with CI=true, many more examples of each'
	@echo 'make lint    ruff and mypy'
	@echo 'make format  let ruff format the code'
	@echo 'make schema  update docs/bans.schema.json'
	@echo 'make pictures draw those in docs/pictures that are stale; of the sandbox, in Chromium'
	@echo 'make docs    update docs/commands.md'
	@echo 'make bench   measure, as ratios within one run'
	@echo 'make dist    build the packages and check them'
	@echo 'make build   the same, and try the wheel in an empty environment of each of PYTHONS'
	@echo 'make release write VERSION where it is named, and head the changelog: docs/releasing.md'
	@echo 'make clean   remove everything that the other commands made'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'reconciler needs Python 3.11 or later; name one: make PYTHON=python3.13 …' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# What it takes to run, and to develop: installed once, and again when pyproject.toml or constraints.txt changes.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing reconciler into $(VENV) …'
	@$(PIP) --editable '.[sandbox]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing reconciler and its development tools into $(VENV) …'
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed
	@$(BIN)/python docs/demo.py $(if $(PAGE),--page)

plan: $(VENV)/.installed
	@$(BIN)/reconciler plan

apply: $(VENV)/.installed
	@$(BIN)/reconciler apply

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest --numprocesses auto

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(VENV)/.installed-dev
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

schema: $(VENV)/.installed
	@$(BIN)/reconciler schema > docs/bans.schema.json.tmp
	@mv docs/bans.schema.json.tmp docs/bans.schema.json

pictures: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.pictures

docs: $(VENV)/.installed
	@$(BIN)/python docs/reference.py > docs/commands.md.tmp
	@mv docs/commands.md.tmp docs/commands.md

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.bench

# Without isolation, so that constraints.txt says which version of the builder makes the very bytes. The wheel is built
# from the sdist.
dist: $(VENV)/.installed-dev
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist
	@$(BIN)/check-wheel-contents dist/*.whl
	@$(BIN)/twine check --strict dist/*

build: dist
	@for python in $(PYTHONS); do sh tests/try-wheel.sh "$$python" dist/*.whl || exit 1; done

release: | $(BIN)/python
	@$(BIN)/python .ci/release.py prepare '$(VERSION)'

clean:
	@rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
