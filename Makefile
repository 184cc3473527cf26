# What can be done with this project; `make help` lists it. The work itself is in shared/, services/*/,
# deploy/local/ and tests/.

SERVICES = queue reservation payment point
LOCAL = deploy/local

.DEFAULT_GOAL = help
.PHONY: help build up down status logs queue journey token invariants ledger-verify story migrate gateway-reload clean \
	test test-unit test-sql test-http test-money test-abuse test-fault test-mutants test-asan fuzz lint bench bench-pay bench-queue bench-hold

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | \
	    while IFS='|' read -r name what; do printf '%-24s %s\n' "$$name" "$$what"; done
	@echo
	@echo "  Settings: deploy/local/env, or from the environment: INSTANCES=2 make up"

# One build at a time, whoever asks (make up and make test may run side by side).
build: ## compile the library, Kore, the services and the tools into build/ (ASAN=1: build/asan/)
	@mkdir -p build
	@flock build/lock $(MAKE) --no-print-directory build-all

# Every folder of tests with a Makefile is one program.
SUITES = $(patsubst tests/%/Makefile,%,$(wildcard tests/*/Makefile))
build-tests: build ## compile the tests (SUITES="unit http": only these)
	@flock build/lock $(MAKE) --no-print-directory build-tests-all

.PHONY: build-all build-tests build-tests-all
build-tests-all:
	@for suite in $(SUITES); do \
	    $(MAKE) --no-print-directory -j2 -C tests/$$suite || exit 1; \
	done

build-all:
	@$(MAKE) --no-print-directory -j2 -C shared
	@for service in $(SERVICES); do \
	    $(MAKE) --no-print-directory -j2 -C services/$$service || exit 1; \
	done
	@$(MAKE) --no-print-directory -j2 -C deploy/simulator

up: ## install, build and start everything, wait until it answers, run the journey
	@$(LOCAL)/up

down: ## stop it; the data stays
	@$(LOCAL)/down

status: ## what runs, where, and whether it answers
	@$(LOCAL)/status

logs: ## the last log lines of every program (P=queue-0: of one; N=100: more)
	@P='$(P)' N='$(N)' $(LOCAL)/logs

queue: ## all live queues, a line each, every second anew (ONCE=1: one look)
	@$(LOCAL)/queue $(if $(ONCE),--once)

journey: ## a person buys a ticket and gives it back, call by call
	@$(LOCAL)/journey

# USER is in every environment: only one given to make counts.
token: ## print a JWT for the local system (USER=uuid, ROLES=operator; or COUNT=n new users)
	@$(LOCAL)/token $(if $(filter command,$(firstword $(origin USER))),--user '$(USER)') \
	    $(if $(ROLES),--roles '$(ROLES)') $(if $(COUNT),--count '$(COUNT)')

invariants: ## print what is wrong with the data: nothing, or it fails
	@$(LOCAL)/invariants

ledger-verify: ## recompute the ledger's hash chains; names the first broken entry, or says it is whole
	@$(LOCAL)/ledger-verify

story: ## print one reservation's whole story (R=reservation id)
	@$(LOCAL)/story '$(R)'

migrate: ## bring the running stack's database up to migrations/
	@$(LOCAL)/migrate

gateway-reload: ## check nginx/ and apply it to the running gateway without dropping a connection
	@$(LOCAL)/gateway-reload

clean: ## stop everything and remove build/, .run/ and the test stacks with their data
	@$(LOCAL)/clean

test: ## every test, on a private stack of its own; the last line counts them
	@tests/run all

test-unit: ## unit tests (T=name: one)
	@T='$(T)' tests/run unit

test-sql: ## SQL tests (T=name: one)
	@T='$(T)' tests/run sql

test-http: ## HTTP tests through the gateway (T=name: one)
	@T='$(T)' tests/run http

test-money: ## 2,000 purchases and refunds by card and points while everything breaks (SEED=n: again; PURCHASES=n)
	@SEED='$(SEED)' PURCHASES='$(PURCHASES)' tests/money/run long

test-abuse: ## attacks, each judged by what it costs and gains (T=name: one)
	@T='$(T)' tests/abuse/run long

test-fault: build ## five minutes of load while things are killed, stalled and emptied, then the checker (FOR=seconds, SEED=n)
	@tests/fault/run long

test-mutants: ## turn off each guard in turn; a test must fail each time; half an hour (T=name: some)
	@tests/mutants/run $(T)

test-asan: ## unit and HTTP tests with AddressSanitizer and UBSan in Kore, services and tests
	@ASAN=1 T='$(T)' tests/run asan

bench: bench-queue bench-hold bench-pay ## all three, one after the other: a quarter of an hour

bench-pay: ## what paying and charging cost, against floors of the same run (BENCH_QUICK=1: short)
	@tests/bench/pay

bench-queue: ## what the waiting room costs, against floors of the same run (BENCH_QUICK=1: short)
	@tests/bench/queue

bench-hold: ## holds, hot seats and seat maps, against floors of the same run (BENCH_QUICK=1: short)
	@tests/bench/hold

fuzz: ## fuzz every reader of outside input (FOR=seconds for each target, 60; T=name: one)
	@$(LOCAL)/install-packages build test
	@$(MAKE) --no-print-directory -s build-tests SUITES=fuzz
	@tests/fuzz/run $(or $(FOR),60) '$(T)'

lint: ## warnings as errors, clang-tidy, cppcheck, shellcheck, layout, the pages' links, the API's description
	@tests/lint
