# OpenCV is reached through GoCV; these tags leave out the modules that vigil has no use for.
export GOFLAGS += -tags=gocv_specific_modules,gocv_videoio
export CGO_ENABLED ?= 1

# Where scripts/setup puts Go if the system has none that is new enough.
export PATH := $(CURDIR)/.go/bin:$(PATH)

TOOL  := go tool -modfile=tools/go.mod
# With matprofile GoCV counts its Mats, and tests see whether one is left.
COUNT := -tags=gocv_specific_modules,gocv_videoio,matprofile
# The summary names each test that was skipped, and why; with CI set such a test fails.
TEST  := $(TOOL) gotestsum --format pkgname --

.PHONY: all setup setup-tests build demo test test-race test-street test-pure test-long soak check fmt generate docs \
	bench base kinds audit clean
# Setting up comes before what needs it, also with -j; go has its own parallelism.
.NOTPARALLEL:

all: build

## setup: install what is missing on Debian or Ubuntu; elsewhere say what is needed
setup:
	@scripts/setup

## setup-tests: setup, and the programs that the tests run
setup-tests:
	@scripts/setup tests

## build: bin/vigil
build:
	go build -o bin/vigil ./cmd/vigil

## demo: install what is missing, build, and watch a drawn street that the weights in weights/ know, with alerts
demo: setup build
	@bin/vigil demo -m weights/street.safetensors

## test: install what is missing, then all tests with the race detector, and without OpenCV; long ones without either
test: test-race test-street test-pure
	@[ -n "$(VIGIL_DATA)" ] || echo "make test: VIGIL_DATA is not set, so the tests on real video were skipped;" \
		"it names the folder of the videos (see CONTRIBUTING.md)"

test-race: setup-tests
	$(TEST) $(COUNT) -race -timeout 30m ./...

# Drawing and scoring hours of a street takes minutes with the race detector, which has nothing to find in it.
test-street: setup-tests
	$(TEST) -timeout 15m -run '^(TestAlarmBudget|TestNoisyCellsHideNothing)$$' ./internal/demo

# The packages that need no OpenCV must build and pass without a C compiler.
test-pure: setup-tests
	CGO_ENABLED=0 GOFLAGS=$(filter-out -tags=%,$(GOFLAGS)) $(TEST) -timeout 10m ./...

## test-long: whole days and many seeds where make test has a part of them; about an hour
test-long: setup-tests
	VIGIL_LONG=1 $(TEST) -timeout 3h ./pipeline/... ./internal/demo ./cmd/vigil
	VIGIL_KILL_ROUNDS=1000 $(TEST) -timeout 3h -run '^TestKilledAtAnyMoment$$' ./alerts/outbox
	VIGIL_LONG=1 $(TEST) -timeout 1h -skip '^TestKilledAndDamaged$$' ./alerts/damage
	VIGIL_DAMAGE_ROUNDS=1000 $(TEST) -timeout 3h -run '^TestKilledAndDamaged$$' ./alerts/damage
	VIGIL_LONG=1 $(TEST) -timeout 1h -run '^$$' -fuzz '^FuzzStore$$' -fuzztime 10m ./alerts/damage

## soak: eight cameras and random faults, cameras that come and go, then overload; DURATION=10m SEED=1
soak: setup-tests build
	VIGIL_SOAK=$(or $(DURATION),10m) VIGIL_SEED=$(SEED) CI=true \
		go test $(COUNT) ./pipeline -run '^TestSoak' -v -count=1 -timeout 0
	go run ./bench/overload -check -cameras 2x,4x -settle 3m -for 10m

## check: formatting, linters, borders, generated files; changes nothing in the code
check: setup
	go vet ./...
	CGO_ENABLED=0 GOFLAGS= go vet ./...
	CGO_ENABLED=0 GOFLAGS= GOOS=linux GOARCH=arm64 go build ./...
	CGO_ENABLED=0 GOFLAGS= GOOS=darwin GOARCH=arm64 go build ./...
	$(TOOL) golangci-lint run --allow-parallel-runners ./...
	scripts/check-generated

## fmt: format the code
fmt:
	$(TOOL) gofumpt -w .

## generate: everything that is made from code: the schemas, the page of errors, the kernels' assembly
generate:
	go generate ./...

## docs: run the commands that README.md and docs quote, and update their outputs and pictures; DOCS=part of a command
docs: build
	go run ./internal/docs/make $(DOCS)

## base: make the base weights in weights/ again, from drawn streets and the recordings in VIGIL_DATA
base: build
	go run ./internal/base/make -o weights/base-street.safetensors -streets 120 -seconds 12 -epochs 4
	go run ./internal/base/make -o weights/base-street-fast.safetensors -preset fast -streets 120 -seconds 12 -epochs 4
	go run ./internal/base/make -o weights/base.safetensors -from weights/base-street.safetensors \
		-data $(VIGIL_DATA) -streets 20 -seconds 12 -epochs 1 -seed 2

## bench: time vigil, PyTorch, ONNX Runtime and oneDNN, as installed, and write BENCHMARKS.md; BENCH=-help for more
bench:
	go run ./bench/compare $(BENCH)

## kinds: which kinds of events are found at three places, with VIGIL_DATA; an hour at first; KINDS=-help for more
kinds:
	go run ./bench/kinds $(KINDS)

## audit: known vulnerabilities; needs the network
audit:
	go run golang.org/x/vuln/cmd/govulncheck@latest ./...

clean:
	rm -rf bin
