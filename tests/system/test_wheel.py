"""The wheel: what is in it, and that it works where there is no checkout."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launching import PROJECT, film_times, lines

pytestmark = pytest.mark.slow
INSTALLED = "WHEEL_ENVIRONMENT"
"""Environment variable: an environment that the wheel is in, with what it needs from the index; of make test-wheel."""
SOURCES = (
    "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "pipeline.yaml", "pipeline-classic.yaml",
    "framegraph", "fashion_pipeline", "stages", "fashion", "training", "models", "samples",
)  # fmt: skip
LIMIT_S = 120


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the checkout, made without the network in a folder of links, where nothing of an earlier build is."""
    project, made = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("made")
    for name in SOURCES:
        (project / name).symlink_to(PROJECT / name)
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(made), str(project))
    (path,) = made.iterdir()
    return path


def pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel. The libraries are those of this one, without the project, whose editable
    installation is read from a .pth file there, and such files are read in the environment itself only."""
    if INSTALLED in os.environ:
        return Path(os.environ[INSTALLED])
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    pip("--python", str(folder), "install", "--no-index", "--no-deps", str(request.getfixturevalue("wheel")))
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(
        "\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    )
    return folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of a user's, with a short name: the sockets of a run are in it."""
    path = Path(f"/tmp/w{os.getpid()}")
    path.mkdir()
    yield path
    shutil.rmtree(path)


def say(environment: Path, folder: Path, *words: str, status: int = 0) -> str:
    """Run a program of the environment from `folder`, with nothing of the project in sight; return its output."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    done = subprocess.run(
        [str(environment / "bin" / words[0]), *words[1:]],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if name not in hidden},
            "TMPDIR": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_it_holds_what_is_needed_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"framegraph", "fashion_pipeline", info}
    assert not [name for name in names if name.endswith(".png") or "/training/results/" in name]
    assert {
        "fashion_pipeline/graphs/pipeline.yaml",
        "fashion_pipeline/models/nanodet.onnx",
        "fashion_pipeline/models/nanodet.LICENSE",
        "fashion_pipeline/samples/plaza.mp4",
        "fashion_pipeline/samples/LICENSE",
        "fashion_pipeline/stages/records/schema.json",
        "framegraph/tools/describe/template/worker.py.txt",
        f"{info}/licenses/LICENSE",
    } <= names
    modules = {
        str(Path(folder, name).relative_to(PROJECT))
        for package in ("framegraph", "fashion_pipeline")
        for folder, _folders, files in os.walk(PROJECT / package, followlinks=True)
        for name in files
        if name.endswith(".py")
    }
    assert {name for name in names if name.endswith(".py")} == modules


def test_the_sample_is_annotated_in_the_current_folder(environment: Path, folder: Path) -> None:
    code = "import fashion_pipeline, framegraph; print(fashion_pipeline.__file__, framegraph.__file__)"
    assert all(
        path.startswith(str(environment)) for path in say(environment, folder, "python", "-c", code).split()
    )
    say(environment, folder, "fashion-pipeline", "run", "--set", "camera.duration=1s")
    sums = json.loads((folder / "out/ledger.json").read_text())["sources"]["camera"]
    records = lines(folder / "out/results.jsonl")
    assert [record["seq"] for record in records] == list(range(sums["captured"]))
    assert len(film_times(folder / "out/annotated.mp4")) == len(records) > 5


def test_a_stage_of_ones_own_beside_its_graph_is_found(environment: Path, folder: Path) -> None:
    shutil.copytree(PROJECT / "examples/own_stage", folder, dirs_exist_ok=True)
    shutil.copy(PROJECT / "samples/plaza.mp4", folder / "film.mp4")
    words = ("pipeline.yaml", "--set", "camera.uri=film.mp4", "--set", "camera.duration=0.3s")
    say(environment, folder, "fashion-pipeline", *words)
    assert lines(folder / "out/results.jsonl")


def test_every_command_calls_itself_by_the_name_that_is_typed(environment: Path, folder: Path) -> None:
    listed = say(environment, folder, "fashion-pipeline", "--help").partition("other commands")[2]
    names = [line.split()[0] for line in listed.splitlines()[1:]]
    assert {"run", "drill", "plan", "weights", "stop"} <= set(names)
    for name in names:
        said = say(environment, folder, "fashion-pipeline", name, "--help")
        assert said.startswith(f"usage: fashion-pipeline {name} ")
    said = say(environment, folder, "fashion-pipeline", status=2)
    assert "fashion-pipeline: error: the following arguments are required: graph" in said
    said = say(environment, folder, "python", "-m", "fashion_pipeline", "drill", "--help")
    assert said.startswith("usage: python -m fashion_pipeline drill ")


def test_missing_weights_name_a_command_that_is_there(environment: Path, folder: Path) -> None:
    words = ("run", "--check", "--set", "detect.model=rtmdet_nano")
    said = say(environment, folder, "fashion-pipeline", *words, status=2)
    assert "by `fashion-pipeline weights rtmdet_nano`" in said
    assert str(environment) in said
