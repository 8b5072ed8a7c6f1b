"""Score what a run saw in a film against its truth: boxes, numbers, and how many people there were.

The measures are those of the MOT Challenge: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking
Performance" (2008), at an intersection over union of 0.5; Ristani et al., "Performance Measures and a Data
Set for Multi-Target, Multi-Camera Tracking" (2016); Luiten et al., "HOTA" (IJCV 2021).
"""

import csv
import dataclasses
import json
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashion_pipeline.training.data import DataError

LEAST_IOU = 0.5
COLUMNS = 7
"""Of a line of truth that are read: frame from 1, number, left, top, width, height, whether it counts."""

Sightings = dict[int, tuple[list[int], list[list[float]]]]
"""By frame, from 0: the numbers of the people, and their boxes, x0, y0, x1, y1 in pixels from 0."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PeopleFigures:
    """The scores of a run: the first five from 0 to 1, `mota` also below 0."""

    recall: float
    precision: float
    mota: float
    idf1: float
    hota: float
    switches: int
    people: int
    numbers: int
    boxes: int

    def __str__(self) -> str:
        too_many = self.numbers - self.people
        return (
            f"recall {self.recall:.3f}  precision {self.precision:.3f}  MOTA {self.mota:.3f}  "
            f"IDF1 {self.idf1:.3f}  HOTA {self.hota:.3f}  switches {self.switches}\n"
            f"{self.people} people have {self.numbers} numbers: {too_many:+d}  (truth: {self.boxes} boxes)"
        )


def read_truth(path: Path) -> Sightings:
    """Read a gt.txt of the MOT Challenge. Raises DataError with the line that is wrong."""
    sightings: Sightings = defaultdict(lambda: ([], []))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); give a gt.txt of the MOT Challenge") from None
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        try:
            values = [float(value) for value in row[:COLUMNS]]
            frame, person, left, top, width, height, counts = values
            is_sound = all(map(math.isfinite, values)) and frame >= 1 and width > 0 and height > 0
        except ValueError:
            is_sound = False
        if not is_sound:
            raise DataError(
                f"{path}:{number}: found '{','.join(row)[:80]}'; a line has frame (from 1), person, "
                "left, top, width, height and whether it counts (1 or 0), with commas between"
            )
        if counts > 0:
            numbers, boxes = sightings[int(frame) - 1]
            numbers.append(int(person))
            # Pixels count from 1 there.
            boxes.append([left - 1, top - 1, left - 1 + width, top - 1 + height])
    if not sightings:
        raise DataError(f"{path}: has no box that counts; give a gt.txt of the MOT Challenge")
    return sightings


def read_found(path: Path) -> Sightings:
    """Read the records of a run. Raises DataError if people have no numbers: then nobody followed them."""
    found: Sightings = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        record = json.loads(line)
        if "people" not in record:
            continue
        people = record["people"]
        if any("track" not in person for person in people):
            raise DataError(f"{path}:{number}: people without 'track'; the graph needs a stage of type track")
        numbers = [person["track"] for person in people]
        found[record["seq"]] = numbers, [person["box"] for person in people]
    return found


def score(truth: Sightings, found: Sightings) -> PeopleFigures:
    """Score all frames up to the last one of the truth."""
    from trackeval.metrics import CLEAR, HOTA, Identity

    nothing: tuple[list[int], list[list[float]]] = ([], [])
    real, seen, shared = list[list[int]](), list[list[int]](), list[NDArray[np.float64]]()
    for frame in range(max(truth) + 1):
        (people, people_xyxy), (numbers, numbers_xyxy) = truth.get(frame, nothing), found.get(frame, nothing)
        real.append(people)
        seen.append(numbers)
        shared.append(overlaps(people_xyxy, numbers_xyxy))
    boxes = sum(map(len, real))
    real_places, people_count = _renumbered(real)
    seen_places, numbers_count = _renumbered(seen)
    data = {
        "num_timesteps": len(real),
        "gt_ids": real_places,
        "tracker_ids": seen_places,
        "similarity_scores": shared,
        "num_gt_ids": people_count,
        "num_tracker_ids": numbers_count,
        "num_gt_dets": boxes,
        "num_tracker_dets": sum(map(len, seen)),
    }
    threshold = {"THRESHOLD": LEAST_IOU, "PRINT_CONFIG": False}
    clear = CLEAR(threshold).eval_sequence(data)
    return PeopleFigures(
        recall=float(clear["CLR_Re"]),
        precision=float(clear["CLR_Pr"]),
        mota=float(clear["MOTA"]),
        idf1=float(Identity(threshold).eval_sequence(data)["IDF1"]),
        hota=float(np.mean(HOTA().eval_sequence(data)["HOTA"])),
        switches=int(clear["IDSW"]),
        people=people_count,
        numbers=numbers_count,
        boxes=boxes,
    )


def _renumbered(frames: list[list[int]]) -> tuple[list[NDArray[np.intp]], int]:
    """Return the numbers of each frame counted from 0 without gaps, and how many there are."""
    places = {number: place for place, number in enumerate(sorted({each for one in frames for each in one}))}
    return [np.array([places[number] for number in one], np.intp) for one in frames], len(places)


def overlaps(boxes_xyxy: list[list[float]], others_xyxy: list[list[float]]) -> NDArray[np.float64]:
    """Return the intersection over union of each box (N) with each of the others (M), N x M."""
    one = np.array(boxes_xyxy, np.float64).reshape(-1, 1, 4)
    other = np.array(others_xyxy, np.float64).reshape(1, -1, 4)
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    shared = np.maximum(sides, 0).prod(axis=2)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(axis=2) for boxes in (one, other)]
    return np.asarray(shared / np.maximum(areas[0] + areas[1] - shared, 1e-9))
