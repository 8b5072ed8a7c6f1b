"""The `street` model of what a person in a picture wears: its input, its answers, and each garment's box.

Shared by training and the stages. The file is NAME.onnx with its facts in NAME.json: one look at a person
gives a score for each label that the file names (several may be right at once) and a map of where it was
seen.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_pipeline.fashion.findings import Clothing, Garment
from fashion_pipeline.fashion.labels import check_labels, regions_of
from fashion_pipeline.fashion.model_info import ModelFileError
from fashion_pipeline.fashion.precision import PROPERTY
from fashion_pipeline.fashion.preprocessing import InputSpec

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]

COVERED = 0.8
"""How much of a map's weight a box holds along each axis. The rest is spread thinly over the whole person."""

FINER = 4  # a map has 14 x 5 cells; between them the weight is interpolated linearly


@dataclass(frozen=True, kw_only=True)
class LookSpec:
    """How a person is cut out of a picture for the network.

    margin: how much of its own width and height a box is grown by on each side. fill: the grey level of what
    lies beyond the picture.
    """

    input: InputSpec
    margin: float
    fill: int


@dataclass(frozen=True, kw_only=True)
class StreetFacts:
    """What NAME.json says: the labels, on which part of a person each is worn, how to look, from which score
    (0..1) on a label is told, or told as unsure, and the mean J by precision, where that was measured."""

    labels: tuple[str, ...]
    regions: tuple[str, ...]
    look: LookSpec
    thresholds: tuple[float, ...]
    unsure_above: tuple[float, ...]
    quality_by_precision: Mapping[str, float]


def read_facts(path: Path) -> StreetFacts:
    """Read NAME.json; ModelFileError, beginning with the path, for one that is missing or no street model."""
    try:
        facts: Any = json.loads(path.read_text(encoding="utf-8"))
        labels = tuple(facts["labels"])
        check_labels(labels)
        return StreetFacts(
            labels=labels,
            regions=regions_of(labels, facts.get("regions", {})),
            look=LookSpec(
                input=InputSpec.from_plain(facts["input"]),
                margin=float(facts["margin"]),
                fill=int(facts["fill"]),
            ),
            thresholds=_of_each_label(facts, "thresholds", labels),
            unsure_above=_of_each_label(facts, "unsure_above", labels),
            quality_by_precision={name: float(quality) for name, quality in facts.get(PROPERTY, {}).items()},
        )
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        problem = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise ModelFileError(f"{path}: {problem}; it is not a street model of this project") from error


def _of_each_label(facts: Mapping[str, Any], name: str, labels: Sequence[str]) -> tuple[float, ...]:
    missing = [label for label in labels if label not in facts[name]]
    if missing:
        raise ValueError(f"{name} has no '{missing[0]}', which is one of the labels")
    return tuple(float(facts[name][label]) for label in labels)


def shifted(facts: StreetFacts, shift: float) -> StreetFacts:
    """Return the facts with all thresholds moved by `shift`, in logits: above 0 fewer labels are told."""
    if not shift:
        return facts

    def moved(parts: tuple[float, ...]) -> tuple[float, ...]:
        logits = np.log(np.asarray(parts) / (1 - np.asarray(parts))) + shift
        return tuple(round(float(part), 4) for part in 1 / (1 + np.exp(-logits)))

    return replace(facts, thresholds=moved(facts.thresholds), unsure_above=moved(facts.unsure_above))


def widened(box_xyxy: Sequence[float], look: LookSpec, margin: float | None = None) -> Box:
    """Grow a box by the margin (the look's own if none is given), and then, around its centre, to the aspect
    ratio of the network's input.

    The result may reach over the edge of the picture. Nothing is squeezed, and what lies beside the person, a
    bag for one, stays in view.
    """
    x0, y0, x1, y1 = box_xyxy
    width, height = look.input.size_wh
    grown = 1 + 2 * (look.margin if margin is None else margin)
    scale = max((x1 - x0) / width, (y1 - y0) / height) * grown
    half_width, half_height = scale * width / 2, scale * height / 2
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    return middle_x - half_width, middle_y - half_height, middle_x + half_width, middle_y + half_height


