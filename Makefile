# make site and make test do everything from a fresh clone; make help lists the rest.
.POSIX:
.NOTPARALLEL:
.PHONY: help site test test-course lint notebooks exercises grade bench coverage mutants mimii test-colab test-versions \
	audit links clean always

# Those that all that the course builds on is there for; pyproject.toml says why.
PYTHONS = 3.11 3.12 3.13
VENV = .venv
BIN = $(VENV)/bin
FOR_SITE = $(VENV)/site
INSTALLED = $(VENV)/installed

# Who has no home to write to, as many a user that only runs programs, gets one in here.
export HOME := $(shell home="$${HOME:-$$(eval echo ~$$(id -un))}"; \
	[ -w "$$home" ] || { home="$$PWD/_build/home"; mkdir -p "$$home"; }; echo "$$home")

# PYTHON, if named; else the one that was named once, or python3. It is asked in a line that
# any Python understands, before anything is installed.
CHOOSE_PYTHON = \
	version() { "$$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || :; }; \
	fits() { case " $(PYTHONS) " in *" $$(version "$$1") "*) ;; *) false;; esac; }; \
	python="$${PYTHON:-$(BIN)/python}"; \
	[ -n "$${PYTHON:-}" ] || fits "$$python" || python=python3; \
	fits "$$python" || { found=$$(version "$$python"); \
		echo "$$python is $${found:-no Python that runs}; the course needs one of $(PYTHONS):" \
			"name it, as in make site PYTHON=python3.12" >&2; exit 1; }

# Without the recordings, go on with synthetic clips, and say so in one line; without the
# machines of chapter 7, with synthetic ones there. They are 300 MB, so their progress is
# shown. A wrong archive or an unusable folder is another matter: that stops the run.
# Notebooks run in their own folder, where relative paths would lead elsewhere.
CHOOSE_CLIPS = \
	case "$${ESA4_ARCHIVE:-/}" in /*|"~"*) ;; *) export ESA4_ARCHIVE="$$PWD/$$ESA4_ARCHIVE";; esac; \
	case "$${ESA4_MIMII:-/}" in /*|"~"*) ;; *) export ESA4_MIMII="$$PWD/$$ESA4_MIMII";; esac; \
	case "$${ESA4_DATA_HOME:-/}" in /*|"~"*) ;; *) export ESA4_DATA_HOME="$$PWD/$$ESA4_DATA_HOME";; esac; \
	case "$${ESA4_RECORDINGS:-/}" in /*|"~"*|http://*|https://*) ;; *) export ESA4_RECORDINGS="$$PWD/$$ESA4_RECORDINGS";; esac; \
	case "$${ESA4_DATASET:-}" in ""|recordings|anomaly_mini|synthetic) ;; \
		*) echo "ESA4_DATASET is $$ESA4_DATASET: expected recordings, anomaly_mini or synthetic" >&2; exit 1;; esac; \
	if [ -z "$${ESA4_DATASET:-}" ]; then \
		reason=$$($(BIN)/python -m esa4_helpers download 2>&1 >/dev/null) || { \
			[ $$? -eq 3 ] || { echo "$$reason" >&2; exit 1; }; \
			echo "The recordings can't be reached: going on with synthetic clips."; \
			export ESA4_DATASET=synthetic; \
		}; \
	fi; \
	if [ -z "$${ESA4_MACHINES:-}" ] && [ "$${ESA4_DATASET:-}" != synthetic ]; then \
		export ESA4_MACHINES=mimii; \
		$(BIN)/python -m esa4_helpers download machines >/dev/null || { \
			[ $$? -eq 3 ] || exit 1; \
			echo "The machines of chapter 7 can't be reached: it goes on with synthetic ones."; \
			export ESA4_MACHINES=synthetic; \
		}; \
	fi

help:
	@echo "make site        build the website and say where it is"
	@echo "make test        test the package and the chapters"
	@echo "make test-course test what is made with them: website, sheets, marking, benchmarks"
	@echo "make lint        check the style of the code"
	@echo "make notebooks   after an edit of book/*.py: run and store the notebooks"
	@echo "make exercises   after an edit of exercises/*.py: make the student notebooks"
	@echo "make grade SUBMISSIONS=folder_or_zip    mark what students handed in"
	@echo "make bench       measure detectors next to the lecture's, streams, and many hours"
	@echo "make coverage    see which lines of the package its tests never run"
	@echo "make mutants     see whether the tests notice small mistakes in the package (SEED=, N=)"
	@echo "make mimii       measure all detectors on MIMII's machines (ESA4_MIMII, OPTIONS=)"
	@echo "make test-colab  run the course with Google Colab's versions (WITHOUT=06_faults)"
	@echo "make test-versions  run package and chapters with the lowest and the newest versions"
	@echo "                 that are allowed (ON=3.12, VERSIONS=lowest)"
	@echo "make audit       ask whether what is pinned has known holes"
	@echo "make links       ask whether all addresses on the web still answer"
	@echo "make clean       remove what was installed and built; grades and tables stay"
	@echo "All take PYTHON=python3.12, to be installed with one that is not python3."

# What writes to _build does so one after the other.
ALONE = $(BIN)/python tools/alone.py

site: $(FOR_SITE)
	@$(CHOOSE_CLIPS); \
	$(ALONE) $(BIN)/jupyter-book build . -W -n --keep-going && \
	echo && echo "Open this page: $$PWD/_build/html/index.html"

# Several tests run at a time, so threads of a matrix product would wait for each other.
ONE_THREAD = export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 \
	TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1

test: $(INSTALLED) lint
	@$(CHOOSE_CLIPS); \
	$(ONE_THREAD); \
	$(ALONE) $(BIN)/pytest -n 2 -rs

# Where the chapters have run, the site that is tested shows the results of that run.
test-course: $(INSTALLED)
	@$(CHOOSE_CLIPS); \
	$(ONE_THREAD); \
	$(ALONE) $(BIN)/pytest -n 2 -rs tests/course

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

notebooks: $(INSTALLED)
	$(BIN)/python tools/notebooks.py

exercises: $(INSTALLED)
	$(BIN)/python tools/student_sheets.py

grade: $(INSTALLED)
	@[ -n "$$SUBMISSIONS" ] || { echo "say what to mark: make grade SUBMISSIONS=folder or download.zip" >&2; exit 2; }
	@PYTHONPATH=tools $(BIN)/python -m marking "$$SUBMISSIONS" $${SEED:+--seed "$$SEED"} \
		$${RESULTS:+--results "$$RESULTS"} $${TIME_LIMIT:+--time-limit "$$TIME_LIMIT"} \
		$${MEMORY_LIMIT:+--memory-limit "$$MEMORY_LIMIT"} $${JOBS:+--jobs "$$JOBS"} \
		$(if $(filter 1,$(UNSAFE)),--unsafe) $${PARTICIPANTS:+--participants "$$PARTICIPANTS"} \
		$${ONLY:+--only "$$ONLY"} $(if $(filter-out 0,$(PSEUDONYMS)),--pseudonyms)

# Never with synthetic clips unless asked for: they would make it another benchmark.
bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.streaming
	$(BIN)/python -m benchmarks.storage
	$(BIN)/python -m benchmarks.scale

# Without the chapters: their kernels can't be started while coverage is measured.
coverage: $(INSTALLED)
	@$(CHOOSE_CLIPS); \
	$(ONE_THREAD); \
	$(ALONE) $(BIN)/pytest -n 2 -q --cov --cov-fail-under=95 tests esa4_helpers

# Ten minutes: first many inputs for what holds for all of them, then the mistakes.
mutants: $(INSTALLED)
	@$(CHOOSE_CLIPS); \
	$(ONE_THREAD); \
	$(BIN)/pytest -q -n 2 --dist=load --hypothesis-profile=thorough tests/test_properties.py && \
	$(BIN)/python tools/mutate_package.py $${SEED:+--seed "$$SEED"} $${N:+-n "$$N"}

mimii: $(INSTALLED)
	@$(CHOOSE_CLIPS); \
	$(BIN)/python -m benchmarks.mimii $(OPTIONS)

test-colab: $(INSTALLED)
	@$(CHOOSE_CLIPS); \
	$(ONE_THREAD); \
	$(BIN)/python tools/try_colab.py $${WITHOUT:+--without $$WITHOUT}

test-versions: $(INSTALLED)
	@$(CHOOSE_CLIPS); \
	$(ONE_THREAD); \
	$(BIN)/python tools/try_versions.py --pythons $${ON:-$(PYTHONS)} $${VERSIONS:+--versions $$VERSIONS}

# What constraints.txt pins, whether it is installed here or on other systems only.
audit: $(INSTALLED)
	$(BIN)/uv tool run --quiet pip-audit@2.10.1 --requirement constraints.txt --no-deps --disable-pip

links: $(FOR_SITE)
	@$(CHOOSE_CLIPS); \
	$(ALONE) $(BIN)/jupyter-book build . --builder linkcheck

clean:
	rm -rf _build build dist $(VENV) $(VENV).lock .colab .versions .coverage .hypothesis .pytest_cache .ruff_cache *.egg-info

# Looked after each time: a folder can be moved, and a Python can go.
$(FOR_SITE) $(INSTALLED): always
	@$(CHOOSE_PYTHON); \
	"$$python" tools/environment.py $@
