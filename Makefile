# Thin names for what the tools do. Every target that talks to an installation uses the configuration in CONFIG.
SHELL := /bin/bash
CONFIG ?= ./leasehold.yaml
LEASEHOLD ?= build/release/bin/leasehold
ARGS ?=
JOBS ?= $(shell nproc)

.PHONY: help build tools packages demo demo-stop demo-clean test test-long bench start stop migrate migrate-tenants \
	provision-bootstrap lint format clean

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make demo                 build, start a whole installation on this machine and watch it work
demo: packages tools build
	@/usr/bin/python3 tools/demo.py up

## make demo-stop            end exactly what the demo started
demo-stop:
	@/usr/bin/python3 tools/demo.py stop

## make demo-clean           the same, and remove what it made
demo-clean:
	@/usr/bin/python3 tools/demo.py clean

## make test                 install what is missing, build, run every unit, integration and scenario test
test: packages tools
	@cmake --preset dev >build/configure-dev.log 2>&1 || { cat build/configure-dev.log; exit 1; }
	@cmake --build --preset dev -j $(JOBS)
	@tools/run_tests.sh build/dev -LE long

## make test-long            after make test: what takes minutes to show
test-long:
	@tools/run_tests.sh build/dev -L long

## make bench                take the figures of docs/benchmarks.md; ARGS=router takes one of them
bench: packages tools build
	@/usr/bin/python3 bench $(ARGS)

## make build                the release binary
build: packages
	@mkdir -p build
	@cmake --preset release >build/configure-release.log 2>&1 || { cat build/configure-release.log; exit 1; }
	@cmake --build --preset release -j $(JOBS)

packages:
	@mkdir -p build
	@tools/install.sh

## make tools                pinned test tools (OpenBAO, PostgreSQL 17, drivers) into build/tools
tools: packages
	@tools/tools.sh

$(LEASEHOLD):
	@$(MAKE) --no-print-directory build

## make start, make stop     serve with $(CONFIG) in the background
start: | $(LEASEHOLD)
	@tools/start.sh $(LEASEHOLD) $(CONFIG)

stop:
	@tools/stop.sh

## make migrate              registry, shared and tenant databases to the current schema
migrate: | $(LEASEHOLD)
	@$(LEASEHOLD) migrate --config $(CONFIG) --managed-broker $(ARGS)

migrate-tenants: | $(LEASEHOLD)
	@$(LEASEHOLD) migrate --config $(CONFIG) --managed-broker --chain tenant $(ARGS)

# ARGS='--bao-token $BAO_TOKEN' works as written, yet the token is on no command line: the program gets the name of the
# variable and reads the environment itself.
bootstrap_args = $(subst $$BAO_TOKEN,env:BAO_TOKEN,$(subst $${BAO_TOKEN},env:BAO_TOKEN,$(value ARGS)))
## make provision-bootstrap  ARGS='--bao-token $BAO_TOKEN': prepare broker and PostgreSQL servers, once
provision-bootstrap: | $(LEASEHOLD)
	@$(if $(findstring $$,$(bootstrap_args)),echo 'error: ARGS may name $$BAO_TOKEN and no other variable' >&2; exit 2,:)
	@$(if $(findstring env:BAO_TOKEN,$(bootstrap_args)),if [ -z "$${BAO_TOKEN:-}" ]; then \
		echo 'error: BAO_TOKEN is not set' >&2; echo 'fix:   export BAO_TOKEN and repeat the command' >&2; exit 2; fi,:)
	@$(LEASEHOLD) provision-bootstrap --config $(CONFIG) $(bootstrap_args)

## make lint, make format    clang-tidy and the checks of tools/; clang-format
lint: packages
	@tools/lint.sh

format:
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format-14 -i

clean:
	@rm -rf build/dev build/release build/asan build/tsan build/clang
