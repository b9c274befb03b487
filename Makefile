# Five verbs. The first one used creates .venv; llama-cpp-python is compiled then, which takes about five minutes.
#   make test EXTRAS=gguf,export,dev     another set of extras (see pyproject.toml)
PYTHON ?= python3
EXTRAS ?= gguf,onnx,export,batch,bench,dev

# GCC 12 miscompiles llama.cpp's AMX kernels, and they crash (llama.cpp issue 20824): CPUs that have AMX do without.
ifneq (,$(findstring amx_tile,$(shell cat /proc/cpuinfo 2>/dev/null)))
export CFLAGS += -mno-amx-tile -mno-amx-int8 -mno-amx-bf16
export CXXFLAGS += -mno-amx-tile -mno-amx-int8 -mno-amx-bf16
endif

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
	@# The pip of Python 3.11 stops at lxml[html_clean] and lxml[html-clean], which readability-lxml and trafilatura ask for.
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --upgrade 'pip>=24'
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[$(EXTRAS)]'
	touch $@
