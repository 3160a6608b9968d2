# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets. Everything Python lives in .venv; Debian packages are installed only where missing.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
DEMO_MODEL ?= models/fashion_scenes/mobilenet_v2_sap.h5
DEMO_BOARD ?= stm32h7

# What a test compiles with, runs and looks at, and the data that the models of models/ were trained on.
APT_TEST := gcc g++ cmake chromium gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm dataset-fashion-mnist openocd stlink-tools dfu-util

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test check golden docs pictures fuzz bench prices clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-12s %s\n", $$1, $$2 }'

setup: .venv/complete ## make .venv with sapmcu and all its extras

.venv/complete: pyproject.toml .ci/apt-install
	@test -n "$(PYTHON)" || { echo "error: no python3 found; install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/apt-install python3-venv
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[all,dev]'
	@touch $@

setup-test: setup
	@.ci/apt-install $(APT_TEST)

demo: setup ## convert a trained network, build its firmware and run it in an emulator
	$(BIN)/sapmcu convert $(DEMO_MODEL) --board $(DEMO_BOARD) --optimize sram -o demo --force
	$(BIN)/sapmcu run demo

test: setup-test ## run all tests
	OPENBLAS_NUM_THREADS=1 $(PYTEST) -n 2 --dist worksteal

check: setup ## format, lint, types and the quick tests, in seconds
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files '*.c' '*.h' '*.cc' ':!tests/golden')
	$(PYTEST) -q tests/test_tiny.py tests/golden

golden: setup ## rewrite the golden files from what the code does now; read the diff
	SAPMCU_UPDATE_GOLDEN=1 $(PYTEST) -q tests/golden
	$(BIN)/python -m sapmcu.report.supported_ops > docs/supported-ops.md

docs: setup ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

pictures: setup-test ## make the pictures of the documentation anew
	$(BIN)/python docs/pictures.py

fuzz: setup ## mutate the reference models for as long as FUZZ_CASES says
	SAPMCU_FUZZ_CASES=$${FUZZ_CASES:-50000} $(PYTEST) -q tests/property/test_fuzz.py

bench: setup ## time and memory of the tool itself
	$(BIN)/python benchmarks/tool.py

prices: setup-test ## measure what kernels take, for the prices of ops
	$(BIN)/python benchmarks/prices.py

clean: ## remove what was made here
	rm -rf .venv demo site .pytest_cache .mypy_cache .ruff_cache .hypothesis
