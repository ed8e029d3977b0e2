# Parley's tasks. `make` alone lists them. They need Go, git and npm (which brings the ClickHouse engine); e2e needs Java
# and Maven, too.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The benchmarks that can also measure on real Kafka, three brokers with three replicas of all: make bench KAFKA=real.
ifeq ($(KAFKA),real)
WITH_KAFKA := go run ./internal/e2e/kafka/with
BENCH      ?= ^Benchmark(PostSingle|PostNDJSON|Processor|Latency|Sink|Visible|Cost)$$
PACKAGES   ?= ./ingest ./processor ./results ./internal/cli/node
endif

# How long a benchmark and a fuzz target run, which ones bench runs, where bench and fuzz look for theirs, how many seeds sim plays, for how many
# minutes the torture sends calls, how often kills does, and how many requests fuzz-api makes up for each operation and kind.
BENCHTIME ?= 2s
BENCH     ?= .
FUZZTIME  ?= 30s
SEEDS     ?= 300
MINUTES   ?= 5
KILLS     ?= 100
EXAMPLES  ?= 40
PACKAGES  ?= ./...

# The race detector goes where goroutines meet. results/record and results/reports are SQL; the scripts of internal/cli would take
# seven minutes for what internal/cli/node and the packages below it show.
RACE_PACKAGES = ./ingest/... $(shell go list ./internal/... | grep -vx parley/internal/cli) ./processor/... \
	./results ./results/audit ./results/erasure ./results/extract ./results/query ./results/sink

# The program is built without cgo and tested as it is built.
export CGO_ENABLED ?= 0

# go build writes the version and the commit that git knows into the program. Without a repository there is none.
VCS := $(shell git rev-parse --verify --quiet HEAD >/dev/null 2>&1 && echo auto || echo false)

# Tools are pinned in a module of their own: what they depend on is no concern of Parley's go.mod.
TOOL := go tool -modfile=$(CURDIR)/internal/tools/go.mod

##@ Use

.PHONY: build
build: engine ## Build bin/parley
	go build -buildvcs=$(VCS) -trimpath -o bin/parley .

# On a terminal, Ctrl-C shall reach serve alone, which then ends well: make would call it an error. So serve gets a
# process group of its own (set -m, and "|| exit" keeps bash from becoming serve instead of starting it).
.PHONY: run
run: build ## Build, and serve everything on this machine until Ctrl-C
	@if [ -t 0 ]; then set -m; bin/parley serve || exit; else exec bin/parley serve; fi

.PHONY: demo
demo: build ## Build, and take the tour: sample data in, results and reports out
	@exec bin/parley demo

.PHONY: engine
engine: ## Fetch the ClickHouse engine into the cache folder, once (a part of build)
	@go run ./internal/embedded/chdb/fetch >/dev/null

##@ Check

.PHONY: test
test: engine test-plain test-race ## Run all tests, with the race detector where it pays

.PHONY: test-plain
test-plain: engine
	go test ./...

# The race detector is the one thing that wants a C compiler (any: cc, gcc, clang).
.PHONY: test-race
test-race: engine
	@if [ "$$(env -u CGO_ENABLED go env CGO_ENABLED)" = 1 ]; then \
		echo "go test -race $(RACE_PACKAGES)"; \
		CGO_ENABLED=1 go test -race $(RACE_PACKAGES); \
	else \
		echo "NOT DONE: go test -race, which needs a C compiler; all else of make test is done"; \
	fi

# Real Kafka, as child processes. It needs Java 17 and Maven, and says so.
.PHONY: kafka
kafka:
	@go run ./internal/e2e/kafka/fetch >/dev/null

.PHONY: e2e
e2e: engine kafka ## Test on clusters of real Kafka, which Maven fetches once (it takes Java 17, Maven and some minutes)
	go test -count=1 -tags e2e -timeout 10m ./internal/e2e/kafka
	cd internal/e2e && go test -count=1 -tags e2e -timeout 30m # there it shows the fault table, also when all is well

.PHONY: e2e-smoke
e2e-smoke: engine kafka ## A part of e2e, of under five minutes
	go test -count=1 -tags e2e -timeout 10m -run '^TestSmoke' ./internal/e2e/...

.PHONY: lint
lint: lint-go lint-modules lint-schemas lint-rules lint-deploy lint-generated ## Check format, habits, schemas, go.mod, and that generated code is current

.PHONY: lint-go
lint-go:
	$(TOOL) golangci-lint fmt --diff
	$(TOOL) golangci-lint run

.PHONY: lint-modules
lint-modules:
	go mod tidy -diff
	go -C internal/tools mod tidy -diff
	go -C internal/tools/rules mod tidy -diff
	go -C internal/tools/deploy mod tidy -diff

.PHONY: lint-schemas
lint-schemas:
	cd schemas && $(TOOL) buf lint

.PHONY: lint-rules
lint-rules:
	go -C internal/tools/rules test ./...

# Helm, the types of Kubernetes, Compose and BuildKit read what is in deploy. Built for the first time, they take a minute or two.
.PHONY: lint-deploy
lint-deploy:
	go -C internal/tools/deploy test ./...

