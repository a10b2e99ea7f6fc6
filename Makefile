# Each target is one plain command; the README shows them without make.
# The first of these that runs and is in the range of pyproject.toml; or name one: make PYTHON=/path/to/python3.12
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do $$python -c "$(SUPPORTED)" 2>/dev/null && echo $$python && break; done)
NO_PYTHON = Python 3.11, 3.12 or 3.13 is needed, but $(if $(PYTHON),$(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo no Python),none was found). \
  Install one (apt install python3-venv, brew install python@3.11, pyenv install 3.11 or uv python install 3.11), or name one: make PYTHON=/path/to/python3.11
VENV ?= .venv
BIN := $(VENV)/bin
OTTER := $(VENV)/otter
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
# A Linux user without a GPU may take the small CPU build: make book TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
# Another source or profile for one dataset: make book DATASET=challenge2012 SOURCE=~/challenge-2012
DATASET ?=
SOURCE ?=
PROFILE ?=
# Modules are compiled once, when first imported, also where a container says otherwise: no notebook compiles them again.
unexport PYTHONDONTWRITEBYTECODE
# A folder may be called anything: no shell reads its name, and make does not look for a $ in it.
unexport DATASET SOURCE PROFILE
export FAIRLIB_DATASET := $(value DATASET)
export FAIRLIB_SOURCE := $(value SOURCE)
export FAIRLIB_PROFILE := $(value PROFILE)

.PHONY: book course planted test bench torture axe pdf lint links lock freeze clean
.DEFAULT_GOAL := book

STUDY := --editable ".[book,test]"
# $(call installed,PYTHON,WHAT). uv installs the same versions much faster than pip; where it finds no packages, as
# behind a mirror that only pip was told of, pip installs them.
installed = ($(BIN)/pip install --quiet --constraint constraints.txt uv && \
  $(BIN)/uv pip install --quiet --native-tls --python $1 $2) || $(BIN)/pip --python $1 install --quiet $2

$(VENV)/ready: pyproject.toml constraints.txt
	@$(or $(PYTHON),false) -c "$(SUPPORTED)" 2>/dev/null || (echo "$(NO_PYTHON)" >&2; exit 1)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX),) --constraint constraints.txt torch
	$(call installed,$(BIN)/python,--constraint constraints.txt $(STUDY))
	touch $@

book: $(VENV)/ready
	PATH="$(abspath $(BIN)):$$PATH" snakemake --snakefile notebooks/Snakefile --cores $(CORES) --nolock --rerun-incomplete --quiet rules

# otter-grader has an environment of its own on top: its widgets have no place in the book's, nor do its old versions.
# Its requirements name every package.
$(OTTER)/ready: $(VENV)/ready notebooks/course/requirements.txt
	$(BIN)/python -m venv --without-pip $(OTTER)
	$(BIN)/python -c "import sysconfig; print(f'import site; site.addsitedir({sysconfig.get_path(\"purelib\")!r})')" > "$$($(OTTER)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")"/study.pth
	$(call installed,$(OTTER)/bin/python,--no-deps --requirement notebooks/course/requirements.txt)
	touch $@

course: $(OTTER)/ready
	PATH="$(abspath $(BIN)):$(abspath $(OTTER)/bin):$$PATH" snakemake course --snakefile notebooks/Snakefile --cores $(CORES) --nolock --rerun-incomplete --quiet rules

test: $(OTTER)/ready
	OMP_NUM_THREADS=1 PATH="$(abspath $(BIN)):$(abspath $(OTTER)/bin):$$PATH" $(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadfile --no-loadscope-reorder

bench: $(VENV)/ready
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.bench

torture: $(VENV)/ready
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.torture

# Both need Chromium on this machine; CHROMIUM=/path names another.
axe: book
	$(BIN)/python -m tests.book.browser && $(BIN)/python -m tests.book.keyboard

pdf: book
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.book.pdf

lint: $(VENV)/ready
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/codespell

# Of the built book; nothing is asked of the network.
links: $(VENV)/ready
	$(BIN)/python -m tests.book.links book/_build/html

# The versions of this environment, then the same with the SHA-256 of every file that the index has of them, for all
# systems: only metadata is read. The course pins playwright, and uv is what installs the rest.
lock: $(VENV)/ready
	(sed -n '/^#/p' constraints.txt; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu//') > constraints.new && mv constraints.new constraints.txt
	(echo uv; grep '^playwright==' notebooks/course/requirements.txt) | $(BIN)/uv pip compile - pyproject.toml --quiet --native-tls \
	  --universal --python-version 3.11 --all-extras --generate-hashes --no-annotate --custom-compile-command "make lock" \
	  --constraint constraints.txt --output-file requirements-hashed.txt

freeze: $(VENV)/ready
	$(BIN)/python -m fairlib.study freeze "$$FAIRLIB_DATASET" "$$FAIRLIB_SOURCE" && $(BIN)/python -m fairlib.study pack "$$FAIRLIB_DATASET"

# Hours: trains on each twin at both positions of its dial, and keeps the scores. Run it again after an interruption.
planted: $(VENV)/ready
	for twin in mimic mesa globem challenge2012 eicu_demo; do for dial in zero turned; do \
	  $(BIN)/python -m fairlib.study freeze $$twin twin --dial $$dial && \
	  $(BIN)/python -m fairlib.study pack $$twin --kept book/frozen/twins/$$twin-$$dial || exit 1; done; done

clean:
	rm -rf course book/_build book/executed .snakemake
