"""Row 8: what `detect.interval` costs in boxes and identities, and what it saves.

The default graph on the film with each interval. What it finds is held against its own findings at interval
1: a box of one is a box of the other where they overlap by more than half (IoU), each at most once. Somebody
with one number there, who has one number here and later another, has changed it.
"""

import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.graphs import PROJECT, run
from benchmarks.settings import Result, Settings, median, shown
from fashion_pipeline.fashion.findings import FrameRecord, Person, read_record

TITLE = "Detecting in each n-th frame only"
INTERVALS = (1, 2, 3, 5, 10)
SAME_IOU = 0.5


def measure(settings: Settings) -> Result:
    fps: dict[int, list[float]] = {interval: [] for interval in INTERVALS}
    cpu_ms: dict[int, list[float]] = {interval: [] for interval in INTERVALS}
    detect_ms: dict[int, list[float]] = {interval: [] for interval in INTERVALS}
    records: dict[int, list[FrameRecord]] = {}
    for _turn, interval in itertools.product(range(settings.repeats), INTERVALS):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            results = Path(folder) / "results.jsonl"
            outcome = run(
                PROJECT / "pipeline.yaml",
                f"camera.uri={settings.film}",
                f"results.location={results}",
                f"detect.interval={interval}",
            )
            lines = map(read_record, results.read_text().splitlines())
            records[interval] = [record for record in lines if "seq" in record]
        fps[interval].append(outcome.fps)
        cpu_ms[interval].append(sum(outcome.cpu_us(stage) for stage in outcome.ledger["stages"]) / 1e3)
        detect_ms[interval].append(outcome.cpu_us("detect") / 1e3)
    return {
        "film": settings.film.name,
        "frames": settings.film_frames,
        "intervals": {
            str(interval): {
                **compare(records[1], records[interval]),
                "fps": median(fps[interval]),
                "cpu_ms": median(cpu_ms[interval]),
                "detect_ms": median(detect_ms[interval]),
            }
            for interval in INTERVALS
        },
    }


def compare(known: Sequence[FrameRecord], found: Sequence[FrameRecord]) -> Result:
    """Hold the people of one run against those of another on the same frames.

    `recall`: share of the known boxes that were found; `precision`: share of the found ones that are known;
    `predicted_precision`: the same of the predicted ones; `iou`: mean of the pairs; `numbers`: how many there
    are; `changes`: how often a known person goes on under another number.
    """
    boxes = pairs = found_boxes = predicted = predicted_right = changes = 0
    overlaps: list[float] = []
    number_of: dict[int, int] = {}
    numbers = set()
    for one, other in zip(known, found, strict=True):
        people, others = one["people"], other["people"]
        boxes, found_boxes = boxes + len(people), found_boxes + len(others)
        numbers |= {person["track"] for person in others}
        predicted += len(others) if other.get("is_predicted") else 0
        for here, there, iou in _pairs(people, others):
            pairs += 1
            overlaps.append(iou)
            predicted_right += bool(other.get("is_predicted"))
            track, number = people[here]["track"], others[there]["track"]
            changes += number_of.setdefault(track, number) != number
            number_of[track] = number
    return {
        "boxes": found_boxes,
        "recall": pairs / max(1, boxes),
        "precision": pairs / max(1, found_boxes),
        "predicted_precision": predicted_right / max(1, predicted) if predicted else None,
        "iou": float(np.mean(overlaps)) if overlaps else 0.0,
        "numbers": len(numbers),
        "changes": changes,
    }


def _pairs(people: Sequence[Person], others: Sequence[Person]) -> list[tuple[int, int, float]]:
    """Return (place, place, IoU) of those who are the same, by the best assignment over the frame."""
    from scipy.optimize import linear_sum_assignment

    if not people or not others:
        return []
    ious = _ious(
        np.array([person["box"] for person in people]), np.array([person["box"] for person in others])
    )
    rows, columns = linear_sum_assignment(ious, maximize=True)
    chosen = zip(rows.tolist(), columns.tolist(), ious[rows, columns].tolist(), strict=True)
    return [(row, column, iou) for row, column, iou in chosen if iou > SAME_IOU]


def _ious(boxes_xyxy: np.ndarray, others_xyxy: np.ndarray) -> np.ndarray:
    """Intersection over union of each of N boxes with each of M others: N x M."""
    low = np.maximum(boxes_xyxy[:, None, :2], others_xyxy[None, :, :2])
    high = np.minimum(boxes_xyxy[:, None, 2:], others_xyxy[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    area, other_area = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (boxes_xyxy, others_xyxy))
    return np.asarray(shared / np.maximum(area[:, None] + other_area[None] - shared, 1e-9))


def describe(result: Result) -> list[str]:
    lines = [
        f"The default graph on {result['film']} ({result['frames']} frames), against its own boxes at "
        f"interval 1: a box is the same where IoU is above {SAME_IOU}. CPU: milliseconds of a frame. "
        "Changes: how often somebody goes on under another number.",
        "",
        "| interval | boxes | recall | precision | of the predicted | mean IoU | numbers | changes | "
        "CPU, detect | CPU, all stages | frames/s |",
        "| ---: |" + " ---: |" * 10,
    ]
    for interval, one in result["intervals"].items():
        predicted = one["predicted_precision"]
        of_predicted = "none" if predicted is None else f"{predicted:.1%}"
        lines.append(
            f"| {interval} | {one['boxes']} | {one['recall']:.1%} | {one['precision']:.1%} | "
            f"{of_predicted} | {one['iou']:.3f} | {one['numbers']} | "
            f"{one['changes']} | {shown(one['detect_ms'])} | {shown(one['cpu_ms'])} | {shown(one['fps'])} |"
        )
    return lines


def plot(result: Result, axes: object) -> None:
    intervals = list(result["intervals"])
    for name in ("recall", "precision", "iou"):
        axes.plot(intervals, [result["intervals"][each][name] for each in intervals], "o-", label=name)  # type: ignore[attr-defined]
    axes.set_ylim(0, 1.02)  # type: ignore[attr-defined]
    axes.set_xlabel("detect.interval")  # type: ignore[attr-defined]
    axes.legend(fontsize="small")  # type: ignore[attr-defined]
