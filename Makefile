# On a fresh machine: `make demo`, then `make test`. Each target says what it does.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo up test containers chaos bench bench-quick lint audit format lock dist clean

demo: $(VENV)/.run        ## run the whole relay here, take messages through every path, print what happened, stop
	$(BIN)/smsrelay demo

up: $(VENV)/.run          ## run the whole relay here until Ctrl-C
	$(BIN)/smsrelay up

test: $(VENV)/.dev        ## run every test; most use real processes
	$(BIN)/pytest -n 4 --dist loadfile

containers: $(VENV)/.dev ## run the image and docker-compose.yml on an engine of its own, as root on Debian
	$(BIN)/pytest tests/containers

CHAOS_MINUTES ?= 5
CHAOS ?=
CHAOS_SEED ?= $(shell od -An -N2 -tu2 /dev/urandom)

chaos: $(VENV)/.dev       ## kill, cut and freeze everything under load; CHAOS_MINUTES=30, CHAOS_SEED=7 repeats a run, CHAOS="--broker rabbitmq"
	$(BIN)/python -m tests.chaos --minutes $(CHAOS_MINUTES) --seed $(strip $(CHAOS_SEED)) $(CHAOS)

BENCH ?=

bench: $(VENV)/.bench     ## measure speed and cost against a plain Celery task, for most of an hour; BENCH="--rows submit --write" for a part
	$(BIN)/python -m tests.bench $(BENCH)

bench-quick: $(VENV)/.bench ## the same in about ten minutes, with fewer runs and smaller numbers
	$(BIN)/python -m tests.bench --quick $(BENCH)

lint: $(VENV)/.dev        ## check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(VENV)/.dev      ## look for advisories on the pinned packages; needs their database on the network
	.ci/audit $(BIN)/pip-audit requirements.lock

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

IMAGE_EXTRAS := api cli console export receiver worker flower
EXTRAS := $(IMAGE_EXTRAS) otel stack # as [all]; with [local] or [all], which name smsrelay itself, the lock would pin it
PIN = $(BIN)/pip-compile -q --strip-extras --no-emit-index-url --no-emit-find-links --no-header --generate-hashes --allow-unsafe
COMPILE = $(PIN) $(foreach extra,$(EXTRAS),--extra $(extra))

lock: $(VENV)/.dev        ## pin what pyproject.toml asks for, with hashes and without the address of an index
	$(COMPILE) -o requirements.lock pyproject.toml
	$(COMPILE) --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(COMPILE) --extra bench -c requirements.lock -o requirements-bench.lock pyproject.toml
	$(PIN) $(foreach extra,$(IMAGE_EXTRAS),--extra $(extra)) -c requirements.lock -o requirements-image.lock pyproject.toml
	$(PIN) --only-build-deps --build-deps-for wheel -c requirements-dev.lock -o requirements-build.lock pyproject.toml

dist: $(VENV)/.dev        ## build dist/: an sdist, the wheel from it, and the SBOM (CycloneDX)
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
