# Five verbs. The first one used creates .venv; llama-cpp-python is compiled then, which takes about five minutes.
#   make test EXTRAS=gguf,export,dev     another set of extras (see pyproject.toml)
PYTHON ?= python3
EXTRAS ?= gguf,export,bench,dev

BIN := .venv/bin
comma := ,
READY := .venv/.ready-$(subst $(comma),-,$(EXTRAS))

.PHONY: demo test check bench clean

demo: $(READY)
	$(BIN)/edgedoc demo

test: $(READY)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	for file in bench/edgedoc_bench/*_bench.py; do $(BIN)/python -m edgedoc_bench.$$(basename $$file .py) || exit 1; done

clean:
	rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -o -name '*.egg-info' -prune | xargs rm -rf

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[$(EXTRAS)]'
	touch $@
