# Shortcuts for people; everything is done by setup.sh and by the makefiles of the parts.

.DEFAULT_GOAL := help
PG_BIN = $(or $(TENANCY_PG_BIN),/usr/lib/postgresql/15/bin)
.PHONY: help all up down test clients-test test-matrix deb deb-test reset bench bench-quick bench-guard bench-guard-update fuzz images images-test sanitize valgrind lint format

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

test-matrix: ## build and test on PostgreSQL 15, 17 and 18; VERSIONS="17 18" takes some
	@tests_pgtap/matrix $(VERSIONS)

deb: ## build the Debian packages, in var/deb
	@scripts/deb

deb-test: ## install, use and purge the Debian packages in a clean root
	@scripts/deb test

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

images: ## build the images of docker/ with Docker, podman or buildah
	@docker/build

images-test: ## build them without an engine, run them, and let the API tests pass on them; as root on Debian
	@docker/test

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

lint: ## read all code with the linters
	@./setup.sh lint

format: ## write the C++ files anew as .clang-format has them
	@./setup.sh format
