"""What a back end of `detect` is: a detector, its settings, and what the back end declares of itself."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fashion_pipeline.fashion.precision import AUTO

BoxesXyxy = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]

CONFIDENCE = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backend:
    """What a module of `stages.detectors.backends` declares as `BACKEND`.

    models: its models and the lowest score of each that counts as a person if the user sets none.
    prefix, suffixes: it also takes any model whose name begins or ends so.
    engines: which can run it, the preferred one first.
    has_precisions: an engine may compute it in another precision than float32.
    published: models whose files `fashion-pipeline weights` gets, best first; "auto" is the first there is.
    is_default: of two back ends for one model, this one runs it unless an engine of the other's is named.
    """

    engines: tuple[str, ...]
    models: Mapping[str, float] = dataclasses.field(default_factory=dict)
    prefix: str = ""
    suffixes: tuple[str, ...] = ()
    has_precisions: bool = False
    published: tuple[str, ...] = ()
    is_default: bool = True

    def takes(self, model: str) -> bool:
        """Return whether it runs this model."""
        is_of_family = bool(self.prefix) and model.startswith(self.prefix)
        return model in self.models or is_of_family or model.endswith(self.suffixes or (" ",))


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorSettings:
    """Settings of any detector. `iou`: of two boxes that overlap by more than this, the better is kept.

    `weights` is a path or ""; `head` one of `heads.HEADS` or "auto"; `size` the pixels of the network's
    input, 0: its own; `person_class` the number of the class "person", -1: the usual one of that family.
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


class OneByOne:
    """Base of detectors that process one picture at a time, also of a batch."""

    def detect_batch(
        self: Detector, images_bgr: Sequence[npt.NDArray[np.uint8]]
    ) -> list[tuple[BoxesXyxy, Scores]]:
        return [self.detect(image_bgr) for image_bgr in images_bgr]


class BackendModule(Protocol):
    """A module of `stages.detectors.backends`. Importing it must not load an engine."""

    BACKEND: Backend

    @staticmethod
    def check(settings: DetectorSettings) -> Path:
        """Return the model file; loads nothing. Raises ValueError, in one sentence, if it or what runs it is
        missing, or a setting means nothing to it."""

    @staticmethod
    def open_detector(settings: DetectorSettings) -> Detector:
        """Load the network and run it once, so that the first frame is as fast as the others.

        Raises ValueError, in one sentence, if the file is not this network's.
        """


def shipped_file(path: Path, name: str) -> Path:
    """Return the file of a shipped detector. Raises ValueError if it is missing."""
    if not path.is_file() or path.stat().st_size == 0:
        raise ValueError(
            f"{path}: the model of detector '{name}' is missing or empty; install the package again"
        )
    return path
