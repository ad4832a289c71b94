# The race detector needs a C compiler; without one the tests run all the same.
RACE := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
FUZZTIME ?= 20s

.PHONY: build test lint vuln fuzz bench perf bench-peers sandbox sdk-deps

build: ## the program, in bin/
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/wechat-token-proxy .

# One package at a time: some tests load the machine for all it has.
test: ## all tests; those whose tools (redis, chromium, node …) are missing are skipped
	go test $(RACE) -shuffle=on -p 1 ./...

lint: ## formatting, vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l . ; echo 'gofmt: the files above are not formatted'; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

vuln: ## known vulnerabilities
	go run $(GOVULNCHECK) ./...

fuzz: ## every fuzz target for FUZZTIME
	@go list ./... | while read -r pkg; do \
		for f in $$(go test -list '^Fuzz' "$$pkg" | grep '^Fuzz'); do \
			go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
		done; \
	done

bench: ## benchmarks, as ratios next to a bare httputil.ReverseProxy
	go test -run '^$$' -bench . -benchmem ./...

perf: ## CPU per call next to a bare httputil.ReverseProxy, in pairs of processes
	bash testdata/perf/compare.sh

bench-peers: ## the same next to nginx, HAProxy and Caddy, memory too; writes the table in docs/performance.md
	bash testdata/perf/peers.sh

sandbox: ## the proxy in front of a built-in WeChat
	go run . sandbox

sdk-deps: ## the real SDKs that the conformance suite runs
	cd testdata/sdk/npm && npm ci --no-audit --no-fund --ignore-scripts
