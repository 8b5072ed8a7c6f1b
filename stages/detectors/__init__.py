"""Detectors, which find people in a picture; `open_detector` looks one up by its name in the graph.

A detector is a module with `check(settings)`, which loads nothing, and `open_detector(settings)`.
"""

import dataclasses
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fashion_pipeline.fashion.precision import AUTO
from fashion_pipeline.fashion.weights import is_there
from framegraph.properties import nearest

BoxesXyxy = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]

IMAGEAI = ("retinanet", "yolov3", "tiny-yolov3")
DETECTORS = {"nanodet": "nanodet", "ssdlite": "ssdlite", **dict.fromkeys(IMAGEAI, "imageai_networks")}
"""The module in this package for each detector."""

WITH_PRECISION = ("nanodet", "ssdlite", "onnx_export")
"""Modules whose detectors an engine can run in a precision other than float32."""

TORCHVISION_PREFIX = "torchvision/"
EXPORT_SUFFIXES = (".onnx", ".xml")
"""Of ONNX, and of OpenVINO's own format, which comes with a file NAME.bin."""
PUBLISHED_EXPORTS = (
    "rtmdet_nano",
    "person-detection-0202",
    "person-detection-0201",
    "person-detection-0200",
    "yolox_nano",
)
"""Detectors that `make weights` gets, best first; "auto" takes the first that is present."""
SHIPPED = "nanodet"

CONFIDENCE = 0.5
CONFIDENCE_OF = {
    "nanodet": 0.45,
    "rtmdet_nano": 0.4,
    # The value that the first version of this project used with ImageAI's detectors.
    **dict.fromkeys(IMAGEAI, 0.7),
}
"""Exceptions from CONFIDENCE."""

HEADS = (
    *("yolov8", "yolov5", "nms", "nms-batched", "rtdetr", "rtdetr-joined", "rtdetr-pixels"),
    *("ssd", "yolox", "rtmdet", "rtmdet-raw"),
)
"""Layouts of an ONNX export's outputs, described in `stages.detectors.heads`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorSettings:
    """Settings of any detector. `iou`: of two boxes that overlap by more than this, the better is kept.

    `weights` is a path or ""; `head` one of HEADS or "auto"; `size` the pixels of the network's input, 0: its
    own; `person_class` the number of the class "person", -1: the usual one of that family.
    """

    confidence: float
    iou: float
    model: str = "ssdlite"
    weights: str = ""
    head: str = "auto"
    size: int = 0
    person_class: int = -1
    engine: str = "auto"
    precision: str = AUTO
    threads: int = 1
    device: str = "cpu"


class OneByOne:
    """Base of detectors that process one picture at a time, also of a batch."""

    def detect_batch(
        self: "Detector", images_bgr: Sequence[npt.NDArray[np.uint8]]
    ) -> list[tuple[BoxesXyxy, Scores]]:
        return [self.detect(image_bgr) for image_bgr in images_bgr]


class Detector(Protocol):
    """A loaded detector of people. Use it from one thread."""

    digest: str
    """sha256 of the model file, in hex."""
    precision: str
    """Precision of the network."""
    settings: DetectorSettings
    """The settings it was opened with; `confidence` and `iou` may be changed by replacing them."""

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        """Find people in a uint8 H x W x 3 picture, which is not changed.

        Returns float32 N x 4 boxes, x0, y0, x1, y1 in pixels of the picture and inside it, and float32 N
        scores from 0 to 1, best first, none below the confidence. N may be 0.
        """

    def detect_batch(self, images_bgr: Sequence[npt.NDArray[np.uint8]]) -> list[tuple[BoxesXyxy, Scores]]:
        """Do the same for several pictures of any sizes, in one pass where that is faster."""


def default_confidence(model: str) -> float:
    """Return the lowest score that counts as a person if the user sets none."""
    return CONFIDENCE_OF.get(name_of(model), CONFIDENCE)


def name_of(model: str) -> str:
    """Return the name of the detector: for "auto" the best one present, at least the shipped one."""
    if model != AUTO:
        return model
    return next((name for name in PUBLISHED_EXPORTS if is_there(name)), SHIPPED)


def shipped_file(path: Path, name: str) -> Path:
    """Return the file of a shipped detector. Raises ValueError if it is missing."""
    if not path.is_file() or path.stat().st_size == 0:
        raise ValueError(
            f"{path}: the model of detector '{name}' is missing or empty; `make detector` makes it"
        )
    return path


def check_detector(name: str, settings: DetectorSettings) -> Path:
    """Return the model file of a detector after checking that it and its engine exist; loads nothing.

    Raises ValueError, in one sentence, if not.
    """
    settings = dataclasses.replace(settings, model=name_of(name))
    if settings.precision not in ("float32", AUTO) and _module_name(settings) not in WITH_PRECISION:
        raise ValueError(
            f"precision '{settings.precision}' is for nanodet, ssdlite and ONNX exports; leave it out"
        )
    path: Path = _module(settings).check(settings)
    return path


def open_detector(name: str, settings: DetectorSettings) -> Detector:
    """Load a detector. Raises ValueError, in one sentence, if it cannot be used here."""
    check_detector(name, settings)
    settings = dataclasses.replace(settings, model=name_of(name))
    detector: Detector = _module(settings).open_detector(settings)
    return detector


def _module(settings: DetectorSettings) -> Any:
    return importlib.import_module(f"{__name__}.{_module_name(settings)}")


def _module_name(settings: DetectorSettings) -> str:
    model = settings.model
    if model.endswith(EXPORT_SUFFIXES) or model in PUBLISHED_EXPORTS:
        return "onnx_export"
    if model.startswith(TORCHVISION_PREFIX):
        return "torchvision_networks"
    if model == "ssdlite" and settings.engine == "tensorflow":
        return "ssdlite_tensorflow"
    if model not in DETECTORS:
        meant = nearest(model, (*DETECTORS, *PUBLISHED_EXPORTS, AUTO))
        raise ValueError(
            f"model '{model}' is not known{meant}; also {TORCHVISION_PREFIX}NAME and the path of a file "
            f"{' or '.join(f'NAME{suffix}' for suffix in EXPORT_SUFFIXES)}"
        )
    return DETECTORS[model]
