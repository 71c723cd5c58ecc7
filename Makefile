# One verb per need. Every target sets up what it needs in .venv, without root:
# a machine with Python >= 3.11, make and git is enough (and Java 17 with Maven for the real Kafka broker).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BIN := .venv/bin
LOCKED := .venv/.locked
INSTALLED := .venv/.installed

.PHONY: help setup demo test crash crash-long check format bench bench-drools kafka demo-kafka image kube docs lock clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 20

setup: $(INSTALLED)  ## Install dutyd and its tools into .venv; the program is .venv/bin/dutyd
	@echo "Ready: .venv/bin/dutyd"

demo: $(INSTALLED)  ## Play the four scenes of the demo: everything embedded, nothing asked
	@$(BIN)/dutyd demo

test: $(INSTALLED)  ## Run all tests (no Docker; a real Kafka broker where Java 17 and Maven are found)
	$(BIN)/pytest --numprocesses 2 --dist loadfile

crash: $(INSTALLED)  ## Kill it at every point that is listed, then break its servers: two tables, in bench/, too
	$(BIN)/pytest tests/crash
	PYTHONPATH=tests $(BIN)/python tests/crash/kill_matrix.py
	PYTHONPATH=tests $(BIN)/python tests/crash/fault_table.py

crash-long: $(INSTALLED)  ## 30,000 random fault runs in simulation; more passes of each point, and random lines of code
	PYTHONPATH=tests $(BIN)/python tests/crash/simulation.py
	PYTHONPATH=tests $(BIN)/python tests/crash/kill_matrix.py --long

check: $(INSTALLED)  ## Lint, formatting, types and import arrows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED)  ## Measure, against a baseline in the same run: a table, and bench/latest.json
	$(BIN)/python bench/run.py

DROOLS := .cache/drools
bench-drools: $(INSTALLED)  ## Put Drools, the engine of ansible-rulebook, beside ours (needs Java 17)
	@test -x $(DROOLS)/bin/python || $(BIN)/python -m venv $(DROOLS)
	@$(DROOLS)/bin/python -m pip install --quiet --disable-pip-version-check drools_jpy==0.4.1
	$(BIN)/python bench/against_drools.py $(DROOLS)/bin/python

kafka: $(INSTALLED)  ## Start a real Kafka broker on port 9092, in the foreground, to try things
	$(BIN)/python tests/support/broker.py --port 9092

demo-kafka: $(INSTALLED)  ## Play the demo on a real Kafka broker, which is started for it
	@said=$$(mktemp -u); mkfifo "$$said"; \
	$(BIN)/python tests/support/broker.py --port 0 > "$$said" & broker=$$!; \
	trap 'kill $$broker; wait $$broker || true; rm -f "$$said"' EXIT; \
	read -r line < "$$said"; address=$${line#Kafka at }; \
	$(BIN)/dutyd demo --stream "kafka://$${address%%;*}"

image:  ## Build the image localhost/dutyd with podman, buildah or docker
	@tool=; for name in podman buildah docker; do if command -v "$$name" >/dev/null; then tool=$$name; break; fi; done; \
	if [ -z "$$tool" ]; then echo 'The image is built by podman, buildah or docker: install one of them.' >&2; exit 1; fi; \
	"$$tool" build --build-arg REVISION="$$(git rev-parse HEAD)" --file Containerfile --tag localhost/dutyd .

kube: $(INSTALLED)  ## Install, upgrade and roll back the chart on a real Kubernetes API server (Go 1.26; long at first)
	PYTHONPATH=tests $(BIN)/python -m kube.run

format: $(INSTALLED)  ## Mend formatting, and lint where it can be mended
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

docs: $(INSTALLED)  ## Write the pages that are generated from the program
	$(BIN)/python -m dutyd.settings.reference > docs/settings.md.new
	mv docs/settings.md.new docs/settings.md

# The lock holds one version and its hashes for every platform. `uv` is needed for this target only.
lock:  ## Resolve requirements.lock and the image's locks anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --generate-hashes --group dev --upgrade --no-header --no-annotate \
	  pyproject.toml --output-file requirements.lock
	uv pip compile --quiet --universal --generate-hashes --constraint requirements.lock --no-header --no-annotate \
	  pyproject.toml --output-file image/runtime.lock
	echo hatchling | uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --upgrade --no-header \
	  --no-annotate - --output-file image/build.lock

clean:  ## Remove .venv and every cache
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# The stamps make repeats fast: packages are installed again only when the lock changes, the project itself (an
# editable install: edits count at once) only when its metadata changes.
$(LOCKED): requirements.lock
	@python=; for name in $${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do \
	  if "$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then python=$$name; break; fi; done; \
	if [ -z "$$python" ]; then \
	  echo 'dutyd needs Python 3.11 or newer with its venv module (on Debian and Ubuntu: the package python3-venv).' >&2; \
	  echo 'Say where it is with: make setup PYTHON=/path/to/python3' >&2; exit 1; fi; \
	echo "Setting up .venv with $$("$$python" --version): about a minute, once." >&2; \
	"$$python" -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(INSTALLED): $(LOCKED) pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
