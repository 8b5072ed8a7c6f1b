"""NanoDet-g, 320 x 416: small, fast on a CPU, trained on COCO; people near and far.

The files are made by `training.convert_nanodet` and `training.quantize_nanodet`. For each cell of three grids
it gives the score of a person and, for each of the four sides, the logits of the distance in strides, 0 to
10; their means give the box (Li et al., "Generalized Focal Loss", arXiv:2006.04388). Only cells above the
confidence are decoded.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fashion_pipeline.fashion.engines import ONNX_ENGINES, Engine, choose_engine, open_engine
from fashion_pipeline.fashion.model_file import file_digest
from fashion_pipeline.fashion.model_lookup import MODELS_FOLDER
from fashion_pipeline.stages.detectors.boxes import choose_people
from fashion_pipeline.stages.detectors.detector import (
    Backend,
    BoxesXyxy,
    DetectorSettings,
    Scores,
    shipped_file,
)
from fashion_pipeline.stages.detectors.grids import grid

MODEL_PATH, INT8_PATH = MODELS_FOLDER / "nanodet.onnx", MODELS_FOLDER / "nanodet.int8.onnx"
INPUT_WH = (416, 320)
BINS = 11
BACKEND = Backend(models={"nanodet": 0.45}, engines=ONNX_ENGINES, has_precisions=True)


class NanoDet:
    """The loaded detector."""

    def __init__(self, engine: Engine, digest: str, settings: DetectorSettings) -> None:
        self.digest = digest
        self._engine = engine
        self.precision = engine.precision
        self.settings = settings

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        return self._in_one_pass([image_bgr])[0]

    def detect_batch(self, images_bgr: Sequence[npt.NDArray[np.uint8]]) -> list[tuple[BoxesXyxy, Scores]]:
        if self._engine.device == "cpu":
            return [self.detect(image_bgr) for image_bgr in images_bgr]
        return self._in_one_pass(images_bgr)

    def _in_one_pass(self, images_bgr: Sequence[npt.NDArray[np.uint8]]) -> list[tuple[BoxesXyxy, Scores]]:
        import cv2

        # Stretched, not padded: this way close-ups, which fill the picture, are found too.
        small = [cv2.resize(image_bgr, INPUT_WH, interpolation=cv2.INTER_LINEAR) for image_bgr in images_bgr]
        outputs = self._engine.run({"images_bgr": np.stack(small).astype(np.uint8, copy=False)})
        return [
            self._people(scores, bins, (image_bgr.shape[1], image_bgr.shape[0]))
            for image_bgr, scores, bins in zip(images_bgr, outputs["scores"], outputs["bins"], strict=True)
        ]

    def _people(
        self,
        scores: npt.NDArray[np.floating],
        bins: npt.NDArray[np.floating],
        size_wh: tuple[int, int],
    ) -> tuple[BoxesXyxy, Scores]:
        candidates = np.flatnonzero(scores >= self.settings.confidence)
        bins = bins.reshape(len(scores), 4, BINS)[candidates]
        scale_xy = size_wh[0] / INPUT_WH[0], size_wh[1] / INPUT_WH[1]
        boxes_xyxy = decode(bins, candidates) * np.array([*scale_xy, *scale_xy])
        return choose_people(boxes_xyxy, scores[candidates], size_wh, self.settings)


def decode(bins: npt.NDArray[np.floating], places: npt.NDArray[np.intp]) -> npt.NDArray[np.floating]:
    """Return boxes (N x 4, x0, y0, x1, y1 in pixels of the input) of some cells of the grids.

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


def check(settings: DetectorSettings) -> Path:
    """Return the model file. Raises ValueError if it or the engine is missing, or another one is named."""
    choose_engine(settings.engine, BACKEND.engines)
    if settings.weights:
        raise ValueError(
            "detector 'nanodet' has its own file, so 'weights' means nothing to it; leave it out"
        )
    return shipped_file(MODEL_PATH, "nanodet")


def open_detector(settings: DetectorSettings) -> NanoDet:
    """Load the network and run it once, so that the first frame is as fast as the others."""
    engine = open_engine(
        MODEL_PATH,
        settings.engine,
        settings.threads,
        settings.device,
        precision=settings.precision,
        int8=INT8_PATH if INT8_PATH.is_file() else None,
        is_alone_on_cpu=True,
    )
    detector = NanoDet(engine, file_digest(engine.path), settings)
    detector.detect(np.zeros((INPUT_WH[1], INPUT_WH[0], 3), np.uint8))
    return detector
