"""Any export of a detector whose outputs are of a known head, in ONNX's or OpenVINO's format.

`model: path/to/file.onnx`, or the name of a published one that `make weights` has got.
"""

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fashion.engines import ONNX_ENGINES, Engine, choose_engine, open_engine
from fashion.model_file import file_digest
from fashion.weights import WEIGHTS, find_weights
from stages.detectors import PUBLISHED_EXPORTS, BoxesXyxy, Scores, Settings
from stages.detectors.boxes import choose_people
from stages.detectors.feeds import FEEDS, YOLO, Placed, fill
from stages.detectors.heads import HeadError, decode_head, recognise_head

DEFAULT_SIZE_PX = {"rtmdet": 384}
"""The input where the file leaves it open; 640 for other heads, as the families are trained. RTMDet-nano was
trained with 320; with 384 its people keep their numbers better."""
PEOPLE_CLASS = 0
"""Of COCO's 80 classes, as these families number them."""
IR_SUFFIX = ".xml"
DTYPES = {"float32": np.float32, "float16": np.float16}
SIZES_INPUT = "orig_target_sizes"


class OnnxExport:
    """The loaded detector."""

    def __init__(self, path: Path, engine: Engine, settings: Settings) -> None:
        self.digest = file_digest(path)
        self._engine = engine
        self.precision = engine.precision
        self.settings = settings
        self._person_class = PEOPLE_CLASS if settings.person_class < 0 else settings.person_class
        pictures = {name: given for name, given in engine.inputs.items() if len(given.shape) == 4}
        others = engine.inputs.keys() - pictures.keys() - {SIZES_INPUT}
        if len(pictures) != 1 or others:
            raise HeadError(f"its inputs are {', '.join(engine.inputs)}; only one picture can be given to it")
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
        # Also so that the first frame is as quick as the others.
        outputs = self._run(blank_bgr)[0]
        self._head = settings.head
        if settings.head == "auto":
            self._head = recognise_head(outputs, self._size_wh)
            self._feed = FEEDS.get(self._head, YOLO)
        decode_head(self._head, outputs, self._person_class, self._size_wh)

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        height, width = image_bgr.shape[:2]
        outputs, placed = self._run(image_bgr)
        boxes_xyxy, scores = decode_head(self._head, outputs, self._person_class, self._size_wh)
        if self._head in ("rtdetr", "rtdetr-joined", "ssd"):
            boxes_xyxy = boxes_xyxy * np.array([width, height, width, height])
        elif self._head != "rtdetr-pixels":
            boxes_xyxy = (boxes_xyxy - np.array([placed.left_px, placed.top_px] * 2)) / placed.scale
        return choose_people(boxes_xyxy, scores, (width, height), self.settings)

    def _run(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[dict[str, npt.NDArray[np.generic]], Placed]:
        """Return the outputs, and how the picture stands in the input."""
        planes, placed = fill(image_bgr, self._size_wh, self._feed)
        inputs: dict[str, npt.NDArray[np.generic]] = {self._input: planes.astype(self._dtype, copy=False)}
        if SIZES_INPUT in self._engine.inputs:
            inputs[SIZES_INPUT] = np.array([[image_bgr.shape[1], image_bgr.shape[0]]], np.int64)
        return self._engine.run(inputs), placed


def check(settings: Settings) -> Path:
    """Return the model file. Raises ValueError, in one sentence, if it or the engine is not there."""
    if settings.model in PUBLISHED_EXPORTS:
        path = find_weights(settings.model, settings.weights)
    else:
        path = Path(settings.model)
        if settings.weights:
            raise ValueError(f"{path}: such a file says itself where its weights are; leave 'weights' out")
    engines = ("openvino",) if path.suffix == IR_SUFFIX else ONNX_ENGINES
    if settings.engine not in ("auto", *engines):
        raise ValueError(f"{path}: is run by engine {' or '.join(engines)}, not {settings.engine}")
    choose_engine(settings.engine, engines)
    if not path.is_file() or path.stat().st_size == 0:
        raise ValueError(f"{path}: no such model file, or it is empty; set 'model' to an exported file")
    weights = path.with_suffix(".bin")
    if path.suffix == IR_SUFFIX and not weights.is_file():
        raise ValueError(f"{path}: its weights, {weights.name}, are not beside it; put them there")
    return path


def open_detector(settings: Settings) -> OnnxExport:
    """Load an export and run it once. Raises ValueError if its outputs are those of no known head."""
    path = check(settings)
    published = WEIGHTS.get(settings.model)
    engine = open_engine(
        path,
        "openvino" if path.suffix == IR_SUFFIX else settings.engine,
        settings.threads,
        settings.device,
        precision=settings.precision,
        ap50_by_precision=published.ap50_by_precision if published else None,
    )
    if settings.model == "rtmdet_nano" and settings.head == "auto":
        settings = dataclasses.replace(settings, head="rtmdet")
    try:
        return OnnxExport(path, engine, settings)
    except HeadError as error:
        raise HeadError(f"{path}: {error}") from None
