# Two commands a newcomer needs: `make demo` and `make test`. Each makes .venv when it is missing and installs again
# only when its lock in requirements/ has changed. ARGS goes to the program that is run: make demo ARGS="--for 20".

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test check e2e soak coverage mutation bench fuzz image sbom rules docs lock clean FORCE

ARGS ?=
SOAKED := $(addprefix tests/e2e/test_e2e_,churn.py outage.py spool.py)
BIN := .venv/bin
PYTHONS := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
RULES := sensor/detect/shipped.msgpack
ROOMS := collectors sensor/pipeline sensor/detect deploy
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --no-header

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

demo: .venv/.ingest $(RULES) ## ingest, sensor and console on this machine; ARGS="--for 20" ends by itself
	@$(BIN)/fargate-sensor demo $(ARGS)

test: .venv/.dev $(RULES) ## unit, contract and kernel tests, and faults; ARGS="-k codec"
	@$(BIN)/python -m pytest $(ARGS)

check: .venv/.dev $(RULES) ## lint, format, types, import directions, generated documents
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/generate.py --check
	@$(BIN)/python -m sensor.sigma.ship --check rules $(RULES)
	@$(BIN)/fargate-sensor rules test rules >/dev/null

e2e: .venv/.dev ## tests in containers; needs a Docker engine
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

soak: .venv/.dev $(RULES) ## the fault campaign: system calls that fail, 5 s each (SECONDS=60 is longer), stops, overflows, churn
	@SOAK=$(or $(SECONDS),5) $(BIN)/python -m pytest -s tests/faults $(SOAKED) $(ARGS)

coverage: .venv/.dev $(RULES) ## branch coverage of the rooms that must have 90 %, by unit, contract and kernel tests
	@$(BIN)/python -m pytest --cov-branch --cov-report= $(ROOMS:%=--cov=%) $(ARGS)
	@failed=0; for room in $(ROOMS); do \
	  total=$$($(BIN)/coverage report --format=total --precision=1 --include="$$room/*"); \
	  echo "$$room $$total %"; awk -v total=$$total 'BEGIN {exit total < 90}' || failed=1; \
	done; exit $$failed

mutation: .venv/.dev $(RULES) ## changes of decoders, spool and detection that no test notices
	@$(MAKE) --no-print-directory .venv/.mutation
	@$(BIN)/mutmut run $(ARGS) && $(BIN)/mutmut results

bench: .venv/.dev .venv/.bench $(RULES) ## every benchmark, then docs/benchmarks.md; ARGS="footprint --seconds 20" runs one, shorter
	@PYTHONPATH=tests/e2e:tests:tests/kernel:. $(BIN)/python bench/page.py $(ARGS)

fuzz: .venv/.dev ## fuzz the decoders of DNS and netlink with atheris; ARGS="--seconds 60"
	@$(MAKE) --no-print-directory .venv/.fuzz || { \
	  echo "fuzz: atheris cannot be installed for $$($(BIN)/python -V) on $$(uname -m): nothing was fuzzed" >&2; exit 1; }
	@PYTHONPATH=tests:tests/e2e $(BIN)/python bench/fuzz.py $(ARGS)

image: ## build both images and print their size over the base
	@docker build --quiet --network=host --target ingest --tag fargate-sensor:ingest . >/dev/null
	@docker build --quiet --network=host --tag fargate-sensor . >/dev/null
	@base=$$(docker image inspect --format '{{.Size}}' "$$(sed -n 's/^ARG BASE=//p' Dockerfile)"); \
	for tag in fargate-sensor fargate-sensor:ingest; do \
	  size=$$(docker image inspect --format '{{.Size}}' $$tag); \
	  echo "$$tag $$size $$base" | awk '{printf "%-22s %6.1f MB, %.1f MB over its base\n", $$1, $$2/1e6, ($$2-$$3)/1e6}'; \
	done

sbom: .venv/.dev .venv/.sbom ## what is in each image, each package with its hashes, as CycloneDX in dist/
	@mkdir -p dist
	@for image in sensor ingest; do \
	  $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --validate \
	    -o dist/fargate-$$image.cdx.json requirements/$$image.txt && echo dist/fargate-$$image.cdx.json || exit 1; \
	done

rules: .venv/.dev $(RULES) ## compile the rules that ship

docs: .venv/.dev $(RULES) ## write the generated documents again
	@$(BIN)/python docs/generate.py

lock: .venv/.dev ## resolve requirements/*.txt again; ARGS=--upgrade takes newer versions
	$(COMPILE) $(ARGS) --extra dev pyproject.toml -o requirements/dev.txt
	$(COMPILE) $(ARGS) -c requirements/dev.txt --extra ingest pyproject.toml -o requirements/ingest.txt
	$(COMPILE) $(ARGS) -c requirements/dev.txt pyproject.toml -o requirements/sensor.txt
	$(COMPILE) $(ARGS) -c requirements/dev.txt --extra bench pyproject.toml -o requirements/bench.txt
	$(COMPILE) $(ARGS) -c requirements/dev.txt --extra sbom pyproject.toml -o requirements/sbom.txt
	$(COMPILE) $(ARGS) -c requirements/dev.txt --extra fuzz pyproject.toml -o requirements/fuzz.txt
	$(COMPILE) $(ARGS) -c requirements/dev.txt --extra mutation pyproject.toml -o requirements/mutation.txt
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], "editables", sep="\n")' \
	  | $(COMPILE) $(ARGS) -c requirements/dev.txt - -o requirements/build.txt

clean: ## remove what make made, .venv included
	rm -f $(RULES)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Any environment that has the project can compile them; rules are data, so the editable installation stays as it is.
$(RULES): $(wildcard rules/*.yml) $(wildcard sensor/sigma/*.py sensor/detect/*.py) pyproject.toml | .venv/pyvenv.cfg
	@$(BIN)/python -m sensor.sigma.ship rules $@ && touch $@

# The project itself is built without isolation, so that the build tools too come from a lock with hashes.
.venv/.%: requirements/%.txt requirements/build.txt pyproject.toml .venv/pyvenv.cfg
	@echo "Installing requirements/$*.txt into .venv"
	@$(INSTALL) --require-hashes -r requirements/build.txt -r requirements/$*.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# A .venv whose Python was upgraded or removed is made anew.
ifneq ($(shell $(BIN)/python -c 'print("runs")' 2>/dev/null),runs)
.venv/pyvenv.cfg: FORCE
endif

.venv/pyvenv.cfg:
	@for python in $(PYTHONS); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || { bare=$$python; continue; }; \
	  echo "Making .venv with $$("$$python" -V) ($$python)"; \
	  exec "$$python" -m venv --clear .venv; \
	done; \
	if [ "$$bare" ]; then echo "$$bare has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv)"; \
	else echo "Python 3.11 or later is needed: install it, or name one that is elsewhere: make PYTHON=/path/to/python3"; fi >&2; \
	exit 1
