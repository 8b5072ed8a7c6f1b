"""Input for the networks: frames of the sample, and the people in them."""

import itertools
from collections.abc import Sequence

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.films import SAMPLE
from fashion_pipeline.fashion.classifiers import open_cutter
from fashion_pipeline.stages.detectors import open_detector
from fashion_pipeline.stages.detectors.detector import DetectorSettings

Image = NDArray[np.uint8]
Box = tuple[float, ...]
EVERY = 4
CONFIDENCE, NMS_IOU = 0.45, 0.5


def settings(device: str, precision: str = "float32") -> DetectorSettings:
    """Return the settings with which all benchmarks here open the detector."""
    return DetectorSettings(
        confidence=CONFIDENCE, iou=NMS_IOU, model="nanodet", device=device, precision=precision
    )


def frames(count: int) -> list[Image]:
    """Return `count` frames of the sample, uint8 H x W x 3 BGR, some apart."""
    with av.open(str(SAMPLE)) as film:
        chosen = itertools.islice(film.decode(video=0), 0, EVERY * count, EVERY)
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in chosen]


def people(frames_bgr: Sequence[Image]) -> tuple[list[Image], list[Box]]:
    """Return the looks at all people in some frames, as the model `street` takes them, and their boxes."""
    detector, cutter = open_detector("nanodet", settings("cpu")), open_cutter("street")
    crops, boxes_xyxy = list[Image](), list[Box]()
    for frame_bgr in frames_bgr:
        for box in detector.detect(frame_bgr)[0]:
            crop = cutter.cut(frame_bgr, box.tolist())
            if crop is not None:
                crops.append(crop)
                boxes_xyxy.append(tuple(box.tolist()))
    return crops, boxes_xyxy
