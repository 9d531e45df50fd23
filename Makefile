# Two commands on a fresh machine: `make demo` and `make test`. All others stand below with a word each.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo up test chaos bench bench-quick lint audit format lock dist clean

demo: $(VENV)/.run        ## the whole relay at work, on this machine; ends by itself with a table
	$(BIN)/smsrelay demo

up: $(VENV)/.run          ## the whole relay until Ctrl-C
	$(BIN)/smsrelay up

test: $(VENV)/.dev        ## every test, on real processes
	$(BIN)/pytest -n 3 --dist loadfile

CHAOS_MINUTES ?= 5
CHAOS ?=
CHAOS_SEED ?= $(shell od -An -N2 -tu2 /dev/urandom)

chaos: $(VENV)/.dev       ## kill, cut and freeze everything under load; CHAOS_MINUTES=30 longer, CHAOS_SEED=7 the same again, CHAOS="--broker rabbitmq"
	$(BIN)/python -m tests.chaos --minutes $(CHAOS_MINUTES) --seed $(strip $(CHAOS_SEED)) $(CHAOS)

BENCH ?=

bench: $(VENV)/.bench     ## speed and cost beside a plain Celery task, most of an hour; BENCH="--rows submit --write" for a part
	$(BIN)/python -m tests.bench $(BENCH)

bench-quick: $(VENV)/.bench ## the same in two minutes: fewer runs, smaller numbers
	$(BIN)/python -m tests.bench --quick $(BENCH)

lint: $(VENV)/.dev        ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(VENV)/.dev      ## advisories on the pinned packages, where their database can be reached
	.ci/audit $(BIN)/pip-audit requirements.lock

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

EXTRAS := cli receiver worker flower stack # all of them; [local] and [all], which name smsrelay itself, would end up in the lock
COMPILE = $(BIN)/pip-compile -q --strip-extras --no-emit-index-url --no-emit-find-links --no-header --generate-hashes --allow-unsafe $(foreach extra,$(EXTRAS),--extra $(extra))

lock: $(VENV)/.dev        ## pin what pyproject.toml asks for, with hashes; no index address is written
	$(COMPILE) -o requirements.lock pyproject.toml
	$(COMPILE) --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(COMPILE) --extra bench -c requirements.lock -o requirements-bench.lock pyproject.toml

dist: $(VENV)/.dev        ## dist/: sdist, wheel made from it, and the list of components (CycloneDX)
	rm -rf build dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python .ci/sbom requirements.lock > dist/smsrelay.cdx.json

clean:
	rm -rf $(VENV) .smsrelay build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements-dev.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@ $(VENV)/.run

$(VENV)/.bench: $(VENV)/bin/python requirements-bench.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-bench.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@ $(VENV)/.run
