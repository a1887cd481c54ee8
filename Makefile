# Everything a person does here, by name. Needs Python 3.11 or newer and make; nothing else has to be installed or running.
# Paths are relative on purpose: the clone may lie in a folder with spaces.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
PY := $(VENV)/bin/python
MANAGE := $(PY) manage.py
# Tests run in this many processes, each with a database of its own. TESTS takes any words of pytest: make test TESTS="-k journal -x"
WORKERS ?= 2
TESTS ?=
SIZE ?= small
FAULTS ?=
HOST ?= 127.0.0.1
PORT ?= 8000

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test serve check format migrate stop lock clean reset bench faults

help: ## say what there is
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: migrate ## set everything up and play the example worlds: who owes how much, and why
	@if $(MANAGE) help demo >/dev/null 2>&1; then $(MANAGE) demo; else echo "The database is ready; the example worlds are still to come."; fi
	@echo "'make serve' shows the same in a browser."
	@test -n "$$DATABASE_URL" || echo "The database goes on running for your next command; 'make stop' ends it."

test: $(VENV)/.tools ## run the whole test-suite
	$(PY) -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

serve: migrate ## serve the site and bill what comes due, until Ctrl-C
	$(PY) -m config.serve --host $(HOST) --port $(PORT)

check: $(VENV)/.tools ## style, types, floors, migrations, generated docs
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) $(VENV)/bin/lint-imports --no-logo
	$(MANAGE) makemigrations --check --dry-run
	@if $(MANAGE) help docs >/dev/null 2>&1; then $(MANAGE) docs --check; fi

bench: $(VENV)/.tools ## measure speed: SIZE=tiny, small or full, in a database of its own; BENCH="--only scale" for a part
	$(PY) -m tests.bench $(SIZE) $(BENCH)

faults: $(VENV)/.tools ## inject every fault at length and count: FAULTS="--size short --only F1 F2"
	$(PY) -m tests.drills $(FAULTS)

format: $(VENV)/.tools ## let ruff put the code into its form
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

migrate: $(VENV)/.runtime
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) createcachetable --verbosity 0

stop: ## end the embedded database servers, that of the tests too
	@for home in var/postgres var/postgres-test var/postgres-bench var/postgres-faults; do \
		if [ -e "$$home" ] && [ -x $(PY) ]; then $(PY) -m config.postgres stop --home "$$home" || exit 1; fi; \
	done

lock: $(VENV)/.tools ## resolve requirements*.in anew, for every platform and Python from 3.11
	$(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links requirements.in -o requirements.lock
	$(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links requirements-dev.in -o requirements-dev.lock

clean: stop ## remove what can be made again; the data under var/ stays
	rm -rf $(VENV) staticfiles .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

reset: stop ## forget all data of the embedded servers
	@for home in var/postgres var/postgres-test var/postgres-bench var/postgres-faults; do \
		if [ -L "$$home" ]; then rm -rf "$$(readlink "$$home")"; fi; rm -rf "$$home"; \
	done

# One stamp for each lock: when a lock changes, its packages are installed again.
$(VENV)/.runtime: requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. If it has another name: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) \
		|| { echo "The virtual environment can't be made: on Debian and Ubuntu, install python3-venv" >&2; exit 1; }
	@echo "Installing the packages of requirements.lock"
	@$(PY) -m pip install --quiet --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.tools: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing the packages of requirements-dev.lock"
	@$(PY) -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@
