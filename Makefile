# Everything a person or a machine starts here. `make run` needs Python 3.11 and nothing else.
.PHONY: run setup-dev check test test-long isolation-report test-js system-packages
.DEFAULT_GOAL := run
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

HOST ?= 127.0.0.1
PORT ?= 8000
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input
PYTEST := $(PYTHON) -m pytest
# In order: what takes longest stands in the folders, which come first.
ON_ALL_CORES := --numprocesses logical --dist loadfile --no-loadscope-reorder --quiet --durations=15

run: $(VENV)/requirements.txt
	$(PYTHON) manage.py migrate --verbosity 0
	$(PYTHON) manage.py collectstatic --noinput --verbosity 0
	DEMO=1 $(PYTHON) manage.py demo
	DEMO=1 $(PYTHON) manage.py portal --host $(HOST) --port $(PORT)

setup-dev: $(VENV)/requirements-dev.txt

# What must hold before anything is run. The settings are judged as they would stand on the open network.
check: $(VENV)/requirements-dev.txt
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	data=$$(mktemp -d); trap 'rm -rf "$$data"' EXIT; export DATA_DIR="$$data"; \
	$(PYTHON) manage.py makemigrations --check --dry-run; \
	USES_TLS=1 ALLOWED_HOSTS=portal.example EMAIL_HOST=mail.example DEFAULT_FROM_EMAIL=portal@portal.example ALERT_EMAILS=on.call@portal.example \
	REDIS_URL=redis://redis.example/0 DATABASE_URL=postgres://database.example/portal SECRET_KEY=$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(64))') \
	$(PYTHON) manage.py check --deploy --fail-level WARNING
	$(PYTEST) -q tests/test_architecture.py

# Scripts; everything on SQLite; what the database answers for on PostgreSQL; browsers last, one story at a time.
test: $(VENV)/requirements-dev.txt system-packages test-js
	$(PYTEST) $(ON_ALL_CORES) -m "not long and not browser"
	$(PYTHON) -m tests.services postgres -- $(PYTEST) $(ON_ALL_CORES) -m "database and not long"
	$(PYTEST) -m "browser and not long" tests/browser

test-long: test
	$(PYTEST) -m long

# Every proof of isolation in full size, on both databases, and what each of them found as one table: over an hour.
isolation-report: $(VENV)/requirements-dev.txt system-packages
	tests/bin/isolation-report

test-js:
	tests/bin/run-script-tests

system-packages:
	tests/bin/install-system-packages

$(PYTHON):
	$$(command -v python3.11 || command -v python3) -m venv $(VENV)

# The copy says which list the environment was made from; it is left alone while the list stays the same.
$(VENV)/requirements.txt: requirements.txt | $(PYTHON)
	$(PIP) --requirement requirements.txt
	cp requirements.txt $@

$(VENV)/requirements-dev.txt: requirements-dev.txt $(VENV)/requirements.txt
	$(PIP) --requirement requirements-dev.txt
	cp requirements-dev.txt $@
