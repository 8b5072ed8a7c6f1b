"""The shipped model through the whole graph, and the photos of one garment each."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fashion_pipeline.fashion.street import read_facts
from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.street import garments as garments_module
from fashion_pipeline.training.street.crops import LOOK
from fashion_pipeline.training.street.data import FOLDERS
from fashion_pipeline.training.street.evaluate import main, run_graph
from fashion_pipeline.training.street.garments import garment_report

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def photos(tmp_path):
    """Two frames of the sample film, in which people are seen, and what one of them is said to wear."""
    folder = tmp_path / "photos"
    folder.mkdir()
    film = cv2.VideoCapture(str(PROJECT / "samples" / "plaza.mp4"))
    for number in range(2):
        _, image_bgr = film.read()
        cv2.imwrite(str(folder / f"{number}.jpg"), image_bgr)
    film.release()
    truth = [
        {"photo": f"{number}.jpg", "garments": [{"label": "Coat"}] * (1 - number)} for number in range(2)
    ]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    return tmp_path / "truth.json"


@pytest.mark.slow
def test_a_folder_of_photos_goes_through_the_graph_and_is_scored(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert main([str(photos)]) == 0

    records = [
        json.loads(line) for line in (tmp_path / "out" / "evaluate-street.jsonl").read_text().splitlines()
    ]
    assert [Path(record["uri"]).name for record in records] == ["0.jpg", "1.jpg"]
    assert all(record["status"] == "ok" and record["people"] for record in records)
    assert "photos 2, without a result 0" in capsys.readouterr().out


@pytest.mark.slow
def test_a_graph_that_does_not_run_is_one_error(tmp_path):
    with pytest.raises(DataError, match=r"evaluate.yaml ended with status 2"):
        run_graph(tmp_path / "nowhere", "street", tmp_path / "results.jsonl")


class OneAnswer:
    """A network that holds everything for a shoe: most of all for a boot."""

    def run(self, inputs):
        count = len(inputs["images"])
        folders, scores = np.zeros((count, 10)), np.zeros((count, 10))
        folders[:, FOLDERS.index("shoes")], scores[:, 9] = 1, 1
        return {"folders": folders, "scores": scores}


def test_single_garments_are_counted_over_the_folders_that_have_a_label(tmp_path, monkeypatch):
    for index, name in enumerate(FOLDERS):
        (tmp_path / "validation" / name).mkdir(parents=True)
        for number in range(3 if name == "shoes" else 1):
            grey = np.full((40 + index, 30, 3), 9, np.uint8)
            cv2.imwrite(str(tmp_path / "validation" / name / f"{number}.jpg"), grey)
    monkeypatch.setattr(garments_module, "open_engine", lambda path: OneAnswer())

    text = garment_report(tmp_path / "validation", "street")

    # Six folders with one photo, and three shoes, which are right.
    assert "single garments 9: right 0.333" in text and "ten scores 0.333" in text
    assert "shoes           3  1.000" in text and "dress           1  0.000" in text


def test_a_model_that_is_not_there_is_one_error(tmp_path):
    for name in FOLDERS:
        (tmp_path / "validation" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "validation" / name / "0.jpg"), np.zeros((9, 9, 3), np.uint8))

    with pytest.raises(DataError, match="there is no street model 'v9'"):
        garment_report(tmp_path / "validation", "v9")


def test_the_shipped_model_looks_as_training_did():
    assert read_facts(PROJECT / "models" / "street.json").look == LOOK
