# pocketlab: every verb a person types. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON   ?= python3
VENV     := .venv
BIN      := $(VENV)/bin
DEVICE   ?= host
SHAPE    ?= bench
SUITE    ?= quick
SCENARIO ?=
BUILD    ?= nano-paper
PHONES   ?= 2
ABI      ?= x86_64
NETWORK  ?=
BUDGET   ?= 900
DATA     ?= lab-data
DEMO     ?= lab-demo
PORT     ?= 8501
# A single scenario keeps its own plan unless you name a suite.
SUITE_NAMED := $(filter command environment,$(firstword $(origin SUITE)))
# The nightly suite names its devices unless you do.
DEVICE_NAMED := $(filter command environment,$(firstword $(origin DEVICE)))
# What a person gives is text: without this, make would run BUILD='$(shell ...)'.
$(foreach name,ABI BUDGET BUILD BUILDS DATA DEMO DEVICE NDK NETWORK ORT_AAR PHONES PORT SCENARIO SHAPE SUITE, \
  $(eval override $(name) := $$(value $(name))))
# One word of the shell, whatever it holds: what a person gives may have spaces, quotes and apostrophes.
quoted = '$(subst ','\'',$(1))'
SUITE_OPTION = $(if $(SCENARIO),$(if $(SUITE_NAMED),--suite $(call quoted,$(SUITE))),--suite $(call quoted,$(SUITE)))
# The one question that is computed: it needs no build and no device.
STUDY = $(filter resolution_study,$(SCENARIO))
FARM = $(BIN)/python -m device_agents.virtual_phone
PIP_INSTALL = $(BIN)/pip install --disable-pip-version-check -q
export POCKETLAB_DATA := $(DATA)
export ORT_DISABLE_TELEMETRY := 1

.PHONY: help setup agent llama-bench build run-scenario accuracy selfcheck nightly nightly-demo dashboard dashboard-demo farm-up farm-down
.PHONY: check test test-arm64 bench lint doctor clean

help:  ## list the verbs
	@echo "pocketlab: make VERB [NAME=value ...]"; echo
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "  make run-scenario takes SCENARIO=vit_batch  BUILD=nano-paper  SUITE=quick|full|once  DATA=lab-data"; \
	  echo "                             DEVICE=host|all|NAME|SERIAL|soc:MT6989, or several with commas"; \
	  echo "                             ($(BIN)/lab devices lists them)"
	@echo "  after make setup, everything else: $(BIN)/lab --help"

setup: $(VENV)/.ready  ## create .venv with pinned versions (once)

$(VENV)/.ready: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "pocketlab needs Python 3.11 or newer, found $$($(PYTHON) --version)"; \
	  echo "name another: make setup PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing what requirements.lock pins (a few minutes the first time; log: $(VENV)/setup.log)"
	@$(PIP_INSTALL) --require-hashes -r requirements.lock > $(VENV)/setup.log 2>&1 \
	  && $(PIP_INSTALL) torch==2.13.0 >> $(VENV)/setup.log 2>&1 \
	  && $(PIP_INSTALL) --no-build-isolation -e '.[models,agents,dashboard,dev]' >> $(VENV)/setup.log 2>&1 \
	  || { tail -n 15 $(VENV)/setup.log; echo "setup failed: see above; the whole log is $(VENV)/setup.log"; exit 2; }
	@touch $@

