# Every job of the project by its name; the work itself is in scripts, so that this page stays a list.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup build test test-full torture torture-containerd torture-long demo demo-gke demo-volcengine lint fmt check bench bench-compare fuzz package clean
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):/usr/local/sbin:/usr/sbin:/sbin

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Install what the tests need and is missing: Debian packages, a kernel for the test guest, npm packages
	@test/setup/apt.sh test
	@test/setup/kernel.sh
	@test/setup/npm.sh

build: ## Leave dist/cocoon-net and dist/cocoon-ipam, ready to run (needs npm and gcc, and musl-tools for the fastest plugin)
	@test/setup/npm.sh
	@npm run --silent build

test: setup build ## Run every test but the long ones (as root)
	@test/setup/test.sh unit system

test-full: setup build ## Run every test, the long ones too; writes docs/test-full.txt
	@test/setup/test.sh unit system long

torture: setup build ## Torture a node: 1,000,000 operations in process, 20,000 through real processes (as root); writes test/torture/report*.json
	@node test/torture/in-process.ts --operations 1000000 --report test/torture/report.json
	@node test/torture/real.ts --operations 20000 --report test/torture/report-real.json

torture-containerd: setup build ## Kill containerd, its shims, its pods and the broker under each other, 1,500 calls (as root); writes test/torture/report-containerd.json
	@node test/torture/containerd.ts --operations 1500 --report test/torture/report-containerd.json

torture-long: torture torture-containerd ## The same, then plant bugs for it to find, and write docs/reliability.md
	@node test/torture/mutate.ts --report test/torture/report-planted.json
	@node test/torture/report.ts > docs/reliability.md

demo: ## Show a throwaway node at work: a container, a virtual machine, a killed broker (as root)
	@test/demo/demo.sh

demo-gke: ## Show a node on a fake GKE: init killed and repeated, a guest, teardown, audit (as root)
	@test/demo/demo-gke.sh

demo-volcengine: ## The same on a fake Volcengine (as root)
	@test/demo/demo-volcengine.sh

lint: ## Look for mistakes and for what nothing uses
	@test/setup/npm.sh
	@npm run --silent lint
	@npm run --silent types
	@knip

fmt: ## Bring every file into the one format
	@test/setup/npm.sh
	@npm run --silent fmt

check: lint ## Everything that can be judged without running: format, mistakes, types
	@npm run --silent fmt:check

bench: setup build ## Measure speed and memory against others; writes JSON
	@npm run --silent bench

bench-compare: setup ## Build another revision too and print ratios: make bench-compare BASE=<revision>
	@node bench/compare.ts "$(BASE)"

fuzz: setup build ## Fuzz packets, requests and calls at length (as root); writes test/fuzz/report.json
	@node test/fuzz/long.ts

package: build ## Make the .tar.gz and the .deb in dist
	@npm run --silent package

clean: ## Remove what a build made; packages and kernel stay
	@rm -rf dist
