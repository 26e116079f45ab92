# Two commands matter: `make demo` and `make test`. Each installs what it needs into this folder first.
# Recipes use paths relative to this folder, so a path with spaces is well.

UV_VERSION = 0.13.9
PYTHON = .venv/bin/python
INSTALLED = .venv/.lofte-installed

SEEDS = 1000
FIRST = 0

PACKAGES = $(dir $(wildcard libs/*/*/py.typed services/*/*/py.typed deploy/local/*/py.typed))
TESTS = conftest.py $(sort $(dir $(wildcard libs/*/tests/*.py services/*/tests/*.py deploy/local/tests/*.py deploy/helm/tests/*.py deploy/cluster/tests/*.py tests/*/*.py examples/*/*.py docs/*/*.py bench/*.py)))

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test test-faults test-demo chaos simulate test-import check docs bench image cluster-test

help:
	@echo 'make demo         one Monday at a contact centre on real servers, in about a minute'
	@echo 'make test         all tests, on real servers'
	@echo 'make up           start a stack at http://127.0.0.1:8100 and leave it running'
	@echo 'make down         stop it'
	@echo 'make check        format, lint, types, imports and the fast tests'
	@echo 'make test-faults  every service x crash point x replicas (long)'
	@echo 'make test-demo    the demo twice with one seed: both tell the same (some minutes, on a quiet machine)'
	@echo 'make chaos        ten minutes of kills under traffic: MINUTES=10 SEED=7 KILLS=300 (an hour)'
	@echo 'make simulate     SEEDS=1000: all services in one process, with every fault that a seed can think of; SEED=n replays one'
	@echo 'make test-import  FILE=...csv.gz: a whole file of requests imported, counted, exported (some minutes)'
	@echo 'make image        build the image: IMAGE=lofte:dev BASE=python:3.11-slim-bookworm'
	@echo 'make cluster-test the image and the chart on a cluster (KUBECONFIG, or one of our own; long)'
	@echo 'make docs         the API documents and the tables of docs/events.md, made anew'
	@echo 'make bench        the figures in bench/RESULTS.md'
	@echo 'make setup        only install (all the others do so too)'
	@echo './lofte --help    the command line'

setup: $(INSTALLED)

demo: $(INSTALLED)
	@$(PYTHON) -m lofte_local demo

up: $(INSTALLED)
	@$(PYTHON) -m lofte_local up --detach

down: $(INSTALLED)
	@$(PYTHON) -m lofte_local down

WORKERS ?= 2
test: $(INSTALLED)
	@# Two beside each other, each with servers of its own: one half of the tests waits while the other computes.
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

test-faults: $(INSTALLED)
	$(PYTHON) -m pytest tests/faults --full-matrix --matrix-report bench/RESULTS.md

test-demo: $(INSTALLED)
	$(PYTHON) -m pytest tests/demo/twice.py

MINUTES ?= 10
KILLS ?= 300
chaos: $(INSTALLED)
	$(PYTHON) -m tests.chaos --minutes $(MINUTES) --kills $(KILLS) $(if $(SEED),--seed $(SEED))

simulate: $(INSTALLED)
	@$(PYTHON) -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS) --first $(FIRST)) $(if $(BUG),--bug "$(BUG)")

test-import: $(INSTALLED)
	$(PYTHON) -m pytest tests/importing/whole.py -s --file "$(FILE)"

check: $(INSTALLED)
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy $(PACKAGES)
	@# Every package has a folder named tests: without mypy_path each is a module of its own, `services.intake.tests`.
	@mkdir -p .mypy_cache && grep -v '^mypy_path\|^strict' pyproject.toml > .mypy_cache/tests.toml
	$(PYTHON) -m mypy --config-file .mypy_cache/tests.toml --cache-dir .mypy_cache/tests $(TESTS)
	.venv/bin/lint-imports
	$(PYTHON) -m pytest -q -m "not mongo and not kafka and not system and not faults and not node"

docs: $(INSTALLED)
	$(PYTHON) -m docs.generate

bench: $(INSTALLED)
	@# The peers are for the bench alone: the next `make setup` that has anything to do takes them out again.
	.tools/bin/uv sync --quiet --frozen --all-packages --no-python-downloads --group peers
	$(PYTHON) -m bench.peers.temporal
	$(PYTHON) -m bench

IMAGE ?= lofte:dev
image: $(INSTALLED)
	@sh deploy/images/build.sh $(IMAGE) $(BASE)

cluster-test: $(INSTALLED)
	@deploy/cluster/run.sh

$(INSTALLED): uv.lock pyproject.toml deploy/local/bootstrap.sh $(wildcard libs/*/pyproject.toml services/*/pyproject.toml deploy/local/pyproject.toml)
	@sh deploy/local/bootstrap.sh $(UV_VERSION)
	@touch $@
