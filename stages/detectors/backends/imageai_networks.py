"""RetinaNet, YOLOv3 and Tiny YOLOv3 through ImageAI, as in the first version of this project."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fashion_pipeline.fashion.model_file import file_digest
from fashion_pipeline.fashion.weights import find_weights
from fashion_pipeline.stages.detectors.boxes import choose_people
from fashion_pipeline.stages.detectors.detector import (
    Backend,
    BoxesXyxy,
    DetectorSettings,
    OneByOne,
    Scores,
)
from fashion_pipeline.stages.detectors.torch_networks import ENGINES, check_torch, load_quietly, prepare_torch

# The confidence that the first version of this project used with ImageAI's detectors.
BACKEND = Backend(models=dict.fromkeys(("retinanet", "yolov3", "tiny-yolov3"), 0.7), engines=ENGINES)

LOWEST_CONFIDENCE = 0.5
"""ImageAI leaves out everything below this, and offers no way to change it."""
SUFFIXES = (".pt", ".pth")


class ImageAiDetector(OneByOne):
    """The loaded detector."""

    def __init__(self, detection: Any, digest: str, settings: DetectorSettings) -> None:
        self.digest = digest
        self._detection = detection
        self.settings = settings
        self.precision = "float32"
        self._wanted = detection.CustomObjects(person=True)

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        import cv2

        # ImageAI's RetinaNet would convert an array to a JPEG in its own folder; a file is read as it is.
        with tempfile.TemporaryDirectory(prefix="imageai-") as folder:
            picture = str(Path(folder) / "frame.png")
            if not cv2.imwrite(picture, image_bgr, [cv2.IMWRITE_PNG_COMPRESSION, 0]):
                raise OSError(f"{picture}: cannot be written; make room in the temporary folder")
            _drawn, found = self._detection.detectObjectsFromImage(
                input_image=picture,
                output_type="array",
                custom_objects=self._wanted,
                # A whole number, rounded down, so that a person with exactly this confidence is not lost.
                minimum_percentage_probability=int(100 * self.settings.confidence),
            )
        boxes_xyxy = np.array([person["box_points"] for person in found], np.float32).reshape(-1, 4)
        scores = np.array([person["percentage_probability"] for person in found], np.float32) / 100
        height, width = image_bgr.shape[:2]
        return choose_people(boxes_xyxy, scores, (width, height), self.settings)


def check(settings: DetectorSettings) -> Path:
    """Return the weights file. Raises ValueError, in one sentence, if it, ImageAI or torch is missing."""
    check_torch(settings, "imageai", "imageai")
    if settings.confidence < LOWEST_CONFIDENCE:
        raise ValueError(
            f"ImageAI gives nothing below {LOWEST_CONFIDENCE}; raise 'confidence', or use another detector, "
            "e.g. model: torchvision/retinanet_resnet50_fpn for the same network"
        )
    if settings.size or settings.person_class >= 0:
        raise ValueError("ImageAI's detectors have fixed inputs and classes; leave size and person-class out")
    path = find_weights(settings.model, settings.weights)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: ImageAI takes weights only from .pt and .pth files; rename it")
    return path


def open_detector(settings: DetectorSettings) -> ImageAiDetector:
    """Load the weights and run the network once. Raises ValueError if the file does not fit the network."""
    path = check(settings)
    device = prepare_torch(settings)

    try:
        from imageai.Detection import ObjectDetection
    except ImportError as error:
        # ImageAI imports tkinter, which Debian packages separately from Python.
        raise ValueError(f"ImageAI cannot be imported: {error}; install it, or python3-tk") from None

    def load() -> Any:
        detection = ObjectDetection()
        {
            "retinanet": detection.setModelTypeAsRetinaNet,
            "yolov3": detection.setModelTypeAsYOLOv3,
            "tiny-yolov3": detection.setModelTypeAsTinyYOLOv3,
        }[settings.model]()
        if device == "cpu":
            detection.useCPU()
        else:
            import torch

            # ImageAI uses "cuda", which means the current device.
            torch.cuda.set_device(device)
        detection.setModelPath(str(path))
        detection.loadModel()
        return detection

    detector = ImageAiDetector(load_quietly(path, settings, load), file_digest(path), settings)
    detector.detect(np.zeros((64, 64, 3), np.uint8))
    return detector
