"""Detectors that `fashion-pipeline weights` gets, on their real files: DETECTOR_WEIGHTS names a folder that has them."""

import dataclasses
import hashlib
import itertools
import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import av
import numpy as np
import pytest

from fashion_pipeline.command import main
from fashion_pipeline.fashion.weights import WEIGHTS, Published
from fashion_pipeline.stages.detectors import default_confidence, open_detector
from fashion_pipeline.stages.detectors.detector import DetectorSettings
from tests.stages.test_nanodet import best_ious

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "plaza.mp4"
FILES = {
    "person-detection-0200": "person-detection-0200.xml",
    "person-detection-0201": "person-detection-0201.xml",
    "person-detection-0202": "person-detection-0202.xml",
    "yolox_nano": "yolox_nano.onnx",
    "rtmdet_nano": "rtmdet_nano_person_end2end.onnx",
}
"""By model: as it is called in the folder, where it may be another export of the same weights."""


class Quiet(SimpleHTTPRequestHandler):
    """Gives a folder's files."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def served(published: Published, address: str, path: Path) -> Published:
    """The same, from a server here, with the checksum of the file that is here."""
    beside = published.beside
    return dataclasses.replace(
        published,
        url=f"{address}/{path.name}",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        member="",
        beside=beside and served(beside, address, path.with_suffix(".bin")),
    )


@pytest.mark.parametrize("model", sorted(FILES))
def test_it_is_fetched_and_finds_those_whom_the_shipped_one_is_sure_of(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.environ.get("DETECTOR_WEIGHTS", "DETECTOR_WEIGHTS is not set"))
    path = folder / FILES[model]
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        here = served(WEIGHTS[model], f"http://127.0.0.1:{server.server_port}", path)
        monkeypatch.setitem(WEIGHTS, model, here)
        assert main(["weights", model, "--folder", str(tmp_path)]) == 0
        server.shutdown()
        thread.join()
    monkeypatch.setattr("fashion_pipeline.fashion.weights.WEIGHTS_FOLDER", tmp_path)
    with av.open(str(SAMPLE)) as film:
        image_bgr = next(itertools.islice(film.decode(video=0), 80, None)).to_ndarray(format="bgr24")
    settings = DetectorSettings(confidence=default_confidence(model), iou=0.5, precision="float32")
    sure = open_detector("nanodet", dataclasses.replace(settings, confidence=0.5))
    sure_xyxy, _scores = sure.detect(image_bgr)
    boxes_xyxy, scores = open_detector(model, settings).detect(image_bgr)
    assert len(sure_xyxy) >= 4
    assert (best_ious(sure_xyxy, boxes_xyxy) > 0.45).mean() >= 0.75
    assert len(boxes_xyxy) <= 3 * len(sure_xyxy)
    assert boxes_xyxy.dtype == scores.dtype == np.float32
