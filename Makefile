# Everything a newcomer or CI runs. `make demo` and `make test` set up what they need.
PYTHON ?= python3
BIN := .venv/bin
DEMO := build/demo.rirdex
BEFORE := build/before.rirdex
LEASES := build/leases.rirdex
FIRST := build/first.rirdex
CASES := build/casework.rirdex
CASEWORK := --routes fixtures/casework/pfx2as --relationships fixtures/casework/as-rel \
  --desk fixtures/casework/desk

.PHONY: demo test check lint types bench generate clean

demo: .venv/installed
	@mkdir -p build
	$(BIN)/rirdex build fixtures/now -o $(DEMO) --quiet
	@echo
	@echo "From the holder down to the user, from registrations alone"
	$(BIN)/rirdex lookup --index $(DEMO) 10.33.77.5 240.10.33.7
	$(BIN)/rirdex build fixtures/leases --quiet -o $(LEASES) --routes fixtures/leases/pfx2as \
	  --vrps fixtures/leases/vrps.json --relationships fixtures/leases/as-rel \
	  --as-orgs fixtures/leases/as-org2info.txt --desk fixtures/leases/desk
	@echo
	@echo "With routes, ROAs and AS files: who appears to lease it to whom, and why"
	$(BIN)/rirdex lookup --index $(LEASES) 252.16.1.9
	$(BIN)/rirdex lookup --index $(LEASES) --lang ja 252.16.1.9
	$(BIN)/rirdex leases --index $(LEASES) --lessor ORG-SSN1-TEST --confidence high
	$(BIN)/rirdex build fixtures/before -o $(BEFORE) --quiet
	$(BIN)/rirdex build fixtures/now -o $(DEMO) --previous $(BEFORE) --quiet
	@echo
	@echo "A year later another company in another country: who held it when"
	$(BIN)/rirdex history --index $(DEMO) 10.33.77.5
	@echo
	@echo "Whom to tell of what happened in the first year, and whom of what happens now"
	$(BIN)/rirdex lookup --index $(DEMO) --at 2025-03-01 10.33.77.5
	$(BIN)/rirdex contacts --index $(DEMO) --at 2025-03-01 10.33.77.5
	$(BIN)/rirdex contacts --index $(DEMO) 10.33.77.5
	$(BIN)/rirdex build fixtures/casework/first -o $(FIRST) --quiet $(CASEWORK)
	$(BIN)/rirdex build fixtures/casework/second -o $(CASES) --quiet --previous $(FIRST) $(CASEWORK)
	@echo
	@echo "Incidents: whom to tell of them, in order, and a round of mail to look at"
	head -n 3 fixtures/casework/incidents.csv | \
	  $(BIN)/rirdex notify - --index $(CASES) --desk fixtures/casework/desk
	$(BIN)/rirdex notify fixtures/casework/incidents.csv --index $(CASES) --replace \
	  --desk fixtures/casework/desk -o build/drafts | head -n 6

test: .venv/installed
	$(BIN)/pytest -q -n 2 --dist loadfile

check: lint types test

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/mypy

# make bench SIZE=small | medium | large | ripe
SIZE ?= medium
bench: .venv/bench
	$(BIN)/python tests/bench.py --size $(SIZE)

# make generate N=100000 OUT=build/generated: RIPE-shaped dumps of any size
N ?= 100000
OUT ?= build/generated
generate: .venv/installed
	$(BIN)/python fixtures/generate.py $(OUT) --inetnum $(N)

# The link tree of the editable install has one link per file: refresh it when folders change.
.venv/installed: pyproject.toml Makefile $(shell find indexer query -type d -not -name __pycache__)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "rirdex needs Python 3.11 or later; name one with: make PYTHON=python3.11"; exit 1; }
	@command -v cc >/dev/null || command -v gcc >/dev/null || { \
	  echo "A C compiler is missing: pytricia is compiled when it is installed."; \
	  echo "On Debian or Ubuntu: apt-get install gcc libc6-dev python3-dev"; exit 1; }
	@$(PYTHON) -c 'import os, sysconfig as s, sys; \
	  sys.exit(not os.path.exists(os.path.join(s.get_path("include"), "Python.h")))' || { \
	  echo "The headers of Python are missing: pytricia is compiled when it is installed."; \
	  echo "On Debian or Ubuntu: apt-get install python3-dev"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

.venv/bench: .venv/installed
	$(BIN)/pip install --quiet --editable '.[dev,bench,spark]'
	touch $@

clean:
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis
