# Everything here sets up what it needs first: `make demo` and `make test` work on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Half of what tests take is waiting: for a server, a browser, another process.
JOBS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
TESTS ?=
PYTEST = $(BIN)/pytest -n $(JOBS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-changed test-postgres check acceptance acceptance-full bench bench-growth soak soak-attacks soak-models soak-kinds soak-faults soak-faults-postgres mutants screenshots container release messages openapi train lock clean

help:
	@echo "make demo        try Placet: SQLite and a local Exchange Online, nothing else needed"
	@echo "make test        all tests on SQLite (PLACET_DATABASE_URL=postgres://... for PostgreSQL)"
	@echo "make test-changed  those of them that what changed since main can change (SINCE=...)"
	@echo "make test-postgres  all tests on a PostgreSQL of their own"
	@echo "make check       ruff, mypy --strict, migrations, imports one way"
	@echo "make acceptance  what needs Microsoft's schema and the mail corpora in ../shared; the tables of attacks and of public mails"
	@echo "make acceptance-full  programs of others with what we made for them: n8n (3 GB, a compiler of C++), a judge of"
	@echo "                 the connector for the Power Platform, Apache with NTLM and Kerberos before a mailbox, mail servers with"
	@echo "                 OpenDKIM, OpenDMARC and rspamd that receive, over port 25 in a network of their own (root)"
	@echo "make bench       the figures"
	@echo "make bench-growth  pages, regular work and answers at 10,000 and 300,000 requests (SIZES=...), of one line and with"
	@echo "                 branches, on both databases"
	@echo "make openapi     the description of the API, and the connector made of it, brought up to date"
	@echo "make train       what guesses of unclear replies are weighed by, made anew of texts of our own (some minutes)"
	@echo "make messages    the catalogues of translated texts, brought up to date"
	@echo "make screenshots pictures of every page and mail, in screenshots/"
	@echo "make mutants     whether the tests would notice: 300 small changes to what decisions rest on"
	@echo "make container   the image, built and run with PostgreSQL and Caddy as deploy/container says (as root on Debian)"
	@echo "make release     the wheels, the node for n8n, their checksums and notes, in dist/"
	@echo "make soak        attacks, models, kills and faults at full length, on SQLite and PostgreSQL (about 80 minutes;"
	@echo "                 soak-attacks, soak-models, soak-kinds, soak-faults and soak-faults-postgres are its parts)"

# The words of replies as they are looked up: for those who run Placet and may not write here.
setup: $(STAMP)
	@$(BIN)/python -m placet.replies.languages.table

$(STAMP): requirements/dev.txt requirements/run.txt pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Placet needs Python 3.11 or newer; $(PYTHON) is older. Say which: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e clients/python
	@touch $(STAMP)

# Says how long the set-up took, from here on.
demo: export DEMO_BEGAN := $(shell date +%s)
demo: setup
	$(BIN)/placet demo

test: setup
	@tools/system-packages chromium dovecot postfix signing
	@$(BIN)/python -m tools.unpacked
	@$(BIN)/python -m tools.oidc_provider
	$(PYTEST) --in-turn --durations=20 $(TESTS)
	@test -d ../shared/corpora || echo "make acceptance was left out: there is no ../shared with Microsoft's schema and the mail corpora."

SINCE ?= main
# For the inner loop. A whole run is what counts.
test-changed: setup
	@$(BIN)/python -m tools.changed_tests $(SINCE) > $(VENV)/changed-tests
	@if [ -s $(VENV)/changed-tests ]; then $(PYTEST) -q $(TESTS) @$(VENV)/changed-tests; \
	else echo "Nothing changed since $(SINCE) that a test imports."; fi

test-postgres: setup
	@tools/system-packages postgresql pgbouncer dovecot postfix signing
	@$(BIN)/python -m tools.unpacked
	tools/with-postgres $(PYTEST) --in-turn --durations=20 --database-only --forgeries 40 \
		-m 'not browser and not demo and not attack' $(TESTS)

check: export PLACET_DATA_DIR = $(CURDIR)/$(VENV)/data
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy placet tests benchmarks tools clients/python/src
	$(BIN)/placet django makemigrations --check --dry-run
	$(BIN)/pytest -q -p no:xdist tests/test_complete.py

acceptance: setup
	@tools/system-packages dovecot postfix
	@if [ -d ../shared/corpora ]; then $(PYTEST) --in-turn tests/acceptance tests/attacks; \
	else echo "There is no ../shared with Microsoft's schema and the mail corpora: the attacks alone are run."; \
	$(PYTEST) --in-turn tests/attacks; fi

# What is heavy, and what nobody waits for at every change: not part of .ci/run. The first time it gets n8n from npm and
# compiles what npm has as sources alone, ten minutes on two cores; later it takes what a test takes.
acceptance-full: setup
	@tools/system-packages apache kerberos dovecot postfix receivers
	$(LONG) -q -p no:xdist --timeout=3600 tests/foreign

bench: setup
	@if [ -d ../shared/corpora ]; then $(BIN)/python -m benchmarks.reading; \
	else echo "The figures on reading need the mail corpora in ../shared; they are not here, so they are left out."; fi
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.replies
	$(BIN)/python -m benchmarks.idle
	$(BIN)/python -m benchmarks.marks
	@tools/system-packages dovecot postfix
	$(BIN)/python -m benchmarks.kinds
	$(BIN)/python -m benchmarks.notices
	$(BIN)/python -m benchmarks.webhooks
	$(BIN)/python -m benchmarks.imap
	$(BIN)/python -m benchmarks.pop3

# The same pages and the same work at several sizes of the database: SIZES="10000 1300000" (half an hour, 10 GB each).
SIZES ?= 10000 300000
bench-growth: setup
	@tools/system-packages postgresql
	$(BIN)/python -m benchmarks.growth --sizes $(SIZES)
	tools/with-postgres $(BIN)/python -m benchmarks.growth --sizes $(SIZES)

# Of every page of the demo and of every mail, into screenshots/: to be looked at.
screenshots: setup
	@tools/system-packages chromium
	rm -rf screenshots
	$(BIN)/pytest -q -p no:xdist tests/screenshots

# What the suite shows a sample of, whole; then the longest of it, of which each part can be run alone. Whoever takes long
# there is not stuck, and to say where all threads stand may end the process. What is killed on either database mostly
# waits: both at once take as long as one.
soak: setup
	$(MAKE) soak-attacks
	$(MAKE) soak-models
	$(MAKE) soak-kinds
	$(MAKE) -j2 --output-sync=target soak-faults soak-faults-postgres

LONG = $(BIN)/pytest -o faulthandler_timeout=0
ALL_OF_IT = $(LONG) -n $(JOBS) --dist worksteal --whole
MODELS = tests/approvals/test_engine_model.py tests/approvals/test_blocks_model.py
# Over every kind of mailbox; at mail servers each command is cut, refused, and killed at.
KINDS = $(patsubst %,tests/journeys/test_%.py,main_job twice not_answers who odd_mail) \
	$(if $(wildcard ../shared/corpora),tests/acceptance/test_odd_mail.py)
AT_COMMANDS = $(patsubst %,tests/journeys/test_%.py,faults_of_mail_servers kill_at_commands)
FAULTS = tests/soak tests/journeys/test_faults.py tests/webhooks/test_faults.py --replies 200

soak-attacks: setup
	@tools/system-packages chromium dovecot postfix
	$(ALL_OF_IT) --sampled-only --forgeries 1200 --ignore=tests/soak $(addprefix --ignore=,$(MODELS) $(AT_COMMANDS))

soak-models: setup
	$(ALL_OF_IT) $(MODELS)

soak-kinds: setup
	@tools/system-packages dovecot postfix
	$(LONG) $(KINDS)
	$(LONG) --whole $(AT_COMMANDS)

soak-faults: setup
	$(LONG) $(FAULTS)

soak-faults-postgres: setup
	@tools/system-packages postgresql pgbouncer
	tools/with-postgres $(LONG) $(FAULTS)

# What is known from the same sources is not tried again: a run that was stopped goes on. CHANGES="--survived" and others
# are those of python -m tools.mutants --help.
mutants: setup
	@tools/system-packages postgresql
	$(BIN)/python -m tools.mutants $(CHANGES)

# Needs root, and a kernel that lets it mount; the network is used for Debian's packages and for the libraries.
container: setup
	@tools/system-packages container postgresql caddy promtool
	$(BIN)/pytest -q -p no:xdist tests/test_deploy.py
	$(BIN)/python -m tools.container

# Of the last commit: what is not committed is not in it.
release: setup
	$(BIN)/python -m tools.release

# The texts of pages and mails in other languages than English, brought up to date with the sources.
messages: setup
	$(BIN)/python -m tools.messages

# The weights by which an answer is offered to be confirmed, of texts of our own.
train: setup
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/train.txt
	$(BIN)/python -m benchmarks.reading.train

# The description of the API, in docs/.
openapi: export PLACET_DATA_DIR = $(CURDIR)/$(VENV)/data
openapi: setup
	$(BIN)/python -m tools.openapi
	$(BIN)/python -m tools.power_platform

# Versions move only here. No registry's address is written: pip asks the one it is configured for.
lock: LOCKED = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock:
	$(LOCKED) --extra postgresql --upgrade pyproject.toml -o requirements/run.txt
	$(LOCKED) --extra mcp -c requirements/run.txt pyproject.toml -o requirements/mcp.txt
	$(LOCKED) --extra mcp --extra postgresql -c requirements/run.txt pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(LOCKED) -c requirements/dev.txt requirements/train.in -o requirements/train.txt

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build *.egg-info clients/python/build clients/python/src/*.egg-info
