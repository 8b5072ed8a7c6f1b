"""Any ONNX export of the YOLO and RT-DETR families: `model: path/to/file.onnx`."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from fashion.engines import ONNX_ENGINES, Engine, choose_engine, open_engine
from fashion.model_file import file_digest
from stages.detectors import BoxesXyxy, Scores, Settings
from stages.detectors.boxes import choose_people
from stages.detectors.heads import HeadError, decode_head, recognise_head

DEFAULT_SIZE_PX = 640
"""The input of both families where the file leaves it open."""
PADDING = 114
"""The grey that the YOLO family is trained with around a picture."""
PEOPLE_CLASS = 0
"""Of COCO's 80 classes, as both families number them."""
DTYPES = {"float32": np.float32, "float16": np.float16}
SIZES_INPUT = "orig_target_sizes"


class OnnxExport:
    """The loaded detector."""

    def __init__(self, path: Path, engine: Engine, settings: Settings) -> None:
        self.digest = file_digest(path)
        self._engine = engine
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
        open_px = settings.size or DEFAULT_SIZE_PX
        self._size_wh = (width or open_px, height or open_px)
        if settings.size and (width or settings.size, height or settings.size) != (settings.size,) * 2:
            raise HeadError(f"its input is fixed to {width} x {height}; leave 'size' out or export it again")
        blank_bgr = np.zeros((self._size_wh[1], self._size_wh[0], 3), np.uint8)
        # Also so that the first frame is as quick as the others.
        outputs = self._run(blank_bgr, is_stretched=False)[0]
        self._head = recognise_head(outputs) if settings.head == "auto" else settings.head
        decode_head(self._head, outputs, self._person_class)

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        height, width = image_bgr.shape[:2]
        is_stretched = self._head.startswith("rtdetr")
        outputs, scale, left_px, top_px = self._run(image_bgr, is_stretched=is_stretched)
        boxes_xyxy, scores = decode_head(self._head, outputs, self._person_class)
        if self._head in ("rtdetr", "rtdetr-joined"):
            boxes_xyxy = boxes_xyxy * np.array([width, height, width, height])
        elif self._head != "rtdetr-pixels":
            boxes_xyxy = (boxes_xyxy - np.array([left_px, top_px, left_px, top_px])) / scale
        return choose_people(boxes_xyxy, scores, (width, height), self.settings)

    def _run(
        self, image_bgr: npt.NDArray[np.uint8], *, is_stretched: bool
    ) -> tuple[dict[str, npt.NDArray[np.generic]], float, int, int]:
        """Return the outputs, and how the picture stands in the input: scale, left and top in pixels."""
        import cv2

        height, width = image_bgr.shape[:2]
        size_w, size_h = self._size_wh
        scale = min(size_w / width, size_h / height)
        fitted_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
        fitted_w, fitted_h = self._size_wh if is_stretched else fitted_wh
        fitted = cv2.resize(image_bgr, (fitted_w, fitted_h), interpolation=cv2.INTER_LINEAR)
        left_px, top_px = (size_w - fitted_w) // 2, (size_h - fitted_h) // 2
        canvas = np.full((size_h, size_w, 3), PADDING, np.uint8)
        canvas[top_px : top_px + fitted_h, left_px : left_px + fitted_w] = fitted
        planes_rgb = np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1)[np.newaxis])
        inputs: dict[str, npt.NDArray[np.generic]] = {
            self._input: (planes_rgb.astype(np.float32) / 255).astype(self._dtype)
        }
        if SIZES_INPUT in self._engine.inputs:
            inputs[SIZES_INPUT] = np.array([[width, height]], np.int64)
        return self._engine.run(inputs), scale, left_px, top_px


def check(settings: Settings) -> Path:
    """Return the model file. Raises ValueError, in one sentence, if it or the engine is not there."""
    choose_engine(settings.engine, ONNX_ENGINES)
    path = Path(settings.model)
    if settings.weights:
        raise ValueError(f"{path}: an ONNX file has its weights inside; leave 'weights' out")
    if not path.is_file() or path.stat().st_size == 0:
        raise ValueError(f"{path}: no such model file, or it is empty; set 'model' to an exported ONNX file")
    return path


def open_detector(settings: Settings) -> OnnxExport:
    """Load an export and run it once. Raises ValueError if its outputs are those of no known head."""
    path = Path(settings.model)
    engine = open_engine(
        path, settings.engine, settings.threads, settings.device, precision=settings.precision
    )
    try:
        return OnnxExport(path, engine, settings)
    except HeadError as error:
        raise HeadError(f"{path}: {error}") from None
