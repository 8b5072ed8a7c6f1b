"""`make gpu`, tried on the CPU: the script is the same for a GPU."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu import agreement, pictures, training_steps
from benchmarks.gpu.__main__ import main
from fashion_pipeline.stages.detectors import open_detector


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_whole_script_runs_and_tells_what_it_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "gpu.json"
    assert main(["--device", "openvino:CPU", "--quick", "--output", str(output)]) == 0
    said = capsys.readouterr().out
    assert "the same as on the CPU: 100.0%" in said
    assert "| detect | float32 |" in said and "| classify | float32 |" in said
    assert "ten steps of v1 on cpu: loss" in said
    result = json.loads(output.read_text())
    assert {(row["stage"], row["batch"]) for row in result["speed"]} == {
        (stage, batch) for stage in ("detect", "classify") for batch in (1, 4)
    }
    assert all(row["ms"] > 0 for row in result["speed"])
    assert result["replicas"][0]["frames_a_second"] > 0
    assert len(result["training"]["losses"]) == 10


@pytest.mark.slow
def test_a_device_that_is_not_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--device", "cuda:9", "--quick"]) == 2
    assert capsys.readouterr().err.startswith("gpu: device 'cuda:9' is not available")


@pytest.mark.slow
def test_a_device_that_sees_something_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    frames_bgr = pictures.frames(2)
    crops, boxes_xyxy = pictures.people(frames_bgr)

    def shifted(name, settings):
        detector = open_detector(name, settings)
        if settings.device != "cpu":
            found = detector.detect_batch
            monkeypatch.setattr(
                detector,
                "detect_batch",
                lambda images: [(boxes + 5, scores) for boxes, scores in found(images)],
            )
        return detector

    monkeypatch.setattr(agreement, "open_detector", shifted)
    result = agreement.measure("openvino:CPU", frames_bgr, crops, boxes_xyxy)
    assert result["people_same"] < 0.5
    assert not agreement.is_good(result)


def test_a_device_that_learns_something_else_is_told() -> None:
    assert training_steps.is_good({"apart": 0.01})
    assert not training_steps.is_good({"apart": 0.2})
    assert not training_steps.is_good({"apart": np.nan})
