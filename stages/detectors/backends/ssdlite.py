"""SSDLite on MobileNetV2, 300 x 300: small, fast on a CPU, trained on PASCAL VOC for people.

The file is made by `training.convert_detector`. After the converted graph this continues like the original: a
threshold on the scores, then non-maximum suppression.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from fashion_pipeline.fashion.engines import ONNX_ENGINES, Engine, choose_engine, open_engine
from fashion_pipeline.fashion.model_file import file_digest
from fashion_pipeline.fashion.model_lookup import MODELS_FOLDER
from fashion_pipeline.stages.detectors.boxes import suppress_overlaps
from fashion_pipeline.stages.detectors.detector import (
    CONFIDENCE,
    Backend,
    BoxesXyxy,
    DetectorSettings,
    OneByOne,
    Scores,
    shipped_file,
)

MODEL_PATH = MODELS_FOLDER / "ssdlite.onnx"
INPUT_WH = (300, 300)
BACKEND = Backend(models={"ssdlite": CONFIDENCE}, engines=ONNX_ENGINES, has_precisions=True)
QUALITY_BY_PRECISION = {"float32": 0.605, "bfloat16": 0.604}
"""On the first half of PETS09-S2L1: docs/detectors.md."""


def network_input(image_bgr: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a picture (HxWx3) as the network takes it: 1 x 300 x 300 x 3, uint8 RGB.

    The aspect ratio is not kept: the network was trained on stretched pictures.
    """
    import cv2

    small = cv2.resize(image_bgr, INPUT_WH, interpolation=cv2.INTER_LINEAR)
    return cv2.cvtColor(small, cv2.COLOR_BGR2RGB)[np.newaxis].astype(np.uint8, copy=False)


class SsdLite(OneByOne):
    """The loaded detector."""

    def __init__(self, engine: Engine, digest: str, settings: DetectorSettings) -> None:
        self.digest = digest
        self._engine = engine
        self.precision = engine.precision
        self.settings = settings

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        height, width = image_bgr.shape[:2]
        outputs = self._engine.run({"images_rgb": network_input(image_bgr)})
        scores = outputs["scores"].reshape(-1)
        candidates = np.flatnonzero(scores >= self.settings.confidence)
        scores = scores[candidates]
        boxes_yxyx = outputs["boxes_yxyx"].reshape(-1, 4)[candidates]
        boxes_xyxy = boxes_yxyx[:, [1, 0, 3, 2]]
        kept = suppress_overlaps(boxes_xyxy, scores, self.settings.iou)
        boxes_xyxy = np.clip(boxes_xyxy[kept], 0, 1) * np.array([width, height, width, height], np.float32)
        return boxes_xyxy.astype(np.float32), scores[kept].astype(np.float32)


def check(settings: DetectorSettings) -> Path:
    """Return the model file. Raises ValueError if it or the engine is missing, or another one is named."""
    choose_engine(settings.engine, BACKEND.engines)
    if settings.weights:
        raise ValueError(
            "detector 'ssdlite' has its own file, so 'weights' means nothing to it; leave it out, or set "
            "engine: tensorflow for the original graph"
        )
    return shipped_file(MODEL_PATH, "ssdlite")


def open_detector(settings: DetectorSettings) -> SsdLite:
    """Load the network and run it once, so that the first frame is as fast as the others."""
    engine = open_engine(
        MODEL_PATH,
        settings.engine,
        settings.threads,
        settings.device,
        precision=settings.precision,
        quality_by_precision=QUALITY_BY_PRECISION,
    )
    detector = SsdLite(engine, file_digest(MODEL_PATH), settings)
    detector.detect(np.zeros((*INPUT_WH, 3), np.uint8))
    return detector
