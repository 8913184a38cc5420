# `make app` serves the app, `make test` checks what a change should be checked by, `make test-all`
# everything that CI checks: the long tests too.
PYTHON ?= python3
BIN := .venv/bin
TESTS ?= -m "not long"

.PHONY: app test test-all check format clean

app: .venv/.app
	@$(BIN)/medxfer app

test: .venv/.test
	@$(MAKE) --no-print-directory check

test-all:
	@$(MAKE) --no-print-directory test TESTS=

check:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile $(TESTS)

format:
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info

.venv/.app: requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing (a few minutes and 6 GB on first use) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/.test: .venv/.app requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
