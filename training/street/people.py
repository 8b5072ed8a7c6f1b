"""Find the person in each photo with the detector that the pipeline uses, and keep the boxes."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fashion_pipeline.fashion.engines import Engine, open_engine
from fashion_pipeline.fashion.street import Box
from fashion_pipeline.fashion.whole_files import write_whole
from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.street.crops import Person, store

DETECTOR = Path(__file__).resolve().parents[2] / "models" / "ssdlite.onnx"
DETECTOR_SIDE_PX = 300
CONFIDENCE = 0.5


class LargestPerson:
    """The detector, asked for one box: that of the largest person."""

    def __init__(self, path: Path = DETECTOR, confidence: float = CONFIDENCE) -> None:
        self._engine: Engine = open_engine(path)
        self._confidence = confidence

    def find(self, image_bgr: NDArray[np.uint8]) -> Box | None:
        """Return the box, in pixels of the picture and inside it, or None if nobody is seen."""
        height, width = image_bgr.shape[:2]
        side = (DETECTOR_SIDE_PX, DETECTOR_SIDE_PX)
        small_rgb = cv2.cvtColor(cv2.resize(image_bgr, side), cv2.COLOR_BGR2RGB)
        outputs = self._engine.run({"images_rgb": small_rgb[np.newaxis]})
        scores = outputs["scores"].reshape(-1)
        boxes = np.clip(outputs["boxes_yxyx"].reshape(-1, 4)[:, [1, 0, 3, 2]], 0, 1)
        boxes = boxes * np.array([width, height, width, height], np.float32)
        certain = np.flatnonzero(scores >= self._confidence)
        best: Box | None = None
        # Overlapping boxes of one person: the surest stands for all, as in non-maximum suppression.
        kept = cv2.dnn.NMSBoxes(
            [(x0, y0, x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes[certain].tolist()],
            scores[certain].tolist(),
            self._confidence,
            0.6,
        )
        for index in np.array(kept, np.int64).reshape(-1):
            x0, y0, x1, y1 = boxes[certain[index]].tolist()
            if best is None or (x1 - x0) * (y1 - y0) > (best[2] - best[0]) * (best[3] - best[1]):
                best = (x0, y0, x1, y1)
        return best


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture as BGR. Raises DataError if it is none."""
    image: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"{path}: cannot be read as a picture; get the photos again")
    return np.asarray(image, np.uint8)


def find_boxes(paths: Sequence[Path], cache: Path) -> list[Box | None]:
    """Return the largest person's box of each photo; kept in `cache`, so that a second run is quick."""
    if cache.exists():
        return [
            None if box is None else (box[0], box[1], box[2], box[3]) for box in json.loads(cache.read_text())
        ]
    detector = LargestPerson()
    boxes = [detector.find(read_picture(path)) for path in tqdm(paths, "people", unit="photo", disable=None)]
    cache.parent.mkdir(parents=True, exist_ok=True)
    write_whole(cache, json.dumps(boxes).encode())
    return boxes


def load_people(paths: Sequence[Path], boxes: Sequence[Box | None]) -> list[Person]:
    """Read the photos and keep their people; where nobody was found, the whole picture counts as one."""
    people = []
    for path, box in zip(paths, boxes, strict=True):
        image = read_picture(path)
        people.append(store(image, box or (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))))
    return people


def load_wholes(paths: Sequence[Path]) -> list[Person]:
    """Read photos of single garments: the whole picture is what is looked at."""
    return load_people(paths, [None] * len(paths))


def paths_digest(paths: Sequence[Path]) -> str:
    """A digest of the names and sizes of files: enough to tell that a cache belongs to them."""
    lines = [f"{path.parent.name}/{path.name} {path.stat().st_size}" for path in paths]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
