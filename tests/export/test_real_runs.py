"""Results of a real run, read back by each format's own library, and CVAT's by datumaro."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fashion_pipeline.export import find
from fashion_pipeline.export.shared.exporting import export
from tests.export.comparisons import COMPARISONS
from tests.export.kit import garments_of, people_of, records, rounded, story, write_results
from tests.launching import PROJECT, Launched

DATUMARO = "datumaro==1.13.12"
"""It needs other versions of our packages, so it has an environment of its own: 560 MB, which stays in pytest's
cache. DATUMARO_PYTHON may name the Python of one that is there."""
READ = """
import json, sys
from datumaro import Dataset
data = Dataset.import_from(sys.argv[1], "cvat")
labels = [label.name for label in data.categories()[next(iter(data.categories()))].items]
found = [
    [item.attributes["frame"], labels[box.label], box.points, box.attributes]
    for item in data for box in item.annotations
]
print(json.dumps(found, default=str))
"""


@pytest.fixture(scope="module")
def real_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first two seconds of the sample, with detection in each third frame."""
    folder = tmp_path_factory.mktemp("run")
    words = [f"camera.uri={PROJECT / 'samples' / 'plaza.mp4'}", "camera.duration=2s", "detect.interval=3"]
    settings = [part for word in words for part in ("--set", word)]
    with Launched(PROJECT / "pipeline.yaml", *settings, folder=folder) as run:
        assert run.wait() == 0, run.stderr
    return folder / "out" / "results.jsonl"


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPARISONS)
def test_a_real_run_comes_back(name: str, real_results: Path, tmp_path: Path) -> None:
    assert len(people_of(real_results)) > 40
    assert len(garments_of(real_results)) > 40
    assert {"predicted", "ok"} >= {record["status"] for record in records(real_results)}
    out = tmp_path / f"out{find(name).suffix}"
    export([str(real_results)], name, out=out)
    COMPARISONS[name](real_results, out)


@pytest.fixture(scope="module")
def datumaro_python(pytestconfig: pytest.Config) -> str:
    if named := os.environ.get("DATUMARO_PYTHON"):
        return named
    folder = Path(pytestconfig.cache.mkdir("datumaro")) if pytestconfig.cache is not None else Path()
    done, python = folder / DATUMARO, folder / "bin" / "python"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", DATUMARO], check=True)
        done.touch()
    return str(python)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_datumaro_reads_what_cvat_reads(datumaro_python: str, real_results: Path, tmp_path: Path) -> None:
    """With two sources and labels of all kinds too: a folder for CVAT has a file for each source."""
    told = write_results(tmp_path / "results.jsonl", story())
    for results in (real_results, told):
        out = tmp_path / f"{results.parent.name}.cvat"
        export([str(results)], "cvat", out=out)
        found = []
        for path in out.glob("*.xml"):
            done = subprocess.run(
                [datumaro_python, "-c", READ, path], capture_output=True, text=True, check=True, timeout=120
            )
            for frame, label, box, attributes in json.loads(done.stdout):
                if attributes["outside"]:
                    continue
                number = int(attributes["track"]) if "track" in attributes else None
                found.append((path.stem, frame, label, tuple(box), float(attributes["score"]), number))
        expected = [*people_of(results), *garments_of(results)]
        # Its numbers are of single precision.
        assert in_single_precision(found) == in_single_precision(expected)


def in_single_precision(
    found: list[tuple[str, int, str, tuple[float, ...], float, int | None]],
) -> list[object]:
    return [(*each[:3], tuple(round(value, 2) for value in each[3]), *each[4:]) for each in rounded(found)]
