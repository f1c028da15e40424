# `make` alone lists the targets. Everything a target needs it sets up itself, below target/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

WASM_TARGET := wasm32-wasip1
TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
MODULE := $(TARGET_DIR)/$(WASM_TARGET)/release/sigwarden.wasm
TOOLS := $(CURDIR)/target/tools

# What the scripts of hack/ run.
export SIGWARDEN ?= $(TARGET_DIR)/debug/sigwarden

# The module holds no path of the machine that built it. This is for the module's target alone.
CARGO_HOME_DIR := $(or $(CARGO_HOME),$(HOME)/.cargo)
# The curves' arithmetic takes wasm for a 64-bit machine, but multiplying two words of 64 bits takes a call there:
# with words of 32 bits P-384, which certificates are signed with, takes a third of the time.
export CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS := --remap-path-prefix=$(CARGO_HOME_DIR)/registry/src=/registry --cfg=cpubits="32"

# An organisation's own keyring: make KEYS=directory policy.wasm
ifdef KEYS
export SIGWARDEN_KEYS := $(abspath $(KEYS))
endif

# cargo-deny, where it is not installed already.
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(or $(shell command -v cargo-deny),$(TOOLS)/bin/cargo-deny)

say = printf '\n== %s\n' "$(1)"

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: policy.wasm host ## Run the bundled examples through the policy and print one verdict for each
	@$(call say,running the examples)
	@"$(SIGWARDEN)" examples

.PHONY: test
test: policy.wasm ## Run every test that needs no network but the package registries
	@$(call say,testing (the first build takes some minutes))
	cargo test --workspace --locked

.PHONY: check
check: lint book test size ## Run all that needs no network but the package registries: what CI runs, live tests apart
	@$(call say,all checks passed)

.PHONY: lint
lint: fmt layers clippy docs deny ## Check without running the policy: format, layers, lints, docs, dependencies

# cargo knows best whether the module is up to date. The file is left alone where nothing changed, so that what
# is made of it stays up to date as well.
.PHONY: FORCE
FORCE:
policy.wasm: FORCE ## Build the policy module; KEYS=directory compiles that keyring in
ifdef KEYS
	@compgen -G "$(SIGWARDEN_KEYS)/*.pub" >/dev/null || { echo "make: no *.pub in $(SIGWARDEN_KEYS)" >&2; exit 1; }
endif
	@hack/setup-target.sh $(WASM_TARGET)
	@$(call say,building policy.wasm (the first build takes about a minute))
	@# rustc skips link-time optimisation for a crate that is both cdylib and rlib: hence the crate type here.
	cargo rustc --locked --lib --crate-type cdylib --target $(WASM_TARGET) --release
	@cmp -s "$(MODULE)" $@ || cp "$(MODULE)" $@

KWCTL := $(shell command -v kwctl)

.PHONY: kwctl
kwctl:
	@hack/require-kwctl.sh

# Where there is no kwctl, our own host writes the same section.
annotated-policy.wasm: policy.wasm policy-metadata.yml README.md $(if $(KWCTL),,host) ## Build the module with its metadata
ifdef KWCTL
	kwctl annotate --metadata-path policy-metadata.yml --usage-path README.md --output-path $@ policy.wasm
else
	"$(SIGWARDEN)" annotate --metadata policy-metadata.yml --usage README.md --output $@ policy.wasm
endif

.PHONY: artifacthub
artifacthub: kwctl ## Make the package for Artifact Hub anew; needs kwctl
	kwctl scaffold artifacthub --metadata-path policy-metadata.yml --questions-path questions-ui.yml \
	  --output artifacthub-pkg.yml

.PHONY: push
push: annotated-policy.wasm ## Push the policy: make push REGISTRY=ghcr.io/acme/policies/sigwarden:v1.0.0
	@test -n "$(REGISTRY)" || { echo "make: say where to: make push REGISTRY=ghcr.io/acme/policies/sigwarden:v1.0.0" >&2; exit 1; }
	hack/push.sh annotated-policy.wasm "$(REGISTRY)"

# The dev profile and all of the workspace, as in `make test`: wasmtime is compiled once.
.PHONY: host
host: ## Build the small native host, `sigwarden`
	@$(call say,building the host (the first build takes some minutes))
	cargo build --workspace --locked

.PHONY: fmt
fmt: ## Check the format
	cargo fmt --all --check

.PHONY: layers
layers: ## Check which module may know which
	hack/check-layers.py --self-test
	hack/check-layers.py

.PHONY: clippy
clippy: ## Lint, for this machine and for the module
	@hack/setup-target.sh $(WASM_TARGET)
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --lib --locked --target $(WASM_TARGET) -- -D warnings

.PHONY: docs
docs: ## Build the API documentation; a broken link is an error
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" \
	  cargo doc --workspace --locked --no-deps --document-private-items

