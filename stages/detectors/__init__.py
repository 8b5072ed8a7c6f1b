"""Detectors: each finds people in a picture; `open_detector` looks one up by name."""

import dataclasses
import importlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fashion.engines import choose_engine

BoxesXyxy = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]

DETECTORS = {"ssdlite": "stages.detectors.ssdlite"}
"""Name of a detector: the module that has its `open_detector` and `check`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What every detector is told. `iou`: of two boxes that overlap more than this, the better stays."""

    confidence: float
    iou: float
    engine: str = "auto"
    threads: int = 1
    device: str = "cpu"


class Detector(Protocol):
    """A loaded detector of people. Use it from one thread."""

    digest: str
    """sha256 of the model file, in hex."""

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        """Find people in a uint8 H x W x 3 picture, which is not changed.

        Returns float32 N x 4 boxes, x0, y0, x1, y1 in pixels of the picture and inside it, and float32 N
        scores from 0 to 1, best first, none below the confidence. N may be 0.
        """


def check_detector(name: str, settings: Settings) -> Path:
    """Return the model file of a detector once it and its engine are known to be there; loads nothing.

    Raises ValueError, in one sentence, if not.
    """
    choose_engine(settings.engine)
    path: Path = _module(name).MODEL_PATH
    if not path.is_file() or path.stat().st_size == 0:
        raise ValueError(
            f"{path}: the model of detector '{name}' is missing or empty; `make detector` makes it"
        )
    return path


def open_detector(name: str, settings: Settings) -> Detector:
    """Load a detector. Raises ValueError, in one sentence, if it cannot be used here."""
    check_detector(name, settings)
    detector: Detector = _module(name).open_detector(settings)
    return detector


def _module(name: str) -> Any:
    return importlib.import_module(DETECTORS[name])
