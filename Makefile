# The one way in, for people and for CI alike: `make help` lists the targets.
# Only Python >= 3.11 and make are needed; everything else goes into .venv, from the hashes in locks/.
# Paths are relative throughout, so a checkout may live under a folder with spaces in its name.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo test test-newest test-ray-oldest test-cluster lint sql bench bench-quick profile peers reference lock clean another

VENV := .venv
PY   := $(VENV)/bin/python
UV   := $(VENV)/bin/uv
NEWEST := .venv-newest
OLDEST := .venv-ray-oldest
PEERS := .venv-peers
ARGS ?=
JOBS ?= 3
RAY  ?=
export PYTHON

help: ## list the targets
	@echo "heliograph: durable workflows that write down everything they did"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile
	@echo "demo, test, bench and lock hand ARGS on: make test ARGS='-k resume -x'; JOBS=0 runs tests one by one. PYTHON=... names the Python of .venv."

venv: $(VENV)/.ready ## make .venv ready (the targets below do it themselves)

# The little that heliograph itself needs is there in seconds; where all is there already, that will do.
demo: $(or $(wildcard $(VENV)/.ready),$(VENV)/.lean) ## run a real job: index the whole standard library, durably
	@echo "demo: indexing the standard library as a durable workflow (stop it at any moment and run it again)"
	@$(PY) examples/stdlib_index.py $(ARGS)

test: $(VENV)/.ready ## run the tests
	@echo "test: running the tests"
	@# Tests start thousands of processes; where Python is told to write no bytecode, each would compile all it imports.
	@$(PY) -m compileall -q src tests
	@$(PY) -m pytest -n $(JOBS) $(ARGS)

test-newest: $(VENV)/.uv ## run the tests on the newest release of every dependency (PYTHON=python3.13: and on that Python)
	@echo "test-newest: making $(NEWEST) with the newest that pyproject.toml allows, and running the tests on it"
	@$(UV) venv --quiet --clear --no-python-downloads --python $(or $(PYTHON),$(PY)) $(NEWEST)
	@$(UV) pip install --quiet --python $(NEWEST)/bin/python --compile-bytecode --upgrade --editable ".[dev,ray,postgres,web,s3,export]"
	@$(NEWEST)/bin/python -m compileall -q src tests
	@$(NEWEST)/bin/python -m pytest -n $(JOBS) $(ARGS)

test-ray-oldest: $(VENV)/.ready ## run the tests of the metadata page on the oldest Ray that is supported (RAY=2.53.0: that one)
	@echo "test-ray-oldest: making $(OLDEST) with Ray $(or $(RAY),2.48), and running the page's tests on it"
	@$(UV) venv --quiet --clear --python $(PY) $(OLDEST)
	@$(UV) pip sync --quiet --python $(OLDEST)/bin/python --require-hashes locks/ray-oldest.txt
	@$(if $(RAY),$(UV) pip install --quiet --python $(OLDEST)/bin/python ray==$(RAY))
	@PYTHONPATH="$(CURDIR)/src" $(OLDEST)/bin/python -m pytest -p no:cacheprovider \
		tests/ray/test_page.py tests/ray/test_internals.py $(ARGS)

test-cluster: $(VENV)/.ready ## kill and stop engines and PostgreSQL for two minutes, then check every row (ARGS: the seed)
	@echo "test-cluster: four engines, 2,000 workflows, two minutes of blows"
	@$(PY) -m tests.cluster $(ARGS)
	@echo "test-cluster: two processes start the same workflow id at the same instant, 500 times"
	@$(PY) -m tests.cluster.same_id

lint: $(VENV)/.ready ## check style (ruff), format (ruff) and types (mypy)
	@echo "lint: checking style, format and types"
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(PY) -m mypy

sql: $(VENV)/.ready ## write src/heliograph/storage/statements/rendered/ anew, after tables or statements have changed
	@echo "sql: rendering the tables and statements of src/heliograph/storage"
	@$(PY) -m heliograph.storage.rendering

bench: $(VENV)/.ready peers ## measure the speed beside peers and floors, and write docs/benchmarks.md (ARGS="CASE ...": only print these)
	@echo "bench: measuring, each figure beside its peers and its floor"
	@$(PY) -m benchmarks $(or $(ARGS),--page)

bench-quick: $(VENV)/.ready ## run every benchmark on small sizes, only to see that all works (with peers, if there are any)
	@echo "bench-quick: running every benchmark on small sizes"
	@$(PY) -m benchmarks --quick $(ARGS)

profile: $(VENV)/.ready ## where the time of a case goes, by thread and function: make profile CASE=chain-threads
	@$(PY) -m benchmarks.profile_case $(or $(CASE),--help) $(ARGS)

peers: $(patsubst locks/peers/%.txt,$(PEERS)/%/.ready,$(wildcard locks/peers/*.txt)) ## make the environments of peers that are measured beside heliograph, each from its lock

$(PEERS)/%/.ready: locks/peers/%.txt $(VENV)/.uv
	@echo "peers: making $(@D) from $<"
	@$(UV) venv --quiet --clear --python $(PY) $(@D)
	@$(UV) pip sync --quiet --python $(@D)/bin/python --compile-bytecode --require-hashes $<
	@touch $@

reference: $(VENV)/.ready ## write docs/reference anew, after docstrings, signatures or public names have changed
	@echo "reference: writing what the docstrings say into docs/reference"
	@$(PY) scripts/reference.py

lock: $(VENV)/.uv ## bring locks/ up to date with pyproject.toml (ARGS=--upgrade: with the newest releases)
	@echo "lock: resolving what pyproject.toml asks for into locks/"
	@scripts/lock $(ARGS)

clean: ## remove all that make made: .venv, caches, builds
	@echo "clean: removing .venv, caches and builds"
	@rm -rf $(VENV) $(NEWEST) $(OLDEST) $(PEERS) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name .git -prune -o -type d -name __pycache__ -exec rm -rf {} +

# Stamps, not the files they stand for: a stamp is written last, so a bootstrap cut short is done again.
# So is one whose Python is gone or another, say after an upgrade of the system: its link leads nowhere, or to a newer file.
# And so is one of a checkout that was moved or copied, or whose Python is not the one that PYTHON=... names; to test-newest
# that names another environment's.
ANOTHER := $(shell PYTHON='$(if $(filter test-newest,$(MAKECMDGOALS)),,$(PYTHON))' scripts/bootstrap another)

$(VENV)/.uv: locks/uv.txt scripts/bootstrap $(VENV)/bin/python $(ANOTHER)
	@scripts/bootstrap uv $(ANOTHER)

$(VENV)/bin/python: ;

another: ;

$(VENV)/.lean: $(VENV)/.uv locks/lean.txt pyproject.toml
	@scripts/bootstrap packages lean

$(VENV)/.ready: $(VENV)/.uv locks/dev.txt pyproject.toml
	@scripts/bootstrap packages
