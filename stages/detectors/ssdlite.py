"""SSDLite on MobileNetV2, 300 x 300: small, quick on a CPU, trained on PASCAL VOC for people.

The file is made by `training.convert_detector`. Where the converted graph ends, this goes on as the original
does: a threshold on the scores, then non-maximum suppression.
"""

import numpy as np
import numpy.typing as npt

from fashion.engines import Engine, open_engine
from fashion.model_file import file_digest
from fashion.model_lookup import MODELS_FOLDER
from stages.detectors import BoxesXyxy, Scores, Settings

MODEL_PATH = MODELS_FOLDER / "ssdlite.onnx"
INPUT_WH = (300, 300)


class SsdLite:
    """The loaded detector."""

    def __init__(self, engine: Engine, digest: str, settings: Settings) -> None:
        self.digest = digest
        self._engine = engine
        self._settings = settings

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        import cv2

        height, width = image_bgr.shape[:2]
        # The aspect ratio is not kept: the network was trained on stretched pictures.
        small = cv2.resize(image_bgr, INPUT_WH, interpolation=cv2.INTER_LINEAR)
        small_rgb = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
        outputs = self._engine.run({"images_rgb": small_rgb[np.newaxis]})
        scores = outputs["scores"].reshape(-1)
        candidates = np.flatnonzero(scores >= self._settings.confidence)
        scores = scores[candidates]
        boxes_yxyx = outputs["boxes_yxyx"].reshape(-1, 4)[candidates]
        boxes_xyxy = boxes_yxyx[:, [1, 0, 3, 2]]
        kept = suppress_overlaps(boxes_xyxy, scores, self._settings.iou)
        boxes_xyxy = np.clip(boxes_xyxy[kept], 0, 1) * np.array([width, height, width, height], np.float32)
        return boxes_xyxy.astype(np.float32), scores[kept].astype(np.float32)


def open_detector(settings: Settings) -> SsdLite:
    """Load the network and run it once, so that the first frame is as quick as the others."""
    engine = open_engine(MODEL_PATH, settings.engine, settings.threads, settings.device)
    detector = SsdLite(engine, file_digest(MODEL_PATH), settings)
    detector.detect(np.zeros((*INPUT_WH, 3), np.uint8))
    return detector


def suppress_overlaps(boxes_xyxy: BoxesXyxy, scores: Scores, iou: float) -> npt.NDArray[np.intp]:
    """Return the indices of the boxes to keep, best first: greedy non-maximum suppression.

    boxes_xyxy: N x 4 in any unit; scores: N. A box goes if it overlaps a better one that stays by more than
    `iou` (intersection over union). Of equal scores the first is the better.
    """
    order = np.argsort(-scores, kind="stable")
    x0, y0, x1, y1 = boxes_xyxy[order].T
    areas = (x1 - x0) * (y1 - y0)
    is_open = np.ones(len(order), bool)
    kept = []
    for best in range(len(order)):
        if not is_open[best]:
            continue
        kept.append(order[best])
        widths = np.minimum(x1, x1[best]) - np.maximum(x0, x0[best])
        heights = np.minimum(y1, y1[best]) - np.maximum(y0, y0[best])
        shared = np.maximum(widths, 0) * np.maximum(heights, 0)
        is_open &= shared <= iou * (areas + areas[best] - shared)
    return np.array(kept, np.intp)
