# One way in. `make run` and `make test` set up everything they need by themselves; Debian needs python3-venv and make.

PYTHON ?= python3
BIN := .venv/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE # the tests start hundreds of processes: each would compile us again

.PHONY: run test check crash day faults repairs bench picture stop clean

run: .venv/.sample
	$(BIN)/ultimate-test-deploy-loop run --focus all

test: .venv/.dev
	$(BIN)/python -m pytest -n 6

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

crash: .venv/.dev
	$(BIN)/python -m pytest -n 4 tests/loop/test_crash.py tests/loop/test_crash_in_repair.py --kills 200

day: .venv/.dev
	$(BIN)/python -m pytest -n 2 tests/day/whole_day.py

faults: .venv/.dev
	$(BIN)/python -m tests.faults

repairs: .venv/.dev
	$(BIN)/python -m tests.faults.repairs

bench: .venv/.dev
	$(BIN)/python -m bench.router
	$(BIN)/python -m bench.websockets
	$(BIN)/python -m bench.logs
	$(BIN)/python -m bench.mining
	$(BIN)/python -m bench.overhead
	$(BIN)/python -m bench.flood
	$(BIN)/python -m bench.deploy
	$(BIN)/python -m bench.health

picture: .venv/.dev
	$(BIN)/python docs/picture.py

stop:
	@test ! -x $(BIN)/ultimate-test-deploy-loop || $(BIN)/ultimate-test-deploy-loop local down

clean: stop
	rm -rf .venv .netra-loop worklogs

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.sample: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[sample]'
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[sample,dev]'
	@touch .venv/.sample $@
