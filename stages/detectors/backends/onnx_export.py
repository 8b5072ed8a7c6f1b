"""Exports of detectors with a known head, in ONNX's or OpenVINO's format.

`model: path/to/file.onnx`, or the name of a published one that `fashion-pipeline weights` has fetched.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fashion_pipeline.fashion.engines import ONNX_ENGINES, Engine, choose_engine, open_engine
from fashion_pipeline.fashion.model_file import file_digest
from fashion_pipeline.fashion.weights import WEIGHTS, find_weights
from fashion_pipeline.stages.detectors.boxes import choose_people
from fashion_pipeline.stages.detectors.detector import (
    CONFIDENCE,
    Backend,
    BoxesXyxy,
    DetectorSettings,
    Scores,
)
from fashion_pipeline.stages.detectors.feeds import FEEDS, YOLO, Placed, fill
from fashion_pipeline.stages.detectors.heads import HeadError, decode_head, recognise_head

PUBLISHED = {
    "rtmdet_nano": 0.4,
    **dict.fromkeys(
        ("person-detection-0202", "person-detection-0201", "person-detection-0200", "yolox_nano"), CONFIDENCE
    ),
}
BACKEND = Backend(
    models=PUBLISHED,
    # Of ONNX, and of OpenVINO's own format, which comes with a file NAME.bin.
    suffixes=(".onnx", ".xml"),
    engines=ONNX_ENGINES,
    has_precisions=True,
    published=tuple(PUBLISHED),
)

DEFAULT_SIZE_PX = {"rtmdet": 384}
"""Input size where the file leaves it open; 640 for other heads, as the families are trained. RTMDet-nano was
trained with 320; with 384 people keep their track numbers better."""
PEOPLE_CLASS = 0
"""Number of "person" among COCO's 80 classes, as these families number them."""
IR_SUFFIX = ".xml"
DTYPES = {"float32": np.float32, "float16": np.float16}
SIZES_INPUT = "orig_target_sizes"


