# `make demo` and `make test` need only Python 3.11+, make and the package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
# `make CONSTRAINTS= test` takes the newest versions instead of those in which all tests have passed
CONSTRAINTS ?= constraints.txt
# options of uv and of pytest, for `make test-lowest`: the lowest torch is small with `UV_FLAGS="--torch-backend cpu"`;
# `TESTS="tests/cli tests/showers tests/export"` takes a part of the tests
UV_FLAGS ?=
TESTS ?=
KILLS ?= 50
MUTATIONS ?= 2000

.PHONY: demo test test-lowest attack docs constraints clean

demo: $(VENV)/installed
	$(BIN)/caloforge run configs/quickstart.toml --resume --minutes 10

test: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --maxprocesses 4 --dist worksteal --durations 20

# The lowest versions that pyproject.toml allows; packages below them warn of what their own dependencies drop.
test-lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip install --python $(LOWEST)/bin/python --resolution lowest-direct $(UV_FLAGS) -e ".[all,dev]"
	$(LOWEST)/bin/pytest -q -W ignore::DeprecationWarning $(TESTS)

# Hours: the long forms of the attacks in tests/attack/, seeded; benchmarks/results/reliability.md shows the figures.
attack: $(VENV)/installed
	$(BIN)/python -m tests.attack.kills $(KILLS)
	$(BIN)/python -m tests.attack.cluster
	$(BIN)/python -m tests.attack.mutations $(MUTATIONS)
	$(BIN)/python -m tests.attack.growth 20000 2000

# The documentation as a site in build/site; broken links are errors.
docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

constraints: $(VENV)/installed
	echo "# Versions in which all tests pass, for the environment of the Makefile; \`make constraints\` writes them anew." > constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' >> constraints.txt

# One pip call: the torch bound must be resolved together with everything that needs torch.
$(VENV)/installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) -e ".[all,dev]"
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) build dist .mypy_cache .pytest_cache .ruff_cache
