# Shortcuts for people; everything is done by setup.sh and by the makefiles of the parts.

.DEFAULT_GOAL := help
.PHONY: help all up down test clients-test reset bench fuzz images images-test lint

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

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

bench: ## measure against hand-written SQL and against pgbench
	@bench/run

fuzz: ## feed the parsers of signed tokens with nonsense for ten minutes
	@$(MAKE) -C pg_extension fuzz

images: ## build the images of docker/ with Docker, podman or buildah
	@docker/build

images-test: ## build them without an engine, run them, and let the API tests pass on them; as root on Debian
	@docker/test

lint: ## check the shell scripts
	shellcheck --external-sources --check-sourced setup.sh .ci/run docker/build docker/test docker/postgres/entrypoint.sh docker/gateway/healthy.sh
