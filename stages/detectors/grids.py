"""Heads whose boxes are relative to three grids over the input, 8, 16 and 32 pixels apart."""

import numpy as np
import numpy.typing as npt

from fashion_pipeline.stages.detectors.boxes import corners

STRIDES = (8, 16, 32)
Floats = npt.NDArray[np.floating]


def grid(size_wh: tuple[int, int], offset: float = 0.0) -> tuple[npt.NDArray[np.float32], Floats]:
    """Return all cells of the grids, row by row: their points (N x 2, x and y in pixels) and strides (N).

    A point is `offset` strides to the right of and below the cell's upper left corner.
    """
    points, strides = [], []
    for stride in STRIDES:
        wide, high = size_wh[0] // stride, size_wh[1] // stride
        places = np.arange(wide * high)
        points.append((np.stack([places % wide, places // wide], axis=1) + offset) * stride)
        strides.append(np.full(wide * high, stride))
    return np.concatenate(points).astype(np.float32), np.concatenate(strides).astype(np.float32)


def decode_yolox(rows: Floats, size_wh: tuple[int, int], person_class: int) -> tuple[Floats, Floats]:
    """Return boxes and scores of rows (N x (5 + C)): offset of the centre from the cell in strides, logarithm
    of the size in strides, objectness, classes."""
    points_xy, strides = grid(size_wh)
    strides = strides[:, np.newaxis]
    sizes = np.exp(np.clip(rows[:, 2:4], -20, 20)) * strides
    boxes_cxcywh = np.concatenate([points_xy + rows[:, :2] * strides, sizes], axis=1)
    return corners(boxes_cxcywh), rows[:, 4] * rows[:, 5 + person_class]


def decode_maps(maps: list[Floats], size_wh: tuple[int, int], person_class: int) -> tuple[Floats, Floats]:
    """Return boxes and scores of RTMDet's maps: three of logits (1 x C x H x W) and three of the distances in
    pixels to the left, upper, right and lower edge (1 x 4 x H x W)."""
    by_size = sorted(maps, key=lambda each: -each.shape[2])
    is_edges = [each.shape[1] == 4 for each in by_size]
    logits = [
        each[0, person_class].ravel() for each, is_edge in zip(by_size, is_edges, strict=True) if not is_edge
    ]
    edges = [each[0].reshape(4, -1).T for each, is_edge in zip(by_size, is_edges, strict=True) if is_edge]
    distances, points_xy = np.concatenate(edges), grid(size_wh)[0]
    scores = 1 / (1 + np.exp(-np.clip(np.concatenate(logits), -60, 60)))
    return np.concatenate([points_xy - distances[:, :2], points_xy + distances[:, 2:]], axis=1), scores
