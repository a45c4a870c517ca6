# Everwire: everything that one does with its source. Works as root and as an ordinary user, from a fresh clone.
#
#   make run      Postgres if none is given, the example database, the server, the web page
#   make test     every check and every test
#   make build    the program, in target/debug (PROFILE=release: in target/release)
#   make fmt      formats the source
#   make lint     formatting, clippy and documentation links; changes nothing
#   make schema   writes schema.graphql anew from the example database
#   make clean    removes what was built; the example database's folder stays

# The dev profile starts about twice as soon from a fresh clone, and shares what it builds with `make test`.
# PROFILE=release is for measuring and for use.
PROFILE ?= dev

# Each job of a build in Rust takes up to 2 GB of memory.
export CARGO_BUILD_JOBS ?= 2

WEB_SOURCES := schema.graphql $(wildcard web/*.json web/*.ts web/*.html client/src/*.ts) \
	$(shell find web/src -type f -not -path '*/generated/*' 2>/dev/null)

# An empty database of its own, out of the way of a server that is running. It lies in the folder for temporary
# files because the user `postgres` must be able to reach it.
PRINT_SCHEMA = folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	env -u DATABASE_URL EVERWIRE_DATA_DIR="$$folder" cargo run --quiet --profile $(PROFILE) -- schema

.PHONY: run build test test-rust test-web test-clients test-client fmt lint schema clean tools postgres postgis browser nextest web clients client

run: postgres build
	cargo run --quiet --profile $(PROFILE) -- serve

build: tools web
	cargo build --profile $(PROFILE)

test: lint test-rust test-web test-clients test-client

# With defects that can be switched on, so that one build serves the proof and the test of the proof.
test-rust: tools postgres postgis nextest web
	cargo nextest run --features sabotage

test-web: web
	@if command -v npm >/dev/null && [ -f web/package.json ]; then cd web && npm run check --if-present; fi

# Everwire as its clients see it: npm packages, and a browser if there is one.
test-clients: tools postgres web browser
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory clients; \
	else echo "npm is missing: the clients are not tested."; fi

# The npm package that holds a copy, alone and on a real server.
test-client: tools postgres web
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory client; \
	else echo "npm is missing: the package \`everwire\` is not tested."; fi

fmt: tools
	cargo fmt

lint: tools web
	cargo fmt --check
	cargo clippy --all-targets --features sabotage -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --quiet

schema: tools postgres web
	@$(PRINT_SCHEMA) > schema.graphql.new && mv schema.graphql.new schema.graphql

clean:
	cargo clean
	rm -rf web/dist web/node_modules tests/clients/node_modules client/dist client/node_modules

# What is needed, and installed where it may be.

tools:
	@command -v cargo >/dev/null || { echo "Rust is missing: see https://rustup.rs"; exit 1; }

postgres:
	@scripts/install-postgres

# After Postgres, for whose version it is.
postgis: postgres
	@scripts/install-postgis

browser:
	@scripts/install-chromium

nextest:
	@cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked

# The pages inside the program. The folder must be there for the build, even empty.
web:
	@mkdir -p web/dist
	@if [ ! -f web/package.json ]; then :; \
	elif command -v npm >/dev/null; then $(MAKE) --no-print-directory web/dist/graphiql.html; \
	else echo "npm is missing: building without the pages for the browser."; fi

# The program as `test-rust` builds it, so that it is not built twice; its defects stay switched off.
clients: tests/clients/node_modules/.package-lock.json
	cargo build --quiet --features sabotage
	cd tests/clients && npm run check && npm test

client: client/node_modules/.package-lock.json
	cargo build --quiet --features sabotage
	cd client && npm run check && npm test && npm run build && npm run size

# npm writes this file at the end of an installation.
%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund
	@touch $@

web/dist/graphiql.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && npm run build
	@touch $@
