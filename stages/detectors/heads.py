"""Output layouts of ONNX exports of detectors: recognised from shapes and names, and decoded.

| head          | outputs                                         | boxes                |
|---------------|-------------------------------------------------|----------------------|
| yolov8        | 1 x (4 + C) x N, or turned; also YOLO v9, 11    | cxcywh, input pixels |
| yolov5        | 1 x N x (5 + C): box, objectness, C; also v7    | cxcywh, input pixels |
| nms           | N x 6 or 1 x N x 6: box, score, class           | xyxy, input pixels   |
| nms-batched   | N x 7: number in the batch, box, class, score   | xyxy, input pixels   |
| rtdetr        | 1 x N x 4 and 1 x N x C: scores or logits       | cxcywh, fractions    |
| rtdetr-joined | 1 x N x (4 + C)                                 | cxcywh, fractions    |
| rtdetr-pixels | labels 1 x N, boxes 1 x N x 4, scores 1 x N     | xyxy, frame pixels   |
| ssd           | 1 x 1 x N x 7: number, class, score, box        | xyxy, fractions      |
| yolox         | 1 x N x (5 + C), N as `stages.detectors.grids`  | on the grid          |
| rtmdet        | dets 1 x N x 5: box, score; labels 1 x N        | xyxy, input pixels   |
| rtmdet-raw    | three maps of logits, three of distances        | on the grid          |

C classes, N candidates.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fashion_pipeline.stages.detectors.boxes import corners
from fashion_pipeline.stages.detectors.grids import STRIDES, decode_maps, decode_yolox

Floats = npt.NDArray[np.floating]
Outputs = Mapping[str, npt.NDArray[np.generic]]

HEADS = (
    *("yolov8", "yolov5", "nms", "nms-batched", "rtdetr", "rtdetr-joined", "rtdetr-pixels"),
    *("ssd", "yolox", "rtmdet", "rtmdet-raw"),
)

MAX_QUERIES = 1000
"""Transformers and built-in NMS give at most this many candidates (usually 300), a YOLO grid thousands."""


class HeadError(ValueError):
    """The outputs fit no known head: one sentence, with the remedy."""


def recognise_head(outputs: Outputs, size_wh: tuple[int, int] = (0, 0)) -> str:
    """Return the head of a network's outputs for one picture. Raises HeadError if none fits.

    size_wh: of the network's input, in pixels.
    """
    shapes = {name: array.shape for name, array in outputs.items()}
    if len(outputs) == 1:
        (shape,) = shapes.values()
        head = _head_of_one(shape, size_wh)
    elif {"dets", "labels"} == shapes.keys():
        head = "rtmdet"
    elif len(outputs) == 2 * len(STRIDES) and all(len(shape) == 4 for shape in shapes.values()):
        head = "rtmdet-raw"
    elif len(outputs) == 2 and all(len(shape) == 3 for shape in shapes.values()):
        head = "rtdetr" if any(shape[2] == 4 for shape in shapes.values()) else ""
    elif {"labels", "boxes", "scores"} <= shapes.keys():
        head = "rtdetr-pixels"
    else:
        head = ""
    if not head:
        described = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
        raise HeadError(f"its outputs ({described}) have no known layout; name it with the property 'head'")
    return head


def _head_of_one(shape: tuple[int, ...], size_wh: tuple[int, int]) -> str:
    if len(shape) == 4 and shape[:2] == (1, 1) and shape[3] == 7:
        return "ssd"
    if len(shape) == 2:
        return {6: "nms", 7: "nms-batched"}.get(shape[1], "")
    if len(shape) != 3:
        return ""
    _batch, rows, columns = shape
    # One candidate per cell; older members of the family have three, newer ones no objectness.
    if rows and rows == sum(size_wh[0] // stride * (size_wh[1] // stride) for stride in STRIDES):
        return "yolox"
    if columns == 6 and rows <= MAX_QUERIES:
        return "nms"
    if 5 <= rows < columns:
        return "yolov8"
    if columns < 5:
        return ""
    return "rtdetr-joined" if rows <= MAX_QUERIES else "yolov5"


def decode_head(
    head: str, outputs: Outputs, person_class: int, size_wh: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Return boxes x0, y0, x1, y1 (N x 4) and scores (N) of the people.

    The boxes are in the head's unit; on a grid, in pixels of the input, whose size is `size_wh`. Raises
    HeadError if the outputs do not fit that head or have no such class.
    """
    try:
        if head == "rtdetr":
            return _decode_pair(outputs, person_class)
        if head == "rtdetr-pixels":
            boxes_xyxy = _floats(outputs["boxes"]).reshape(-1, 4)
            is_person = outputs["labels"].reshape(-1).astype(np.int64) == person_class
            return boxes_xyxy[is_person], _floats(outputs["scores"]).reshape(-1)[is_person]
        if head == "rtmdet":
            rows = _rows(outputs["dets"], is_turned=False)
            rows = rows[outputs["labels"].reshape(-1).astype(np.int64) == person_class]
            return rows[:, :4], rows[:, 4]
        if head == "rtmdet-raw":
            return decode_maps([_floats(each) for each in outputs.values()], size_wh, person_class)
        rows = _rows(next(iter(outputs.values())), is_turned=head == "yolov8")
        if head == "ssd":
            rows = rows[(rows[:, 0] >= 0) & (rows[:, 1].astype(np.int64) == person_class)]
            return rows[:, 3:7], rows[:, 2]
        if head == "yolox":
            return decode_yolox(rows, size_wh, person_class)
        if head in ("nms", "nms-batched"):
            box, score, label = (slice(0, 4), 4, 5) if head == "nms" else (slice(1, 5), 6, 5)
            rows = rows[rows[:, label].astype(np.int64) == person_class]
            return rows[:, box], rows[:, score]
        if head == "yolov5":
            return corners(rows[:, :4]), rows[:, 4] * rows[:, 5 + person_class]
        return corners(rows[:, :4]), rows[:, 4 + person_class]
    except (IndexError, KeyError, ValueError) as error:
        raise HeadError(
            f"its outputs do not fit head '{head}' with person-class {person_class} ({error}); correct these"
        ) from None


def _floats(array: npt.NDArray[np.generic]) -> Floats:
    return array.astype(np.float32)


def _rows(array: npt.NDArray[np.generic], *, is_turned: bool) -> Floats:
    """Return N x columns, one candidate per row; `is_turned`: most exporters write one per column."""
    table = _floats(array).reshape(-1, array.shape[-1])
    return table.T if is_turned and table.shape[0] < table.shape[1] else table


def _decode_pair(outputs: Outputs, person_class: int) -> tuple[Floats, Floats]:
    """Decode boxes and classes in two outputs. With four classes the shapes are equal; the names decide."""
    names = sorted(outputs, key=lambda name: (outputs[name].shape[-1] != 4, "box" not in name.lower()))
    boxes_name, scores_name = names
    boxes_cxcywh = _floats(outputs[boxes_name]).reshape(-1, 4)
    classes = _floats(outputs[scores_name]).reshape(len(boxes_cxcywh), -1)
    scores = classes[:, person_class]
    if "logit" in scores_name.lower() or classes.min(initial=0) < 0 or classes.max(initial=0) > 1:
        # Beyond these the exponential would overflow, and the score is 0 or 1 anyway.
        scores = 1 / (1 + np.exp(-np.clip(scores, -60, 60)))
    return corners(boxes_cxcywh), scores
