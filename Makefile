# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
TOOLS := .tools/bin
TIMEOUT ?= 30m
BENCHTIME ?= 1s
FUZZTIME ?= 60s

# Sources of the collector: what ocb compiles into it.
SOURCES := $(shell find . -path ./_build -prune -o -path ./.tools -prune -o -path ./internal/tools -prune -o \
	\( -name '*.go' -o -name '*_bpfel.o' \) ! -name '*_test.go' -print 2>/dev/null)

.PHONY: help
help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: bin/otelcol-ebpf $(if $(wildcard cmd/ebpfcompat/*.go),bin/ebpfcompat) ## build the collector into bin/

bin/otelcol-ebpf: builder-config.yaml go.mod go.sum $(SOURCES) | $(TOOLS)/builder
	@mkdir -p $(@D)
	CGO_ENABLED=0 $(TOOLS)/builder --config=builder-config.yaml --skip-strict-versioning=false
	mv _build/otelcol-ebpf $@

bin/ebpfcompat: go.mod go.sum $(SOURCES)
	@mkdir -p $(@D)
	CGO_ENABLED=0 $(GO) build -trimpath -o $@ ./cmd/ebpfcompat

.PHONY: run
run: build ## build and start the collector with the default configuration (as root)
	@scripts/run.sh

.PHONY: test
test: install-deps kernels lint generate-check test-unit test-live build test-config test-deploy test-own-probe test-own-object test-readme test-kernels ## everything: what CI runs (as root)

.PHONY: test-unit
test-unit: $(TOOLS)/gotestsum ## tests that need no root, with the race detector
	scripts/test-again.sh ./... -race -short -timeout=$(TIMEOUT)

.PHONY: test-live
test-live: build $(TOOLS)/gotestsum ## all tests, with those that load programs into the running kernel (as root)
	@[[ $$(id -u) -eq 0 ]] || { echo "The live tests load eBPF programs and need root." >&2; exit 1; }
	scripts/test-again.sh ./... -count=1 -p=1 -timeout=$(TIMEOUT) # one at a time: they observe the same machine

# Kernels to boot, as internal/kernels/fetch.sh takes them, and those among them to boot in each mode of LOCKDOWN, too.
KERNELS ?= 5.10 6.1 6.12 6.18 7 6.12/arm64
LOCKDOWN ?= integrity confidentiality
LOCKDOWN_ON ?= 6.1 6.18

.PHONY: kernels
kernels: ## fetch the kernels that tests read and boot (as root)
	@scripts/install-deps.sh kernels
	internal/kernels/fetch.sh $(KERNELS)

.PHONY: test-kernels
test-kernels: kernels $(TOOLS)/gotestsum ## boot other kernels and run there what matters: KERNELS=6.1 boots one (as root)
	KERNELS="$(KERNELS)" LOCKDOWN="$(LOCKDOWN)" LOCKDOWN_ON="$(LOCKDOWN_ON)" UPDATE_GOLDEN=$(UPDATE) \
		scripts/test-again.sh ./internal/kernels -count=1 -v -timeout=60m -run TestKernels
	UPDATE_GOLDEN=$(UPDATE) $(GO) test -count=1 -run TestRecord ./internal/kernels/support

.PHONY: docs
docs: ## write docs/support.md, after taking in what the fetched kernels' types tell, and docs/probes
	UPDATE_GOLDEN=1 $(GO) test -count=1 -run TestRecord ./internal/kernels/support
	UPDATE_GOLDEN=1 $(GO) test -count=1 -run TestPages ./internal/probes

.PHONY: test-config
test-config: build ## let the collector validate the configurations in testdata/
	bin/otelcol-ebpf validate --config=file:testdata/default.yaml
	bin/otelcol-ebpf validate --config=file:testdata/default.yaml --config=file:testdata/web.yaml
	OTLP_ENDPOINT=localhost:4317 bin/otelcol-ebpf validate --config=file:testdata/default.yaml --config=file:testdata/otlp.yaml

.PHONY: test-deploy
test-deploy: build ## check the manifests and Helm values of deploy/ with Kubernetes' own types
	cd internal/deploycheck && $(GO) vet ./... && $(GO) test -count=1 ./...

.PHONY: test-own-probe
test-own-probe: $(TOOLS)/builder ## build and run a collector with a probe of another module (as root)
	scripts/own-probe.sh

.PHONY: test-own-object
test-own-object: build ## run what docs/own-object.md says (as root)
	scripts/own-object.sh

.PHONY: test-readme
test-readme: build ## run what README.md says (as root)
	scripts/readme-check.sh

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## gofmt, vet and golangci-lint, also for a system that is not supported
	$(TOOLS)/golangci-lint run
	GOOS=darwin $(GO) vet . ./receiver/...
	for script in scripts/*.sh .ci/run; do bash -n "$$script"; done

.PHONY: generate
generate: $(TOOLS)/mdatagen ## compile the BPF programs and generate code from metadata.yaml
	@scripts/install-deps.sh generate
	scripts/mdatagen.sh
	$(GO) generate ./...

.PHONY: generate-check
generate-check: ## fail if what is generated differs from what is committed
	scripts/generate-check.sh

.PHONY: bench
bench: ## Go benchmarks
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

# What bench-load passes to bin/loadbench, as "-workloads nginx,redis -rounds 20"; UPDATE=1 takes the figures into docs/.
BENCHLOAD ?=

.PHONY: bench-load
bench-load: install-deps ## what the receiver costs loaded servers, and itself, compared with docs/performance.json (as root, on a quiet machine)
	cd internal/loadbench && $(GO) build -o ../../bin/loadbench .
	bin/loadbench $(if $(UPDATE),-json docs/performance.json -markdown docs/performance.md,$(if $(wildcard docs/performance.json),-compare docs/performance.json)) $(BENCHLOAD)

SOAK ?= 30m

.PHONY: soak
soak: build ## observe the collector under mixed load for SOAK, and write docs/soak.md (as root; not in CI)
	$(GO) test -count=1 -timeout 2h -run TestSoak ./internal/acceptance -soak $(SOAK) -soak-report $(CURDIR)/docs/soak.md

.PHONY: fuzz
fuzz: ## each fuzz test for FUZZTIME
	scripts/fuzz.sh $(FUZZTIME)

.PHONY: tools
tools: $(TOOLS)/mdatagen $(TOOLS)/builder $(TOOLS)/golangci-lint $(TOOLS)/gotestsum ## build the tools into .tools/bin

$(TOOLS)/mdatagen: PACKAGE := go.opentelemetry.io/collector/cmd/mdatagen
$(TOOLS)/builder: PACKAGE := go.opentelemetry.io/collector/cmd/builder
$(TOOLS)/golangci-lint: PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/gotestsum: PACKAGE := gotest.tools/gotestsum
$(TOOLS)/%: internal/tools/go.mod internal/tools/go.sum
	@mkdir -p $(@D)
	$(GO) build -C internal/tools -o $(CURDIR)/$@ $(PACKAGE)
	@touch $@

.PHONY: install-deps
install-deps: ## install the Debian packages that the tests need (as root)
	@scripts/install-deps.sh test

.PHONY: clean
clean: ## remove what was built
	rm -rf bin _build .tools
