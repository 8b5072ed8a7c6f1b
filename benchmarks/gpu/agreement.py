"""Does a device find the same people, and tell the same labels, as the CPU in float32?"""

from collections.abc import Sequence

from benchmarks.gpu.pictures import Box, Image, settings
from benchmarks.settings import Result
from fashion_pipeline.fashion.classifiers import Classifier, open_classifier
from fashion_pipeline.fashion.engine_choice import EngineError
from fashion_pipeline.stages.detectors import open_detector
from fashion_pipeline.stages.detectors.detector import BoxesXyxy
from fashion_pipeline.training.people.score import overlaps

LEAST_SAME = 0.98
"""Of people, and of labels. Somebody just above a threshold may be just below it elsewhere."""
SAME_IOU = 0.9


def measure(
    device: str, frames_bgr: Sequence[Image], crops: Sequence[Image], boxes_xyxy: Sequence[Box]
) -> Result:
    """Return the share of people and of labels that are the same, and by how much their scores differ."""
    known = open_detector("nanodet", settings("cpu")).detect_batch(frames_bgr)
    precision = _strictest(device)
    detector = open_detector("nanodet", settings(device, precision))
    found = detector.detect_batch(frames_bgr)
    same = all_people = 0
    apart = list[float]()
    for (known_xyxy, known_scores), (found_xyxy, found_scores) in zip(known, found, strict=True):
        all_people += max(len(known_xyxy), len(found_xyxy))
        for place, other in _pairs(known_xyxy, found_xyxy):
            same += 1
            apart.append(abs(float(known_scores[place] - found_scores[other])))
    told, known_told = (
        _labels(open_classifier("street", "auto", threads=1, device=place, precision=how), crops, boxes_xyxy)
        for place, how in ((device, precision), ("cpu", "float32"))
    )
    shared = sum(len(one & other) for one, other in zip(told, known_told, strict=True))
    labels = sum(len(one | other) for one, other in zip(told, known_told, strict=True))
    return {
        "precision": detector.precision,
        "frames": len(frames_bgr),
        "people": all_people,
        "people_same": same / max(1, all_people),
        "score_apart": max(apart, default=0.0),
        "labels": labels,
        "labels_same": shared / max(1, labels),
    }


def _strictest(device: str) -> str:
    """Return float32, or "auto" for a device that has none: what is coarser differs on the CPU as well."""
    try:
        open_detector("nanodet", settings(device, "float32"))
    except EngineError as error:
        if "no instructions" not in str(error):
            raise
        return "auto"
    return "float32"


def describe(result: Result) -> str:
    return (
        f"the same as on the CPU: {result['people_same']:.1%} of {result['people']} people in "
        f"{result['frames']} frames (in {result['precision']}; scores {result['score_apart']:.4f} apart at "
        f"most), {result['labels_same']:.1%} of {result['labels']} labels"
    )


def is_good(result: Result) -> bool:
    """Return whether the results agree well enough."""
    return bool(result["people_same"] >= LEAST_SAME and result["labels_same"] >= LEAST_SAME)


def _pairs(known_xyxy: BoxesXyxy, found_xyxy: BoxesXyxy) -> list[tuple[int, int]]:
    """Return places of boxes that are the same, each at most once."""
    pairs, free = list[tuple[int, int]](), set(range(len(found_xyxy)))
    shared = overlaps(known_xyxy.tolist(), found_xyxy.tolist())
    for place in range(len(known_xyxy)):
        best = max(free, key=lambda other: float(shared[place, other]), default=None)
        if best is not None and shared[place, best] >= SAME_IOU:
            pairs.append((place, best))
            free.remove(best)
    return pairs


def _labels(classifier: Classifier, crops: Sequence[Image], boxes_xyxy: Sequence[Box]) -> list[set[str]]:
    return [{garment["label"] for garment in told} for told, _unsure in classifier.predict(crops, boxes_xyxy)]