def cut_look(image_bgr: Image, box_xyxy: Sequence[float], look: LookSpec) -> Image | None:
    """Cut the network's input out of a picture: uint8 H x W x 3, RGB, or None if the box lies outside.

    What the widened box has beyond the edge of the picture is grey, in its place: a person who is cut by the
    edge stays where a whole one would stand, for the network knows where shoes are worn.
    """
    import cv2

    height, width = image_bgr.shape[:2]
    x0, y0, x1, y1 = (round(edge) for edge in widened(box_xyxy, look))
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    left, top, right, bottom = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
    if right <= left or bottom <= top:
        return None
    part = cv2.copyMakeBorder(
        image_bgr[top:bottom, left:right],
        top - y0,
        y1 - bottom,
        left - x0,
        x1 - right,
        cv2.BORDER_CONSTANT,
        value=(look.fill,) * 3,
    )
    way = cv2.INTER_AREA if part.shape[0] > look.input.size_wh[1] else cv2.INTER_LINEAR
    resized = cv2.resize(part, look.input.size_wh, interpolation=way)
    return np.ascontiguousarray(resized[:, :, ::-1], dtype=np.uint8)


def garment_box(map_hw: NDArray[np.float32], person_xyxy: Sequence[float], look: LookSpec) -> Box:
    """Return a garment's box in pixels of the picture, inside the person's widened box.

    map_hw: one label's map, not negative. person_xyxy: the box that the look was cut for.
    """
    import cv2

    x0, y0, x1, y1 = widened(person_xyxy, look)
    fine = cv2.resize(
        np.asarray(map_hw, np.float32), None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LINEAR
    )
    fine = np.maximum(fine, 0)
    left, right = _span(fine.sum(0))
    top, bottom = _span(fine.sum(1))
    width, height = x1 - x0, y1 - y0
    return x0 + left * width, y0 + top * height, x0 + right * width, y0 + bottom * height


def _span(weights: NDArray[np.float32]) -> tuple[float, float]:
    """The shortest stretch (0..1) that holds COVERED of the weight; all of it if there is no weight."""
    total = float(weights.sum())
    if total <= 0:
        return 0.0, 1.0
    held = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64) / total])
    starts = np.arange(len(weights))
    ends = np.minimum(np.searchsorted(held, held[starts] + COVERED - 1e-9), len(weights))
    inside = held[ends] - held[starts]
    lengths = np.where(inside >= COVERED - 1e-6, ends - starts, len(weights) + 1)
    # Of those that are as short the one that holds most, or every box would lie to the left and upwards.
    best = int(np.argmax(np.where(lengths == lengths.min(), inside, -1)))
    return best / len(weights), int(ends[best]) / len(weights)


def labels_above_thresholds(
    logits: NDArray[np.float32], maps: NDArray[np.float32], person_xyxy: Sequence[float], facts: StreetFacts
) -> Clothing:
    """Return (garments, unsure) of one person, each surest first: label, score, region, box.

    logits: N, one a label. maps: N x h x w. A label not far below its threshold is unsure, never a garment.
    """
    scores = 1 / (1 + np.exp(-logits.astype(np.float64)))
    garments: list[Garment] = []
    unsure: list[Garment] = []
    for index in np.argsort(-scores):
        if scores[index] < facts.unsure_above[index]:
            continue
        box = [round(edge, 1) for edge in garment_box(maps[index], person_xyxy, facts.look)]
        found: Garment = {
            "label": facts.labels[index],
            "score": round(float(scores[index]), 4),
            "region": facts.regions[index],
            "box": box,
        }
        (garments if scores[index] >= facts.thresholds[index] else unsure).append(found)
    return garments, unsure
