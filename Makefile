# Few verbs. `make run` is all a newcomer needs; `make test` is what CI runs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# Where somebody's environment forbids it, each process would compile the hundreds of modules that it loads anew.
export PYTHONDONTWRITEBYTECODE :=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test soak check check-types check-rest format bench screenshots lock clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/.run  ## start the demonstration at http://127.0.0.1:8080
	@exec $(BIN)/topup serve --demo

test: $(VENV)/.dev  ## everything CI runs
	@bash .ci/system-packages
	$(BIN)/pytest

soak: $(VENV)/.dev  ## the long ones: more examples, more kills, more load
	@bash .ci/system-packages
	TOPUP_SOAK=1 $(BIN)/pytest -m "soak or not soak" tests

check: $(VENV)/.dev  ## lint, types, law of imports, translations, sizes
	@$(MAKE) --no-print-directory -j2 --output-sync=target check-types check-rest

check-types:
	$(BIN)/mypy

check-rest:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python -m tools.translations
	$(BIN)/python -m tools.sizes
	$(BIN)/python -m tools.generated --check

format: $(VENV)/.dev  ## put the code in its usual shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

bench: $(VENV)/.dev  ## ratios against pgbench; QUICK=1 for the short form
	@bash .ci/system-packages
	$(BIN)/python -m bench $(if $(QUICK),--quick)

screenshots: $(VENV)/.dev  ## pictures of the main pages into docs/screenshots
	@bash .ci/system-packages
	$(BIN)/python -m tools.screenshots

lock: $(VENV)/.uv  ## resolve the dependencies anew
	$(BIN)/uv pip compile pyproject.toml --group build -o requirements/run.txt $(LOCK)
	$(BIN)/uv pip compile pyproject.toml --group build --group dev -c requirements/run.txt -o requirements/dev.txt $(LOCK)
LOCK := --generate-hashes --no-header --no-annotate --python-version 3.11 --quiet

clean:  ## forget the virtual environment (never the data)
	rm -rf $(VENV)

$(VENV)/.uv: requirements/uv.txt
	@echo "Making the virtual environment $(VENV): once, a minute or less…"
	@bash .ci/virtual-environment $(VENV)
	@touch $@

$(VENV)/.run: requirements/run.txt $(VENV)/.uv pyproject.toml
	@echo "Installing what topup needs into $(VENV)…"
	@test -e $(VENV)/.dev || $(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/run.txt
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.uv pyproject.toml
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/dev.txt
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@ $(VENV)/.run
