# The commands of the portal. A bare machine needs Python 3.11 or 3.12, pip and make; the rest is made in .venv.

PYTHON := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help demo up test check bench format shots install install-dev

help: ## this list
	@echo "make demo          set up, file sample workbooks, show customs' answers, leave the portal running"
	@echo "make demo ONCE=1   the same, then end: exit code 0 when the figures are right"
	@echo "make up            start the portal and stay until Ctrl-C (PORTAL_PORT, SANDBOX_PORT)"
	@echo "make test          the whole test suite (ONLY=tests/portal for a part, WORKERS=0 for one process)"
	@echo "make check         lint, types, directions of import, missing migrations, untranslated text"
	@echo "make bench         how fast the main job is beside the usual Django way; writes var/bench.json (QUICK=1 for a look)"
	@echo "make format        let ruff put the code into shape"
	@echo "make shots         take the pictures of README.md anew, from a portal that make demo left running"
	@echo "Settings come from the environment; README.md lists them."

install:
	@.ci/install run

install-dev:
	@.ci/install dev

demo: install
	@$(PYTHON) manage.py demo $(if $(ONCE),--once)

up: install
	@$(PYTHON) manage.py up

test: install-dev
	@.ci/system_packages
	@$(PYTHON) -m pytest --numprocesses $(or $(WORKERS),2) --dist loadgroup --no-loadscope-reorder $(ONLY)

check: install-dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	PYTHONPATH=. .venv/bin/lint-imports --no-cache
	$(PYTHON) manage.py makemigrations --check --dry-run
	$(PYTHON) manage.py check_text

bench: install-dev
	@$(PYTHON) manage.py bench $(if $(QUICK),--quick)

format: install-dev
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

shots: install-dev
	@.ci/system_packages
	@$(PYTHON) docs/take_shots.py http://127.0.0.1:$(or $(PORTAL_PORT),8000)
