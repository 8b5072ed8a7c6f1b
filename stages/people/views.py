"""The quality of a view of a person, which decides the choice of looks and the weight of their answers."""

from collections.abc import Sequence

import cv2
import numpy as np

from framegraph.packet import Image

GOOD_HEIGHT_PX = 200.0
"""Above this height, more pixels say no more about what a person wears."""
GOOD_SHARPNESS = 40.0
"""A view this sharp gets half the value; people on a film of good quality have 40 to 100."""
EDGE_PX = 2.0
CUT_VALUE = 0.5
"""Factor for each side at which the frame cuts the person off: trousers or shoes may be out of sight."""
LEAST = 0.01
_SIDE_PX = 96


def view_quality(
    image_bgr: Image, box_xyxy: Sequence[float], others_xyxy: Sequence[Sequence[float]] = ()
) -> float:
    """Return the value of a view, LEAST to 1: size times sharpness, less if cut by the edge or covered.

    image_bgr: the frame, uint8 H x W x 3. box_xyxy: the person, in its pixels. others_xyxy: the other people;
    one whose feet are lower stands in front and may cover the person.
    """
    x0, y0, x1, y1 = box_xyxy
    sharp = sharpness(image_bgr[max(0, round(y0)) : round(y1), max(0, round(x0)) : round(x1)])
    limit = best_possible(image_bgr, box_xyxy)
    value = limit * sharp / (sharp + GOOD_SHARPNESS) * (1 - _covered(box_xyxy, others_xyxy))
    return max(LEAST, round(value, 3))


def best_possible(image_bgr: Image, box_xyxy: Sequence[float]) -> float:
    """Return the value that a view of this size and place would have if sharp and unobstructed, 0..1."""
    height, width = image_bgr.shape[:2]
    x0, y0, x1, y1 = box_xyxy
    edges = (x0 <= EDGE_PX, y0 <= EDGE_PX, x1 >= width - EDGE_PX, y1 >= height - EDGE_PX)
    return float(min(1.0, (y1 - y0) / GOOD_HEIGHT_PX) * CUT_VALUE ** sum(edges))


def sharpness(crop_bgr: Image) -> float:
    """Return how sharp a crop is: the deviation of its second derivative at a height of 96 pixels.

    At a fixed height, because otherwise an enlarged picture would count as blurred and a small one as sharp.
    0 for no pixels.
    """
    height, width = crop_bgr.shape[:2]
    if not height or not width:
        return 0.0
    size_wh = (max(1, round(width * _SIDE_PX / height)), _SIDE_PX)
    # A subsample is enough for a large crop, and fast.
    step = max(1, height // (2 * _SIDE_PX))
    thinned = np.ascontiguousarray(crop_bgr[::step, ::step])
    method = cv2.INTER_AREA if thinned.shape[0] > _SIDE_PX else cv2.INTER_LINEAR
    grey = cv2.cvtColor(cv2.resize(thinned, size_wh, interpolation=method), cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).std())


def _covered(box_xyxy: Sequence[float], others_xyxy: Sequence[Sequence[float]]) -> float:
    """Return the largest fraction of a box that a person in front covers, 0..1."""
    x0, y0, x1, y1 = box_xyxy
    area = (x1 - x0) * (y1 - y0)
    taken = [
        max(0.0, min(x1, other[2]) - max(x0, other[0])) * max(0.0, min(y1, other[3]) - max(y0, other[1]))
        for other in others_xyxy
        if other[3] > y1
    ]
    return min(1.0, max(taken, default=0.0) / area) if area > 0 else 0.0
