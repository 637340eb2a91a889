# Shortcuts for people; everything is done by setup.sh and by the makefiles of the parts.

.DEFAULT_GOAL := help
PG_BIN = $(or $(TENANCY_PG_BIN),/usr/lib/postgresql/15/bin)
.PHONY: help all up down test clients-test reset bench bench-quick bench-guard bench-guard-update fuzz sanitize valgrind lint

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

all: up ## the same as up

up: ## install what is missing, build, start the demo
	@./setup.sh up

down: ## stop the demo; its data stays
	@./setup.sh down

test: ## run every test on a throw-away cluster
	@./setup.sh test

clients-test: ## run the examples of docs/clients.md that need a JDK, Go or Prisma
	@./setup.sh test clients

reset: ## load the demo database afresh
	@./setup.sh reset

bench: ## measure what protection and the gateway cost, in ten minutes
	@bench/run

bench-quick: ## the same in two minutes, roughly
	@bench/run --quick

bench-guard: ## count the instructions of each request's path and compare them with the baseline
	@bench/guard/run

bench-guard-update: ## write that baseline
	@bench/guard/run --update

fuzz: ## feed the parsers of signed tokens with nonsense for ten minutes
	@$(MAKE) -C pg_extension fuzz

sanitize: build/gateway-address/gateway_tests build/gateway-thread/gateway_tests ## run tests with sanitizers; FILES="20_context.sql …" names files of pgTAP
	@$(MAKE) -C pg_extension core-sanitize PG_CONFIG=$(PG_BIN)/pg_config
	build/gateway-address/gateway_tests --gtest_brief=1
	build/gateway-thread/gateway_tests --gtest_brief=1
	@PATH=$(PG_BIN):$$PATH pg_extension/test/checkers/run undefined $(FILES)

valgrind: ## run pgTAP files on a server under valgrind, a minute or more each; FILES="20_context.sql …"
	@PATH=$(PG_BIN):$$PATH pg_extension/test/checkers/run memcheck $(FILES)

# cmake sees what is old.
.PHONY: build/gateway-address/gateway_tests build/gateway-thread/gateway_tests
build/gateway-%/gateway_tests:
	@cmake -S gateway -B $(@D) -DGATEWAY_SANITIZE=$* >/dev/null
	@cmake --build $(@D) --target gateway_tests -j "$$(nproc)"

lint: ## check the shell scripts
	shellcheck --external-sources --check-sourced setup.sh .ci/run bench/guard/run pg_extension/test/checkers/run docker/test docker/postgres/entrypoint.sh docker/gateway/healthy.sh