# What is not committed yet is allowed; what go generate changes is not. It stays changed, ready to be committed.
.PHONY: lint-generated
lint-generated:
	@before=$$(git diff HEAD; git ls-files --others --exclude-standard); \
	$(MAKE) generate; \
	after=$$(git diff HEAD; git ls-files --others --exclude-standard); \
	if [ "$$before" != "$$after" ]; then \
		echo "make generate changed files: look at git diff, and commit what it wrote"; exit 1; \
	fi

.PHONY: bench
bench: engine $(if $(WITH_KAFKA),kafka) ## Run the benchmarks and print a table (BENCHTIME=2s, BENCH=., PACKAGES=./..., KAFKA=real)
	@$(WITH_KAFKA) go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) $(PACKAGES) | while read -ra field; do \
		case "$${field[0]:-}" in \
			'' | ok | PASS | goos: | goarch: | cpu: | '?') ;; \
			pkg:) printf '\n%s\n' "$${field[1]}" ;; \
			Benchmark*) \
				printf '  %-36s' "$${field[0]#Benchmark}"; \
				printf ' %14s %-12s' "$${field[@]:2}"; \
				echo ;; \
			*) echo "$${field[*]}" ;; \
		esac; \
	done

# The simulation is built with a few lines of Go's runtime replaced, so that a seed does exactly the same again. The first
# time all packages are built anew for it.
.PHONY: sim
sim: ## Play SEEDS=300 seeds of the simulation (SEED=n: that one alone)
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	go test ./processor/sim -run '^TestWriteOverlay$$' -write-overlay "$$dir" >/dev/null; \
	go test -overlay "$$dir/overlay.json" -timeout 120m ./processor/sim -run '^(TestSimulation|TestSameSeedSameHistory)$$' \
		-exact -seeds $(SEEDS) $(if $(SEED),-seed $(SEED))

.PHONY: sim-mutations
sim-mutations: ## Break rules of the processor on purpose, and see that the simulation finds each
	go test -timeout 120m ./processor/sim -run '^TestMutations$$' -mutations all -v

.PHONY: torture
torture: build ## Kill and freeze members under load for MINUTES=5, and compare all records (SEED=, BROKERS=)
	@exec bin/parley torture --load $(MINUTES)m --drain 5m $(SEED:%=--seed %) $(BROKERS:%=--brokers %)

# One thing is done to the sink at each step in make test; here all are.
.PHONY: kills
kills: engine ## Kill and freeze the process of the sink at every step, and KILLS=100 times at random, and compare with the log
	go test -count=1 -timeout 60m ./results/sink -run '^(TestKillMatrix|TestKilledAtRandom)$$' -matrix -kills $(KILLS) -v

.PHONY: fuzz
fuzz: engine ## Run each fuzz target for FUZZTIME=30s (PACKAGES=./...)
	@for package in $$(go list $(PACKAGES)); do \
		listed=$$(go test -list '^Fuzz' $$package); \
		for target in $$listed; do \
			[[ $$target == Fuzz* ]] || continue; \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

# It needs python3 with venv, and a package index the first time; what it installs lies in .cache.
.PHONY: fuzz-api
fuzz-api: build ## Send a parley serve all that its OpenAPI document allows and forbids (EXAMPLES=40 per operation, SEED=n)
	@internal/tools/fuzzapi/run.sh bin/parley .cache --max-examples $(EXAMPLES) $(if $(SEED),--seed $(SEED))

# It needs kcat (Debian: apt-get install kcat), and says so.
.PHONY: receivers
receivers: ## Have the receivers of callbacks in docs/receivers verify what Parley signs (it takes Python and Node.js)
	go test -count=1 -tags receivers ./internal/webhook -run '^TestTheReceiver'

.PHONY: interop
interop: engine ## Have a client of librdkafka, kcat, write calls to a parley serve and read what comes of them
	go test -count=1 -tags interop ./internal/cli -run '^TestInterop$$'

# It needs python3 with venv, and a package index the first time; what it installs lies in .cache.
.PHONY: parquet
parquet: build ## Have pyarrow and DuckDB read Parquet that a parley serve has written, and compare types and values
	@internal/tools/parquet/run.sh bin/parley .cache

.PHONY: trial-chart
trial-chart: build ## Run the roles as the Helm chart says, as processes: its environment, its probes, SIGTERM
	go -C internal/tools/deploy test -count=1 -tags trial -run '^TestTrial$$' -v .

# As parquet.
.PHONY: clickhouse-clients
clickhouse-clients: build ## Have the Python clients of ClickHouse use the embedded engine of a parley serve
	@internal/tools/clickhouseclients/run.sh bin/parley .cache

# It needs Node.js, python3 with venv, Java 17 and Maven, and their registries the first time.
.PHONY: soap-clients
soap-clients: build ## Have public SOAP clients in Node.js, Python and Java use a parley serve (CLIENTS="node zeep fuelsdk java page")
	@internal/tools/soapclients/run.sh bin/parley .cache $(CLIENTS)

##@ Work

.PHONY: generate
generate: ## Write the generated code anew
	go generate ./...

.PHONY: format
format: ## Bring all Go files into their form
	$(TOOL) golangci-lint fmt

.PHONY: clean
clean: ## Remove what make has built here (the engine stays in its cache folder, ./data stays)
	rm -rf bin .cache

.PHONY: help
help: ## List the tasks
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