# The pages of the documentation as a site. Neither program needs to be fast, so they are compiled without optimisation.
MDBOOK_VERSION := 0.5.4
MDBOOK := $(TOOLS)/mdbook-$(MDBOOK_VERSION)/bin/mdbook
HYPERLINK_VERSION := 0.3.2
HYPERLINK := $(TOOLS)/hyperlink-$(HYPERLINK_VERSION)/bin/hyperlink

.PHONY: book
book: $(MDBOOK) $(HYPERLINK) ## Build the documentation as a site, in target/book/html; a broken link is an error
	hack/book.sh "$(MDBOOK)" "$(HYPERLINK)"

$(MDBOOK) $(HYPERLINK):
	@$(call say,installing $(@F) into target/tools (about a minute))
	CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --profile dev --root "$(@D)/.." --target-dir "$(TOOLS)/$(@F)" \
	  $(if $(filter mdbook,$(@F)),--no-default-features --features search --version $(MDBOOK_VERSION),--version $(HYPERLINK_VERSION)) $(@F)
	@rm -rf "$(TOOLS)/$(@F)"

.PHONY: size
size: policy.wasm ## Check the module's size, imports, exports, host calls and metadata
	@$(call say,checking the module)
	cargo test --workspace --locked --test module

.PHONY: deny
deny: $(CARGO_DENY) ## Check the dependencies: licences, sources, duplicates, known vulnerabilities
	"$(CARGO_DENY)" --locked --workspace check --hide-inclusion-graph bans licenses sources
	@if timeout 120 "$(CARGO_DENY)" fetch db >/dev/null 2>&1; then \
	  "$(CARGO_DENY)" --locked --workspace check --disable-fetch advisories; \
	else \
	  echo "deny: advisories NOT checked: the advisory database cannot be fetched from here"; \
	fi

$(TOOLS)/bin/cargo-deny:
	@$(call say,installing cargo-deny $(CARGO_DENY_VERSION) into target/tools (some minutes))
	cargo install --quiet --locked --version $(CARGO_DENY_VERSION) --root "$(TOOLS)" --target-dir "$(TOOLS)/cargo-deny" cargo-deny
	@rm -rf "$(TOOLS)/cargo-deny"

.PHONY: e2e-tests
e2e-tests: kwctl host annotated-policy.wasm ## Run the examples through the real kwctl, offline; needs kwctl
	@hack/setup-tools.sh bats
	POLICY="$(CURDIR)/annotated-policy.wasm" $(TOOLS)/bin/bats e2e-tests/policy.bats

.PHONY: live-tests
live-tests: annotated-policy.wasm host ## Sign fresh images with cosign 2 and 3 in a registry on loopback, and verify them
	@$(call say,testing against a real registry and real cosign)
	hack/live-tests.sh
	hack/publish-tests.sh
	hack/push-tests.sh
	hack/tutorial-tests.sh
	hack/release-tests.sh
	hack/mirror-tests.sh

# The cases are not part of this repository: SIGWARDEN_TESTDATA says where they are.
CONFORMANCE := $(TARGET_DIR)/$(WASM_TARGET)/release/sigwarden_conformance.wasm

.PHONY: conformance
conformance: ## Judge the cases of sigstore-conformance, natively and in the sandbox; SIGWARDEN_TESTDATA=directory
	@hack/setup-target.sh $(WASM_TARGET)
	@$(call say,judging the cases of sigstore-conformance)
	cargo rustc --locked --package sigwarden-conformance --lib --crate-type cdylib --target $(WASM_TARGET) --release
	SIGWARDEN_CONFORMANCE_MODULE="$(CONFORMANCE)" cargo test --workspace --locked --test conformance -- --nocapture --test-threads 1

.PHONY: trusted-root
trusted-root: ## Take over the public-good trust root of the sigstore-trust-root crate in Cargo.lock
	@hack/trusted-root.sh

.PHONY: monitoring
monitoring: ## Test the alerts with promtool, and the dashboard against Grafana's own types
	@$(call say,testing the alerts and the dashboard)
	hack/monitoring-tests.sh

.PHONY: bench
bench: policy.wasm ## Measure decisions, as multiples of one native P-256 verification in the same run, and memory
	@$(call say,measuring (the first build takes some minutes))
	cargo run --quiet --locked -p sigwarden-host --example bench -- policy.wasm
	cargo run --quiet --locked -p sigwarden-host --example memory -- policy.wasm

.PHONY: fixtures
fixtures: policy.wasm host ## Record the examples anew with real cosign
	@$(call say,recording the examples)
	hack/fixtures.sh

.PHONY: clean
clean: ## Remove what was built
	cargo clean
	rm -f policy.wasm annotated-policy.wasm
