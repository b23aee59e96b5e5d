# make demo: watch the main job run.  make test: all checks and tests.  make help: the rest.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help scale demo demo-kafka test lint unit torture isolation bench profile fuzz lock clean
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
SEEDS ?= 1 2 3
ROUNDS ?= 12
CASES ?= 1000000

help:
	@echo 'make demo   about 100,000 events from Avro files to a double of Segment, and the proof that all arrived'
	@echo 'make demo-kafka  the same through a real Apache Kafka (needs Java 17 or newer, and Maven the first time)'
	@echo 'make test   lint, types, unit tests and system tests with real processes'
	@echo 'make lint   ruff and mypy only'
	@echo 'make unit   the tests that start no processes'
	@echo 'make torture  crashes and faults by chance, and an oracle: SEEDS="1 2 3" ROUNDS=12 PROCESSES= SOURCE=kafka (empty: 1 to 3 by chance, folder)'
	@echo 'make isolation  what healthy connectors notice of one that fails, as ratios: FAULTS="503 hang" EVENTS= ROUNDS= PROCESSES=; FLAT=5000000: memory and store'
	@echo 'make bench  what a million events cost, beside others: EVENTS=1000000 ROUNDS=3 ONLY="race pods shell growth latency outage known" PUBLISH=1 (into docs/performance.md)'
	@echo 'make profile  where the time of one process goes, as a flame graph: EVENTS= PUBLISH=1'
	@echo 'make scale  64 partitions, 10 connectors, 3 processes over a real Apache Kafka: start, idling, evenness: EVENTS=1000000'
	@echo 'make fuzz   spoiled files, frames, datums and schemas, each case watched: CASES=1000000 SEED= (empty: by chance, printed) KINDS= (twins,spoiled_twins: both decoders alone)'
	@echo 'make lock   resolve the dependencies again (needs uv)'
	@echo 'make clean  remove what these commands made'

# uv where it is there, plain pip elsewhere; both refuse a package whose hash is not in the lock, and compile what they install.
define install
@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null || { \
  found=$$("$(or $(PYTHON),python3)" -c 'import platform; print("Python", platform.python_version())' 2>/dev/null); \
  echo "currents-segment needs Python 3.11 or 3.12 (Bytewax has no wheels for others); found: $${found:-none}. Install one of them, or run: make PYTHON=/path/to/python3.12" >&2; exit 2; }
@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
@echo "installing $(1) ..."
@if command -v uv >/dev/null 2>&1; then \
  uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $(1) && uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
else \
  $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes -r $(1) && $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation -e .; \
fi
@touch $@
endef

# Our modules and our loops, too: a start that had to compile them would take twice as long.
define compile
@$(BIN)/python -m compileall -q codecs flows sinks
@$(BIN)/python deploy/compile.py
@touch $@
endef

.venv/run.installed: requirements.lock pyproject.toml
	$(call install,requirements.lock)

.venv/test.installed: requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock)

.venv/run.stamp: .venv/run.installed
	$(compile)

.venv/test.stamp: .venv/test.installed
	$(compile)

demo: .venv/run.stamp
	@$(BIN)/currents-segment demo

demo-kafka: .venv/run.stamp
	@$(BIN)/python -m deploy.broker.run $(BIN)/currents-segment demo --brokers

lint: .venv/test.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: .venv/test.stamp
	$(BIN)/python -m pytest -q --ignore=tests/system --ignore=tests/oracle --ignore=tests/bench

test:
	@$(MAKE) --no-print-directory -j 2 lint .venv/test.stamp
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

torture: .venv/test.stamp
	@$(BIN)/python -m tests.oracle --seeds $(SEEDS) --rounds $(ROUNDS) $(if $(PROCESSES),--processes $(PROCESSES)) $(if $(SOURCE),--source $(SOURCE))

scale: .venv/test.stamp
	@$(BIN)/python -m tests.bench.scale $(if $(EVENTS),--events $(EVENTS))

isolation: ROUNDS = 5
isolation: .venv/test.stamp
	@$(BIN)/python -m tests.bench.isolation --rounds $(ROUNDS) $(if $(FAULTS),--faults $(FAULTS)) $(if $(EVENTS),--events $(EVENTS)) $(if $(PROCESSES),--processes $(PROCESSES)) $(if $(FLAT),--flat $(FLAT))

bench: ROUNDS = 3
bench: .venv/test.stamp
	@$(BIN)/python -m tests.bench --rounds $(ROUNDS) $(if $(EVENTS),--events $(EVENTS)) $(if $(ONLY),--only $(ONLY)) $(if $(PUBLISH),--publish)

profile: .venv/test.stamp
	@$(BIN)/python -m tests.bench --only profile $(if $(EVENTS),--events $(EVENTS)) $(if $(PUBLISH),--publish)

fuzz: .venv/test.stamp
	@$(BIN)/python -m tests.fuzz --cases $(CASES) $(if $(SEED),--seed $(SEED)) $(if $(KINDS),--kinds $(KINDS))

lock:
	uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra build pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv .demo build src/*.egg-info