build: setup  ## make the reference build BUILD=(tiny|nano|bench)-(fp32|w8|w8a8|paper|paper-kv8)[-b128] unless the lab has it
	@said=$$($(BIN)/lab builds show $(call quoted,$(BUILD)) 2>&1 > /dev/null) || { set -e; \
	  [[ "$$said" == *"no build '"* ]] || { echo "$$said"; exit 2; }; \
	  [[ "$$BUILD" =~ ^(tiny|nano|bench)-(fp32|w8a8|(w8|paper|paper-kv8)(-b(32|64|128|256))?)$$ ]] || { echo "$$said"; \
	    echo "make can build tiny|nano|bench - fp32|w8|w8a8|paper|paper-kv8, e.g. BUILD=nano-w8a8, or with other blocks BUILD=bench-paper-b128"; exit 2; }; \
	  model=$${BUILD%%-*}; recipe=$${BUILD#*-}; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	  echo "no build $$BUILD yet: making it from models/ ($$model, recipe $$recipe)"; \
	  $(BIN)/python -m models.export $$model --recipe $$recipe --out "$$folder/build" > "$$folder/id"; \
	  $(BIN)/lab builds add "$$folder/build" --line $(call quoted,$(BUILD)); }
build: export BUILD := $(BUILD)

run-scenario: $(if $(STUDY),setup,build)  ## run SUITE=quick on DEVICE=host (or all), or one SCENARIO=..., and print the answers
	@$(if $(STUDY),mkdir -p $(call quoted,$(DATA)) && $(BIN)/lab study --html $(call quoted,$(DATA)/resolution_study.html),\
	  $(BIN)/lab run $(if $(SCENARIO),$(call quoted,$(SCENARIO))) $(SUITE_OPTION) --build $(call quoted,$(BUILD)) \
	  --device $(call quoted,$(DEVICE)))

accuracy: setup  ## ask BUILDS=nano-fp32,nano-w8,... the same questions, and print one table
	@IFS=, read -ra builds <<< "$$BUILDS"; \
	  for each in "$${builds[@]}"; do $(MAKE) --no-print-directory build BUILD="$$each" || exit 2; done
	@IFS=, read -ra builds <<< "$$BUILDS"; \
	  for each in "$${builds[@]}"; do $(BIN)/lab run accuracy --build "$$each" --device $(call quoted,$(DEVICE)) \
	    || exit; done; $(BIN)/lab accuracy
accuracy: export BUILDS := $(BUILDS)

selfcheck: build  ## measure how often verdicts on DEVICE=host are wrong, and the smallest change they show (15 min)
	@$(BIN)/lab selfcheck --build $(call quoted,$(BUILD)) --device $(call quoted,$(DEVICE)) \
	  --budget $(call quoted,$(BUDGET))

nightly: setup  ## measure scenarios/nightly.toml on DEVICE=host (or all), and report what got worse
	@for line in nano-paper nano-fp32; do $(MAKE) --no-print-directory build BUILD=$$line || exit 2; done
	@$(BIN)/lab nightly --suite scenarios/nightly.toml --resume $(if $(DEVICE_NAMED),--device $(call quoted,$(DEVICE)))

nightly-demo: setup  ## ninety nights of a made-up rack in DEMO=lab-demo, and the report of the last one (3 min)
	@$(BIN)/python -m lab.nightly.demo --data $(call quoted,$(DEMO))

dashboard: setup  ## show DATA=lab-data in the browser, on PORT=8501 of this machine
	@$(BIN)/python -m dashboards --data $(call quoted,$(DATA)) --port $(call quoted,$(PORT))

dashboard-demo: nightly-demo  ## the same for the made-up rack in DEMO=lab-demo
	@$(BIN)/python -m dashboards --data $(call quoted,$(DEMO)) --port $(call quoted,$(PORT))

agent: setup  ## build the native agent for ABI=x86_64|arm64, or android-arm64 with NDK=... ORT_AAR=...
	@$(BIN)/python -m device_agents.native.build --abi $(call quoted,$(ABI)) --out $(call quoted,$(DATA)/agents/$(ABI)) \
	  $(if $(NDK),--ndk $(call quoted,$(NDK))) $(if $(ORT_AAR),--ort-aar $(call quoted,$(ORT_AAR)))

llama-bench: setup  ## build llama.cpp's llama-bench (once) and add SHAPE=bench|bluelm_v_3b|llama3_8b_shape as a build
	@$(BIN)/lab builds show $(call quoted,$(SHAPE)-llama) > /dev/null 2>&1 || { set -e; \
	  folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	  $(BIN)/python -m device_agents.adapters.llama_build --out "$$folder"; \
	  $(BIN)/python -m models.gguf_export $(call quoted,$(SHAPE)) --program "$$folder/llama-bench" --out "$$folder/build"; \
	  $(BIN)/lab builds add "$$folder/build" --line $(call quoted,$(SHAPE)-llama); }
	@echo "measure it: $(BIN)/lab run prefill_tokens --build "$(call quoted,$(SHAPE)-llama)"   (docs/foreign-tools.md)"

farm-up: setup  ## start PHONES=2 virtual phones, ABI=x86_64 or arm64 (emulated); needs root
	@test -f $(call quoted,$(DATA)/agents/$(ABI)/bundle.json) \
	  || $(MAKE) --no-print-directory agent ABI=$(call quoted,$(ABI))
	@$(FARM) up --phones $(call quoted,$(PHONES)) --abi $(call quoted,$(ABI)) \
	  $(if $(NETWORK),--network $(call quoted,$(NETWORK)))
	@for address in $$($(FARM) addresses); do $(BIN)/lab devices connect $$address || exit 2; done

farm-down: setup  ## stop all virtual phones and remove everything of theirs
	@for address in $$($(FARM) addresses); do $(BIN)/lab devices disconnect $$address || true; done
	@$(FARM) down

STYLE = $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
# Two workers; tests that share a costly fixture go to one of them (LANES in tests/conftest.py). Phones measure
# on this machine's cores, so their tests run alone.
PYTEST = $(BIN)/python -m pytest
BESIDE = -n 2 --dist loadgroup

check: setup  ## the inner loop: style, types, layers, and the tests that need no phone, export or wait
	@$(STYLE) && $(PYTEST) $(BESIDE) -m 'not slow and not arm64'

test: setup  ## run everything: style, types, layers, and every test
	@$(STYLE) && $(PYTEST) $(BESIDE) -m 'not phone and not arm64' && $(PYTEST) -m 'phone and not arm64'

test-arm64: setup  ## test the native agent and the plan `once` on an emulated arm64 phone (minutes)
	@$(BIN)/python -m pytest -m arm64

lint: setup  ## format and check the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix . && $(BIN)/mypy && $(BIN)/lint-imports

bench: setup  ## measure each speed claim against a named rival (about 20 minutes; phones need root)
	@for line in nano-paper bench-paper bench-w8a8; do $(MAKE) --no-print-directory build BUILD=$$line || exit 2; done
	@$(BIN)/python -m benchmarks

doctor: setup  ## report what is missing on this machine, and how to get it
	@$(BIN)/lab doctor

clean:  ## remove .venv and caches, but keep the results in DATA
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
