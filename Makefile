# Everything that is done with this repository. `make` alone lists it.
#
# Recipes call cargo through scripts/with-rust, which finds a toolchain that is new enough.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

CARGO := scripts/with-rust cargo
WEB := pulse-server/web
# The browser that scripts/install-chromium found, unless the environment names another.
BROWSER = CHROMIUM="$${CHROMIUM:-$(CURDIR)/target/tools/chromium}"

# Publish a test picture in `make demo`? PUBLISH=0 waits for your own encoder.
PUBLISH ?= 1
# Flags of the server for `make demo` and `make run`.
ARGS ?=
# Seconds for which `make fuzz` runs each target.
SECONDS ?= 60

# nginx lies in /usr/sbin, which users do not always have in their path.
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: ## Install what is missing to build and run (asks nothing, needs root or sudo only if something is missing)
	@scripts/setup demo

.PHONY: setup-test
setup-test: ## Install also the encoders, players and servers that the tests use
	@scripts/setup test

.PHONY: setup-bench
setup-bench:
	@scripts/setup bench

.PHONY: demo
demo: setup web ## Watch a live test picture in a browser (PUBLISH=0: from your own encoder)
	$(CARGO) run --release -p pulse-server -- demo $(if $(filter 0 no false,$(PUBLISH)),--no-publish) $(ARGS)

.PHONY: run
run: setup web ## Run the server (ARGS="--config pulse.toml")
	$(CARGO) run --release -p pulse-server -- serve $(ARGS)

.PHONY: test
test: setup-test web ## Run all tests, the ones with real clients included
	scripts/check-docs
	cd $(WEB) && npm test
	scripts/fuzz check
	$(BROWSER) $(CARGO) test --workspace --no-fail-fast

.PHONY: lint
lint: setup $(WEB)/node_modules/.package-lock.json ## Check formatting, lints, types and dependencies
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	scripts/check-layers
	cd $(WEB) && npm run check
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --all-features check; \
	else echo 'cargo-deny is not installed: licences and advisories are not checked (cargo install cargo-deny)'; fi

.PHONY: bench
bench: setup-bench web ## Measure, side by side with nginx-rtmp, and write benches/RESULTS.md
	benches/run

.PHONY: fuzz
fuzz: setup-test ## Fuzz every decoder for SECONDS seconds each (60)
	scripts/fuzz $(SECONDS)

.PHONY: docs
docs: ## Write the generated pages of docs/ anew
	UPDATE_DOCS=1 $(CARGO) test -p pulse-server --lib config::reference

.PHONY: web
web: $(WEB)/dist/index.html

# The player page, which the server's build embeds.
$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(WEB)/index.html $(WEB)/vite.config.ts $(WEB)/tsconfig.json \
		$(shell find $(WEB)/src $(WEB)/public -type f 2>/dev/null)
	cd $(WEB) && npm run build
	@touch $@

$(WEB)/node_modules/.package-lock.json: $(WEB)/package.json $(WEB)/package-lock.json
	cd $(WEB) && npm ci --no-audit --no-fund
	@touch $@
