"""NanoDet-g, 320 x 416: small, quick on a CPU, trained on COCO; people near and far.

The file is made by `training.convert_nanodet`. For each place of three grids it gives the score of a person
and, for each of the four sides, the logits of the distance in strides, 0 to 10: a box is where their means
lie (Li et al., "Generalized Focal Loss", arXiv:2006.04388). Only places that count are worked out.
"""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fashion.engines import ONNX_ENGINES, Engine, choose_engine, open_engine
from fashion.model_file import file_digest
from fashion.model_lookup import MODELS_FOLDER
from stages.detectors import BoxesXyxy, Scores, Settings, shipped_file
from stages.detectors.boxes import choose_people
from stages.detectors.grids import grid

MODEL_PATH = MODELS_FOLDER / "nanodet.onnx"
INPUT_WH = (416, 320)
BINS = 11
ENGINES = ONNX_ENGINES


class NanoDet:
    """The loaded detector."""

    def __init__(self, engine: Engine, digest: str, settings: Settings) -> None:
        self.digest = digest
        self._engine = engine
        self.precision = engine.precision
        self.settings = settings

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        import cv2

        height, width = image_bgr.shape[:2]
        # Stretched, not padded: close-ups, which fill the picture, are found so, and the others as well.
        small = cv2.resize(image_bgr, INPUT_WH, interpolation=cv2.INTER_LINEAR)
        outputs = self._engine.run({"images_bgr": small[np.newaxis].astype(np.uint8, copy=False)})
        scores = outputs["scores"].reshape(-1)
        candidates = np.flatnonzero(scores >= self.settings.confidence)
        bins = outputs["bins"].reshape(len(scores), 4, BINS)[candidates]
        boxes_xyxy = decode(bins, candidates) * np.array([width / INPUT_WH[0], height / INPUT_WH[1]] * 2)
        return choose_people(boxes_xyxy, scores[candidates], (width, height), self.settings)


def decode(bins: npt.NDArray[np.floating], places: npt.NDArray[np.intp]) -> npt.NDArray[np.floating]:
    """Return boxes (N x 4, x0, y0, x1, y1 in pixels of the input) of some places of the grids.

    bins: N x 4 x BINS, the logits of the distances to the left, upper, right and lower edge.
    """
    centres_xy, strides = _grids()
    likely = np.exp(bins - bins.max(axis=2, keepdims=True, initial=0))
    distances = likely @ np.arange(BINS) / likely.sum(axis=2) * strides[places, np.newaxis]
    centres = centres_xy[places]
    return np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)


@cache
def _grids() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.floating]]:
    return grid(INPUT_WH, offset=0.5)


def check(settings: Settings) -> Path:
    """Return the model file. Raises ValueError if it or the engine is not there, or another one is named."""
    choose_engine(settings.engine, ENGINES)
    if settings.weights:
        raise ValueError(
            "detector 'nanodet' has its own file, so 'weights' means nothing to it; leave it out"
        )
    return shipped_file(MODEL_PATH, "nanodet")


def open_detector(settings: Settings) -> NanoDet:
    """Load the network and run it once, so that the first frame is as quick as the others."""
    engine = open_engine(
        MODEL_PATH, settings.engine, settings.threads, settings.device, precision=settings.precision
    )
    detector = NanoDet(engine, file_digest(MODEL_PATH), settings)
    detector.detect(np.zeros((INPUT_WH[1], INPUT_WH[0], 3), np.uint8))
    return detector
