"""From a network's raw detections to the people in a frame; numpy only."""

import numpy as np
import numpy.typing as npt

from fashion_pipeline.stages.detectors.detector import BoxesXyxy, DetectorSettings, Scores


def choose_people(
    boxes_xyxy: npt.NDArray[np.floating],
    scores: npt.NDArray[np.floating],
    size_wh: tuple[int, int],
    settings: DetectorSettings,
) -> tuple[BoxesXyxy, Scores]:
    """Turn raw detections of people, in any order, into the form that `Detector.detect` promises.

    boxes_xyxy: N x 4 in pixels of the frame, may exceed it; scores: N; size_wh: of the frame, in pixels.
    Boxes below the confidence, without an area inside the frame, or not finite are left out; of two that
    overlap by more than `settings.iou` the better is kept.
    """
    is_sound = np.isfinite(boxes_xyxy).all(axis=1) & (scores >= settings.confidence)
    boxes_xyxy, scores = boxes_xyxy[is_sound], scores[is_sound]
    boxes_xyxy = np.clip(boxes_xyxy, 0, np.array([*size_wh, *size_wh]))
    has_area = (boxes_xyxy[:, 2:] > boxes_xyxy[:, :2]).all(axis=1)
    boxes_xyxy = boxes_xyxy[has_area].astype(np.float32)
    scores = np.clip(scores[has_area], 0, 1).astype(np.float32)
    kept = suppress_overlaps(boxes_xyxy, scores, settings.iou)
    return boxes_xyxy[kept], scores[kept]


def corners(boxes_cxcywh: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Convert N x 4 boxes from centre and size to x0, y0, x1, y1, in the same unit."""
    centres, halves = boxes_cxcywh[:, :2], boxes_cxcywh[:, 2:] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def suppress_overlaps(boxes_xyxy: BoxesXyxy, scores: Scores, iou: float) -> npt.NDArray[np.intp]:
    """Return the indices of the boxes to keep, best first: greedy non-maximum suppression.

    boxes_xyxy: N x 4 in any unit; scores: N. A box is dropped if it overlaps a better one that is kept by
    more than `iou` (intersection over union). Of equal scores the first counts as better.
    """
    order = np.argsort(-scores, kind="stable")
    x0, y0, x1, y1 = boxes_xyxy[order].T
    areas = (x1 - x0) * (y1 - y0)
    is_open = np.ones(len(order), bool)
    kept = []
    for best in range(len(order)):
        if not is_open[best]:
            continue
        kept.append(order[best])
        widths = np.minimum(x1, x1[best]) - np.maximum(x0, x0[best])
        heights = np.minimum(y1, y1[best]) - np.maximum(y0, y0[best])
        shared = np.maximum(widths, 0) * np.maximum(heights, 0)
        is_open &= shared <= iou * (areas + areas[best] - shared)
    return np.array(kept, np.intp)
