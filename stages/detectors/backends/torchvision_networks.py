"""Torchvision's detectors, by its own names, with weights from a file: `model: torchvision/NAME`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fashion_pipeline.fashion.model_file import file_digest
from fashion_pipeline.fashion.weights import WEIGHTS, find_weights
from fashion_pipeline.stages.detectors.boxes import choose_people
from fashion_pipeline.stages.detectors.detector import Backend, BoxesXyxy, DetectorSettings, Scores
from fashion_pipeline.stages.detectors.torch_networks import (
    ENGINES,
    check_torch,
    load_quietly,
    prepare_torch,
    to_tensor,
)
from framegraph.properties import nearest

BACKEND = Backend(prefix="torchvision/", engines=ENGINES)

COCO_CLASSES = 91
"""Including the background, as in all published weights of torchvision's detectors."""
PEOPLE_CLASS = 1
FIXED_SIZE = ("ssd300_vgg16", "ssdlite320_mobilenet_v3_large")


class TorchvisionDetector:
    """The loaded detector."""

    def __init__(self, network: Any, device: str, digest: str, settings: DetectorSettings) -> None:
        self.digest = digest
        self._network = network
        self._device = device
        self.settings = settings
        self.precision = "float32"
        self._person_class = PEOPLE_CLASS if settings.person_class < 0 else settings.person_class

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        return self.detect_batch([image_bgr])[0]

    def detect_batch(self, images_bgr: Sequence[npt.NDArray[np.uint8]]) -> list[tuple[BoxesXyxy, Scores]]:
        import torch

        with torch.inference_mode():
            found = self._network([to_tensor(image_bgr, self._device) for image_bgr in images_bgr])
        return [self._people(each, image_bgr) for each, image_bgr in zip(found, images_bgr, strict=True)]

    def _people(self, found: Mapping[str, Any], image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        is_person = (found["labels"] == self._person_class).cpu().numpy()
        boxes_xyxy = found["boxes"].cpu().numpy()[is_person]
        scores = found["scores"].cpu().numpy()[is_person]
        height, width = image_bgr.shape[:2]
        return choose_people(boxes_xyxy, scores, (width, height), self.settings)


def check(settings: DetectorSettings) -> Path:
    """Return the weights file. Raises ValueError, in one sentence, if it or torchvision is missing."""
    name = settings.model.removeprefix(BACKEND.prefix)
    if settings.model not in WEIGHTS:
        known = [model.removeprefix(BACKEND.prefix) for model in WEIGHTS if "/" in model]
        raise ValueError(f"torchvision has no detector '{name}'{nearest(name, known)}")
    if settings.size and name in FIXED_SIZE:
        raise ValueError(f"the input of '{settings.model}' has a fixed size; leave 'size' out")
    check_torch(settings, "torchvision", "imageai")
    return find_weights(settings.model, settings.weights)


def open_detector(settings: DetectorSettings) -> TorchvisionDetector:
    """Load the weights and run the network once. Raises ValueError if the file does not fit the network."""
    path = check(settings)
    device = prepare_torch(settings)
    name = settings.model.removeprefix(BACKEND.prefix)

    def load() -> Any:
        import torch
        from torchvision.models import detection

        sizes = {"min_size": settings.size} if settings.size else {}
        build = getattr(detection, name)
        network = build(weights=None, weights_backbone=None, num_classes=COCO_CLASSES, **sizes)
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return network.to(device).eval()

    detector = TorchvisionDetector(load_quietly(path, settings, load), device, file_digest(path), settings)
    detector.detect(np.zeros((64, 64, 3), np.uint8))
    return detector
