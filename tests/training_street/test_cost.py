"""What a look costs is told for each step, and a step that was left behind can be built again."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fashion_pipeline.training.street.cost import BANDS, Pooled, cost_ms, main, with_maps

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("bands", [0, BANDS])
def test_the_first_steps_tell_ten_labels_from_a_look_of_any_size(bands):
    with torch.device("meta"):  # shapes alone
        assert Pooled(bands).eval()(torch.zeros(2, 3, 320, 160)).shape == (2, 10)


def test_the_head_with_maps_is_built_for_another_size():
    with torch.device("meta"):
        scores, _folders, maps = with_maps((192, 384)).eval()(torch.zeros(1, 3, 384, 192))

    assert scores.shape == (1, 10) and maps.shape == (1, 10, 12, 6)


def test_each_look_is_measured():
    asked = []
    looks = [(np.zeros((1, 1, 3), np.uint8), (number, 0, 1, 1)) for number in range(7)]

    spent = cost_ms(lambda _image, box: asked.append(box[0]), looks)

    assert len(spent) == 7 and min(spent) >= 0
    assert asked == [*range(5), *range(7)]  # five to warm up


@pytest.mark.slow
def test_every_step_has_a_row(tmp_path, monkeypatch, capsys):
    (tmp_path / "tagged").mkdir()
    film = cv2.VideoCapture(str(PROJECT / "samples" / "plaza.mp4"))
    for number in range(3):
        cv2.imwrite(str(tmp_path / "tagged" / f"{number}.jpg"), film.read()[1])
    film.release()
    entries = [{"photo": f"{number}.jpg", "tags": [], "garments": []} for number in range(3)]
    (tmp_path / "tagged.json").write_text(json.dumps(entries))
    monkeypatch.setenv("STREET_DATA", str(tmp_path))

    assert main(["--looks", "3"]) == 0

    rows = [line for line in capsys.readouterr().out.splitlines() if "| 3 |" in line]
    assert len(rows) == 7 and rows[0].startswith("| v2_da") and rows[-1].startswith("| street")


def test_photos_that_are_not_there_are_one_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STREET_DATA", str(tmp_path / "nowhere"))

    assert main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("street: STREET_DATA=")
