"""Milliseconds a picture of detect and of classify, by batch and precision."""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.gpu.pictures import Box, Image, settings
from benchmarks.settings import Result
from fashion_pipeline.fashion.classifiers import open_classifier
from fashion_pipeline.fashion.engine_choice import EngineError
from fashion_pipeline.fashion.precision import PRECISIONS
from fashion_pipeline.stages.detectors import open_detector

BATCHES = (1, 4, 16, 32)
TURN_S = 1.0
"""How long each is measured, at least three times."""


def measure(
    device: str,
    frames_bgr: Sequence[Image],
    crops: Sequence[Image],
    boxes_xyxy: Sequence[Box],
    *,
    is_quick: bool,
) -> list[Result]:
    """Return a row for each stage, precision and batch: `ms` is the median time of the clock a picture."""
    rows, turn_s = list[Result](), 0.0 if is_quick else TURN_S
    batches = BATCHES[:2] if is_quick else BATCHES
    for precision in PRECISIONS:
        try:
            detector = open_detector("nanodet", settings(device, precision))
            classifier = open_classifier("street", "auto", threads=1, device=device, precision=precision)
        except EngineError:
            # What a device does not compute in is no row.
            continue
        for batch in batches:
            images = [frames_bgr[place % len(frames_bgr)] for place in range(batch)]
            looks = [place % len(crops) for place in range(batch)]
            some = [crops[place] for place in looks], [boxes_xyxy[place] for place in looks]
            calls: dict[str, Callable[[], object]] = {
                "detect": partial(detector.detect_batch, images),
                "classify": partial(classifier.predict, *some),
            }
            for stage, call in calls.items():
                ms = 1e3 * _median_s(call, turn_s) / batch
                rows.append({"stage": stage, "precision": precision, "batch": batch, "ms": ms})
    return rows


def _median_s(call: Callable[[], object], turn_s: float) -> float:
    call()
    times_s, until_s = list[float](), time.perf_counter() + turn_s
    while len(times_s) < 3 or time.perf_counter() < until_s:
        started_s = time.perf_counter()
        call()
        times_s.append(time.perf_counter() - started_s)
    return statistics.median(times_s)


def describe(rows: Sequence[Result]) -> str:
    batches = sorted({row["batch"] for row in rows})
    lines = [
        "| ms a picture | precision | " + " | ".join(f"batch {batch}" for batch in batches) + " |",
        "| --- | --- |" + " ---: |" * len(batches),
    ]
    for stage, precision in dict.fromkeys((row["stage"], row["precision"]) for row in rows):
        ms = [row["ms"] for row in rows if (row["stage"], row["precision"]) == (stage, precision)]
        lines.append(f"| {stage} | {precision} | " + " | ".join(f"{each:.2f}" for each in ms) + " |")
    return "\n".join(lines)
