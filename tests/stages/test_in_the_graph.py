"""Detectors and sinks of all kinds in a running graph, as a user runs it."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.launching import Launched
from tests.stages.onnx_graphs import write_fixed
from tests.stages.torch_weights import write_torchvision

GRAPH = """\
stages:
  camera: {{type: source, uri: pictures}}
  detect: {{type: detect, model: {model}}}
  table:  {{type: csv_sink, location: out/people.csv}}
  crops:  {{type: crops_sink, location: out/crops}}
  sheet:  {{type: contact_sheet, location: out/sheet.png}}
links:
  - camera ! detect ! table
  - detect ! crops
  - detect ! sheet
ledger: out/ledger.json
"""
PICTURES = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    random = np.random.default_rng(0)
    for number in range(PICTURES):
        image_bgr = random.integers(0, 255, (40, 400, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "pictures" / f"{number}.png"), image_bgr)
    return tmp_path


def rows_of(folder: Path, model: str, *arguments: str) -> list[dict[str, str]]:
    """Run the graph and return the rows of its table."""
    (folder / "graph.yaml").write_text(GRAPH.format(model=model))
    with Launched(folder / "graph.yaml", *arguments, folder=folder) as run:
        assert run.wait() == 0, run.stderr
    with (folder / "out" / "people.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_an_onnx_export_feeds_every_sink(folder: Path) -> None:
    found = np.zeros((1, 300, 6), np.float32)
    found[0, 0] = [10, 30, 20, 34, 0.9, 0]  # of an input of 64 x 64: a person of 62 x 25 pixels in the frame
    model = write_fixed(folder / "net.onnx", {"output0": found})
    rows = rows_of(folder, model.name)
    assert [row["seq"] for row in rows] == ["0", "1", "2"]
    assert {row["score"] for row in rows} == {"0.9"}
    assert len(list((folder / "out" / "crops" / "person").glob("camera-*-0.jpg"))) == PICTURES
    assert cv2.imread(str(folder / "out" / "sheet.png")) is not None


@pytest.mark.slow
@pytest.mark.imageai
def test_imageai_runs_in_the_graph_and_the_detector_is_swapped_by_one_word(folder: Path) -> None:
    weights = write_torchvision(folder / "net.pth", "retinanet_resnet50_fpn")
    given = ("--set", f"detect.weights={weights}", "--set", "detect.max-people=5")
    by_imageai = rows_of(folder, "retinanet", *given, "--set", "detect.start-timeout=240s")
    by_torchvision = rows_of(
        folder, "torchvision/retinanet_resnet50_fpn", *given, "--set", "detect.start-timeout=240s"
    )
    for rows in (by_imageai, by_torchvision):
        assert {row["seq"] for row in rows} == {"0", "1", "2"}
        assert all(float(row["score"]) >= 0.7 for row in rows)
    first, other = by_imageai[0], by_torchvision[0]
    assert float(first["score"]) == pytest.approx(float(other["score"]), abs=1e-3)
