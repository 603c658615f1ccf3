# Every target installs what it needs into .venv by itself; `make help` lists them.
# Another interpreter: `make test PYTHON=python3.13`. pip's own settings (PIP_INDEX_URL, …) apply.

.DEFAULT_GOAL := help
.PHONY: quickstart test test-all check bench lock clean help

is_new_enough = -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
candidates = python3 python3.14 python3.13 python3.12 python3.11
PYTHON ?= $(shell for name in $(candidates); do \
	$$name $(is_new_enough) && echo $$name && exit; done; echo python3)

quickstart: .venv/.runtime  ## train, evaluate and report on real film reviews
	@.venv/bin/loratory train quickstart

test: .venv/.dev  ## run the quick tests
	@.venv/bin/pytest -n logical --dist loadfile

test-all: .venv/.dev  ## run every test, also the slow ones and those that need the package index
	@.venv/bin/pytest -n logical --dist loadfile -m ''

check: .venv/.dev  ## formatter, linter, type checker, import rules
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: .venv/.dev  ## compare with peers, side by side; ONLY=NAME picks one benchmark
	@.venv/bin/python -m benchmarks.run $(ONLY) $(OPTIONS)

lock: .venv/.python  ## write the lock files anew from the ranges in pyproject.toml
	@rm -rf build/all build/run && mkdir -p build
	@.venv/bin/python -m venv build/all && .venv/bin/python -m venv build/run
	@build/all/bin/pip install --quiet '.[dev,executorch,mlflow,onnx,peft,qat,ray,tensorboard,wandb]'
	@$(call pinned,all) > build/all.txt
	@build/run/bin/pip install --quiet --constraint build/all.txt .
	@{ $(call header,requirements.lock); $(call pinned,run); } > build/requirements.lock
	@{ $(call header,requirements-dev.lock); echo '-r requirements.lock'; \
		grep -vxFf build/requirements.lock build/all.txt; } > build/requirements-dev.lock
	@mv build/requirements.lock build/requirements-dev.lock . && rm -rf build/all build/run

clean:  ## remove .venv and every cache; run folders stay
	@rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

help:  ## list the targets
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / {printf "%-14s%s\n", $$1, $$2}' Makefile

# The comment lines at the top of a lock file, and the exact versions in build/NAME: without a
# build's local suffix (+cpu) and without the GPU libraries, which torch itself pins where it needs
# them.
header = sed '/^[^\#]/,$$d' $(1)
pinned = build/$(1)/bin/pip freeze --all --exclude pip --exclude loratory \
	| sed 's/+[a-z0-9.]*$$//' | grep -Ev '^(cuda|nvidia|triton)'

.venv/.python:
	@$(PYTHON) $(is_new_enough) || { \
		echo "Loratory needs Python 3.11 or newer, and '$(PYTHON)' is not." >&2; \
		echo "fix: install one and name it, as in: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; \
		exit 1; }
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: requirements.lock pyproject.toml | .venv/.python
	@echo "Installing Loratory into .venv (some minutes the first time)" >&2
	@.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.lock
	@.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.runtime
	@echo "Installing what checks and tests need into .venv" >&2
	@.venv/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@
