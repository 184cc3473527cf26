# The commands of this project; `make help` lists them. The work itself is in shared/, services/*/, deploy/local/ and
# tests/.

SERVICES = queue reservation payment point
LOCAL = deploy/local
PROVE = prove --verbose --exec bash

.DEFAULT_GOAL = help
.PHONY: help build up down deploy scale status logs queue spans settings settings-pages journey token invariants ledger-verify story migrate backup backups restore reconcile limits alerts switchover gateway-reload rotate log-level clean \
	test test-unit test-sql test-http test-money test-abuse test-fault test-ha test-deploy test-backup test-alerts test-containers test-mutants test-asan fuzz lint bench bench-gateway bench-pay bench-queue bench-hold bench-sale

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | \
	    while IFS='|' read -r name what; do printf '%-24s %s\n' "$$name" "$$what"; done
	@echo
	@echo "  Settings come from the environment: INSTANCES=2 make up. make settings lists them."

# Only one build runs at a time, because make up and make test may run side by side.
build: ## compile the library, Kore, the services and the tools into build/ (ASAN=1: build/asan/)
	@mkdir -p build
	@flock build/lock $(MAKE) --no-print-directory -j2 build-all

# Every folder of tests with a Makefile is one program.
SUITES = $(patsubst tests/%/Makefile,%,$(wildcard tests/*/Makefile))
build-tests: build ## compile the tests (SUITES="unit http": only these)
	@flock build/lock $(MAKE) --no-print-directory -j2 build-tests-all

# The parts are built side by side. All others need the library, and find Kore there.
PARTS = $(SERVICES:%=services/%) deploy/simulator
# Another command may read the version meanwhile, so it is replaced as a whole.
BUILT_VERSION = build/$(if $(ASAN),asan/)version
.PHONY: build-all build-tests build-tests-all build-shared $(PARTS:%=build-%) $(SUITES:%=build-tests/%)
build-all: $(PARTS:%=build-%)
	@deploy/version >$(BUILT_VERSION).new && mv $(BUILT_VERSION).new $(BUILT_VERSION)

build-shared:
	@$(MAKE) --no-print-directory -C shared

$(PARTS:%=build-%): build-shared
	@$(MAKE) --no-print-directory -C $(@:build-%=%)

build-tests-all: $(SUITES:%=build-tests/%)

$(SUITES:%=build-tests/%):
	@$(MAKE) --no-print-directory -C $(@:build-%=%)

up: ## install, build and start everything, wait until it answers; keeps earlier settings (DEFAULTS=1 forgets them)
	@$(LOCAL)/up

down: ## stop it; the data stays
	@$(LOCAL)/down

status: ## what runs, where, since when, and why something is not ready
	@$(LOCAL)/status

logs: ## the last log lines of every program (P=queue-0: of one; N=100: more)
	@P='$(P)' N='$(N)' $(LOCAL)/logs

spans: ## prints the spans of services that run with TRACE_COLLECTOR_URL=http://127.0.0.1:4318 (docs/tracing.md)
	@$(LOCAL)/spans

settings: ## all settings with range, default and meaning (T=word: those with it in the name, of a reader or a section)
	@deploy/settings/print '$(T)'

settings-pages: ## write the pages' tables of settings from deploy/settings/table
	@deploy/settings/pages

queue: ## all queues with users or changed settings, a line each, every second anew (ONCE=1: one look)
	@$(LOCAL)/queue $(if $(ONCE),--once)

journey: ## a person buys a ticket and gives it back, call by call
	@$(LOCAL)/journey

# Every environment has a USER, so only a USER that is given to make counts.
token: ## print a JWT for the local system (USER=uuid, ROLES=operator; or COUNT=n new users)
	@$(LOCAL)/token $(if $(filter command,$(firstword $(origin USER))),--user '$(USER)') \
	    $(if $(ROLES),--roles '$(ROLES)') $(if $(COUNT),--count '$(COUNT)')

invariants: ## print what is wrong with the data: nothing, or it fails
	@$(LOCAL)/invariants

ledger-verify: ## recompute the ledger's hash chains; names the first broken entry, or says it is whole
	@$(LOCAL)/ledger-verify

story: ## print one reservation's whole story (R=reservation id)
	@$(LOCAL)/story '$(R)'

deploy: ## build, migrate and replace one service without a lost request (S=payment; ROLLBACK=1: the version before; FROM=folder: built elsewhere)
	@FORCE='$(FORCE)' $(LOCAL)/deploy '$(S)' $(if $(ROLLBACK),--rollback) $(if $(FROM),--from '$(FROM)')

scale: ## change the number of instances of one service without a lost request (S=queue N=3)
	@$(LOCAL)/scale '$(S)' '$(N)'

switchover: ## with HA=1: make a standby the primary (TO=postgres-2; without it the synchronous one); docs/availability.md
	@$(LOCAL)/switchover '$(TO)'

migrate: ## bring the running stack's database up to migrations/ (SCHEMA=payment: only this schema)
	@$(LOCAL)/migrate

backup: ## back up PostgreSQL: full the first time, then what has changed (FULL=1: full again); docs/backup.md
	@$(LOCAL)/backup $(if $(FULL),--full)

backups: ## the backups, how far back a restore can go, and whether the archive is up to date
	@$(LOCAL)/backups

restore: ## put PostgreSQL back to the newest state, or to a moment (TO=2026-11-30T02:00:00Z; YES=1: do not ask)
	@TO='$(TO)' YES='$(YES)' TIMELINE='$(TIMELINE)' APPLY='$(APPLY)' $(LOCAL)/restore

reconcile: ## list card money that the provider took since a moment and that no payment here knows (SINCE=time; APPLY=1: give it back)
	@SINCE='$(SINCE)' APPLY='$(APPLY)' $(LOCAL)/reconcile

limits: ## whom the gateway's limits refused lately, by zone and key (MINUTES=15, ROWS=20; --help: nginx/limits --help)
	@ROWS='$(ROWS)' $(LOCAL)/limits $(MINUTES)

alerts: ## the alerts that fire or may fire soon, each with its runbook (MONITORING=1 make up)
	@$(LOCAL)/alerts

gateway-reload: ## check nginx/ and apply it to the running gateway without dropping a connection
	@$(LOCAL)/gateway-reload

rotate: ## replace a key without a restart (WHAT=queue-token|jwt|certificate; FINISH=1: drop the old secret)
	@$(LOCAL)/rotate $(if $(FINISH),--finish) '$(WHAT)'

log-level: ## change the running services' log level (LEVEL=debug; S=queue: of one; no LEVEL: back to LOG_LEVEL)
	@$(LOCAL)/log-level '$(LEVEL)' '$(S)'

clean: ## stop everything and remove build/, .run/ and the test stacks with their data
	@$(LOCAL)/clean

test: ## every test, on a private stack of its own; the last line counts them
	@tests/run all

test-unit: ## unit tests (T=word: those with the word in the name of the test, suite or file)
	@T='$(T)' tests/run unit

test-sql: ## SQL tests (T=word: some)
	@T='$(T)' tests/run sql

test-http: ## HTTP tests through the gateway (T=word: some)
	@T='$(T)' tests/run http

test-money: ## 2,000 purchases and refunds by card and points while everything breaks (SEED=n: again; PURCHASES=n)
	@SEED='$(SEED)' PURCHASES='$(PURCHASES)' $(PROVE) tests/money/run :: long

test-abuse: ## attacks, each judged by what it costs and gains (T=word: some)
	@T='$(T)' tests/abuse/run long

test-fault: build ## five minutes of load while things are killed, stalled and emptied, then the checker (FOR=seconds, SEED=n)
	@$(PROVE) tests/fault/run :: long

test-ha: ## people buy while machines of the HA=1 stack die and links are cut; then the checker looks for lost writes (SEED=n, FREEZES=n, T=word)
	@SEED='$(SEED)' FREEZES='$(FREEZES)' T='$(T)' $(PROVE) tests/ha/run :: long
	@T='$(T)' $(PROVE) tests/ha/commands

test-backup: ## buy, destroy or go back to a moment, restore, compare each answer; some minutes (SEED=n)
	@SEED='$(SEED)' $(PROVE) tests/backup/run :: long

test-alerts: ## break each thing on a stack with MONITORING=1, until its alert fires, and mend it; 25 minutes (T=name: some)
	@T='$(T)' $(PROVE) tests/monitoring/run :: long
	@T='$(T)' $(PROVE) tests/monitoring/run :: ha

test-deploy: ## run the release before and this tree side by side on the new schema; 15 minutes (BEFORE=commit; T=word: some)
	@SUITE_SECONDS=2400 BEFORE='$(BEFORE)' T='$(T)' tests/run deploy

test-containers: build ## build the images, run docker-compose.yml, buy tickets in it; 10 minutes (root; skipped if it cannot run)
	@$(LOCAL)/install-packages run
	@$(PROVE) tests/containers/run

test-mutants: ## turn off each guard in turn; a test must fail each time; an hour (T=name: some)
	@tests/mutants/run $(T)

test-asan: ## unit and HTTP tests with AddressSanitizer and UBSan in Kore, services and tests
	@ASAN=1 T='$(T)' tests/run asan

bench: bench-gateway bench-queue bench-hold bench-pay bench-sale ## all of them, one after the other: 25 minutes (BENCH_QUICK=1: 12)

bench-gateway: ## the gateway against a bare nginx: 5 minutes (BENCH_QUICK=1: 2; more: tests/bench/gateway --help)
	@tests/bench/gateway

bench-pay: ## payments and charges against pgbench: 5 minutes (BENCH_QUICK=1: 3; more: tests/bench/pay --help)
	@tests/bench/pay

bench-queue: ## the waiting room against a constant answer: 6 minutes (BENCH_QUICK=1: 2; more: tests/bench/queue --help)
	@tests/bench/queue

bench-hold: ## holds, hot seats and seat maps against pgbench: 5 minutes (BENCH_QUICK=1: 3; more: tests/bench/hold --help)
	@tests/bench/hold

bench-sale: ## a whole sale, tickets a second and CPU a ticket: 4 minutes (BENCH_QUICK=1: 2; more: tests/bench/sale --help)
	@tests/bench/sale

fuzz: ## fuzz every reader of outside input (FOR=seconds for each target, 60; T=name: one)
	@$(LOCAL)/install-packages build test
	@$(MAKE) --no-print-directory -s build-tests SUITES=fuzz
	@tests/fuzz/run $(or $(FOR),60) '$(T)'

lint: ## warnings as errors, clang-tidy, cppcheck, shellcheck, layout, the pages' links, the API's description
	@tests/lint
