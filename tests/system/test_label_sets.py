"""A model with other labels runs through the whole graph: a label set is data of a model file."""

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.launching import PROJECT, Launched, lines

LABELS = ["lab coat", "apron", "overall", "clogs", "badge"]
REGIONS = {"lab coat": "upper", "apron": "upper", "clogs": "feet", "badge": "hands"}
SCORES = [0.9, 0.1, 0.2, 0.8, 0.45]
LOOK_WH, GRID_HW = (160, 448), (14, 5)


def write_model(folder: Path) -> Path:
    """A street model that tells a lab coat and clogs of everybody, and is unsure of a badge."""
    logits = np.log(np.array(SCORES) / (1 - np.array(SCORES))).astype(np.float32)
    constants = {
        "none": np.float32(0),
        "logits": logits.reshape(1, -1),
        "map": np.ones((1, len(LABELS), *GRID_HW), np.float32),
        "flat": np.array([-1, 1], np.int64),
    }
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Mul", ["mean", "none"], ["zero"]),
        helper.make_node("Reshape", ["zero", "flat"], ["zeros"]),
        helper.make_node("Add", ["zeros", "logits"], ["scores"]),
        helper.make_node("Add", ["zero", "map"], ["maps"]),
    ]
    shapes: dict[str, list[str | int | None]] = {"images": ["n", 3, LOOK_WH[1], LOOK_WH[0]]}
    shapes |= {"scores": ["n", len(LABELS)], "maps": ["n", len(LABELS), *GRID_HW]}
    infos = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()
    }
    graph = helper.make_graph(
        nodes,
        "five",
        [infos["images"]],
        [infos["scores"], infos["maps"]],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "five.onnx"))
    facts = {
        "input": {
            "color": "rgb", "size_wh": LOOK_WH, "fit": "letterbox", "region": "whole", "mean": [0.5] * 3, "std": [0.5] * 3
        },
        "margin": 0.04,
        "fill": 127,
        "labels": LABELS,
        "regions": REGIONS,
        "thresholds": dict.fromkeys(LABELS, 0.5),
        "unsure_above": dict.fromkeys(LABELS, 0.3),
    }  # fmt: skip
    (folder / "five.json").write_text(json.dumps(facts))
    return folder / "five.json"


@pytest.mark.slow
def test_five_other_labels_run_through_graph_film_and_summary(tmp_path: Path) -> None:
    model = write_model(tmp_path)
    (tmp_path / "pictures").mkdir()
    film = cv2.VideoCapture(str(PROJECT / "samples/plaza.mp4"))
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"pictures/{number}.png"), film.read()[1])
    words = [f"camera.uri={tmp_path / 'pictures'}", f"crop.model={model}", f"classify.model={model}"]
    settings = [word for text in words for word in ("--set", text)]
    with Launched(PROJECT / "pipeline.yaml", *settings, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert "lab coat" in run.stdout and "clogs" in run.stdout and "badge" in run.stdout
    people = [person for record in lines(tmp_path / "out/results.jsonl") for person in record["people"]]
    looked_at = [person for person in people if person["looks"]]
    assert looked_at
    for person in looked_at:
        told = {garment["label"]: garment["region"] for garment in person["garments"]}
        assert told == {"lab coat": "upper", "clogs": "feet"}
        assert [garment["label"] for garment in person["unsure"]] == ["badge"]
    assert (tmp_path / "out/annotated.mp4").stat().st_size > 10_000