class OnnxExport:
    """The loaded detector."""

    def __init__(self, path: Path, engine: Engine, settings: DetectorSettings) -> None:
        self.digest = file_digest(path)
        self._engine = engine
        self.precision = engine.precision
        self.settings = settings
        self._person_class = PEOPLE_CLASS if settings.person_class < 0 else settings.person_class
        pictures = {name: given for name, given in engine.inputs.items() if len(given.shape) == 4}
        others = engine.inputs.keys() - pictures.keys() - {SIZES_INPUT}
        if len(pictures) != 1 or others:
            raise HeadError(
                f"its inputs are {', '.join(engine.inputs)}; it must have a single input, the picture"
            )
        ((self._input, given),) = pictures.items()
        channels, height, width = given.shape[1:]
        if channels not in (3, None) or given.dtype not in DTYPES:
            raise HeadError(
                f"its input is {given.dtype} {given.shape}; export it with a 1 x 3 x H x W picture of floats"
            )
        self._dtype = DTYPES[given.dtype]
        open_px = settings.size or DEFAULT_SIZE_PX.get(settings.head, 640)
        self._size_wh = (width or open_px, height or open_px)
        if settings.size and (width or settings.size, height or settings.size) != (settings.size,) * 2:
            raise HeadError(f"its input is fixed to {width} x {height}; leave 'size' out or export it again")
        blank_bgr = np.zeros((self._size_wh[1], self._size_wh[0], 3), np.uint8)
        self._feed = FEEDS.get(settings.head, YOLO)
        # Also makes the first frame as fast as the others.
        outputs = self._run([blank_bgr])[0][0]
        self._head = settings.head
        if settings.head == "auto":
            self._head = recognise_head(outputs, self._size_wh)
            self._feed = FEEDS.get(self._head, YOLO)
        decode_head(self._head, outputs, self._person_class, self._size_wh)
        self._takes_batches = (
            engine.device != "cpu" and given.shape[0] is None and self._answers_each(blank_bgr)
        )

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        return self._people(image_bgr, *self._run([image_bgr])[0])

    def detect_batch(self, images_bgr: Sequence[npt.NDArray[np.uint8]]) -> list[tuple[BoxesXyxy, Scores]]:
        if not self._takes_batches:
            return [self.detect(image_bgr) for image_bgr in images_bgr]
        found = self._run(images_bgr)
        return [self._people(image_bgr, *each) for image_bgr, each in zip(images_bgr, found, strict=True)]

    def _answers_each(self, blank_bgr: npt.NDArray[np.uint8]) -> bool:
        """Return whether several pictures in one pass get separate answers: a head with its own NMS may put
        all into one list, and a graph may be built for one picture whatever its input declares."""
        # The engines' exceptions have no common base but Exception, and each of them means no.
        try:
            self._run([blank_bgr] * 2)
        except Exception:
            return False
        return True

    def _people(
        self, image_bgr: npt.NDArray[np.uint8], outputs: dict[str, npt.NDArray[np.generic]], placed: Placed
    ) -> tuple[BoxesXyxy, Scores]:
        height, width = image_bgr.shape[:2]
        boxes_xyxy, scores = decode_head(self._head, outputs, self._person_class, self._size_wh)
        if self._head in ("rtdetr", "rtdetr-joined", "ssd"):
            boxes_xyxy = boxes_xyxy * np.array([width, height, width, height])
        elif self._head != "rtdetr-pixels":
            boxes_xyxy = (boxes_xyxy - np.array([placed.left_px, placed.top_px] * 2)) / placed.scale
        return choose_people(boxes_xyxy, scores, (width, height), self.settings)

    def _run(
        self, images_bgr: Sequence[npt.NDArray[np.uint8]]
    ) -> list[tuple[dict[str, npt.NDArray[np.generic]], Placed]]:
        """Return the outputs of each picture, and its place in the input. Raises HeadError if a pass of
        several does not give separate outputs."""
        planes, places = zip(
            *(fill(image_bgr, self._size_wh, self._feed) for image_bgr in images_bgr), strict=True
        )
        stacked = np.concatenate(planes).astype(self._dtype, copy=False)
        inputs: dict[str, npt.NDArray[np.generic]] = {self._input: stacked}
        if SIZES_INPUT in self._engine.inputs:
            sizes_wh = [(image_bgr.shape[1], image_bgr.shape[0]) for image_bgr in images_bgr]
            inputs[SIZES_INPUT] = np.array(sizes_wh, np.int64)
        outputs = self._engine.run(inputs)
        if len(images_bgr) == 1:
            return [(outputs, places[0])]
        if any(array.ndim < 2 or len(array) != len(images_bgr) for array in outputs.values()):
            raise HeadError("it has one answer for all pictures of a pass")
        return [
            ({name: array[place : place + 1] for name, array in outputs.items()}, placed)
            for place, placed in enumerate(places)
        ]


def check(settings: DetectorSettings) -> Path:
    """Return the model file. Raises ValueError, in one sentence, if it or the engine is missing."""
    if settings.model in PUBLISHED:
        path = find_weights(settings.model, settings.weights)
    else:
        path = Path(settings.model)
        if settings.weights:
            raise ValueError(f"{path}: such a file names its own weights; leave 'weights' out")
    engines = ("openvino",) if path.suffix == IR_SUFFIX else ONNX_ENGINES
    if settings.engine not in ("auto", *engines):
        raise ValueError(f"{path}: is run by engine {' or '.join(engines)}, not {settings.engine}")
    choose_engine(settings.engine, engines)
    if not path.is_file() or path.stat().st_size == 0:
        raise ValueError(f"{path}: no such model file, or it is empty; set 'model' to an exported file")
    weights = path.with_suffix(".bin")
    if path.suffix == IR_SUFFIX and not weights.is_file():
        raise ValueError(f"{path}: its weights, {weights.name}, are not next to it; put them there")
    return path


def open_detector(settings: DetectorSettings) -> OnnxExport:
    """Load an export and run it once. Raises ValueError if its outputs fit no known head."""
    path = check(settings)
    published = WEIGHTS.get(settings.model)
    engine = open_engine(
        path,
        "openvino" if path.suffix == IR_SUFFIX else settings.engine,
        settings.threads,
        settings.device,
        precision=settings.precision,
        quality_by_precision=published.quality_by_precision if published else None,
    )
    if settings.model == "rtmdet_nano" and settings.head == "auto":
        settings = dataclasses.replace(settings, head="rtmdet")
    try:
        return OnnxExport(path, engine, settings)
    except HeadError as error:
        raise HeadError(f"{path}: {error}") from None
