"""Camera motion: the shift of the picture, so that people who stand still stay in place."""

import cv2
import numpy as np
from numpy.typing import NDArray

from framegraph.packet import Image

_WIDTH_PX = 192
_LEAST_GAIN = 0.8
"""A shift is accepted if it leaves less than this fraction of the difference outside the people's boxes."""
_LEAST_PX = 0.4
"""Of the small picture; smaller shifts are measurement noise."""
_LEAST_GROUND_PX = 200
"""Part of the small picture not covered by people; with less no shift is accepted."""


class CameraMotion:
    """Measures how far the scene has moved in the picture since the first frame.

    Phase correlation (Kuglin and Hines, 1975) of small grey pictures: shifts, as of a camera that pans, tilts
    or shakes; no zoom and no roll. 0.7 ms per frame.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._window: NDArray[np.float32] | None = None
        self.shift_xy: NDArray[np.float64] = np.zeros(2)
        """In pixels of the frame."""

    def see(self, image_bgr: Image, people_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the next frame and return the shift since the first one.

        people_xyxy: N x 4 in its pixels; movement in these boxes says nothing about the camera.
        """
        scale = image_bgr.shape[1] / _WIDTH_PX
        size_wh = _WIDTH_PX, max(8, round(image_bgr.shape[0] / scale))
        grey = cv2.blur(cv2.cvtColor(cv2.resize(image_bgr, size_wh), cv2.COLOR_BGR2GRAY), (3, 3))
        small = grey.astype(np.float32)
        if self._last is None or self._window is None or self._last.shape != small.shape:
            self._window = np.asarray(cv2.createHanningWindow(size_wh, cv2.CV_32F), np.float32)
        else:
            # Copies: OpenCV multiplies the window into pictures whose size suits it.
            (x, y), _response = cv2.phaseCorrelate(self._last.copy(), small.copy(), self._window)
            is_ground = _outside(people_xyxy / scale, small.shape)
            if max(abs(x), abs(y)) >= _LEAST_PX and _is_believed(self._last, small, is_ground, (x, y)):
                self.shift_xy = self.shift_xy + np.array([x, y]) * scale
        self._last = small
        return self.shift_xy


def _outside(boxes_xyxy: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask of the pixels that are in no box."""
    is_ground = np.ones(shape, bool)
    for x0, y0, x1, y1 in boxes_xyxy.reshape(-1, 4):
        is_ground[max(0, int(y0)) : max(0, int(y1) + 1), max(0, int(x0)) : max(0, int(x1) + 1)] = False
    return is_ground


def _is_believed(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    is_ground: NDArray[np.bool_],
    shift_xy: tuple[float, float],
) -> bool:
    """Return whether the background fits clearly better with the shift than without."""
    if is_ground.sum() < _LEAST_GROUND_PX:
        return False
    matrix = np.array([[1, 0, shift_xy[0]], [0, 1, shift_xy[1]]], np.float32)
    moved = cv2.warpAffine(before, matrix, before.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    without, with_ = (np.abs(after - other)[is_ground].mean() for other in (before, moved))
    return bool(with_ < _LEAST_GAIN * without)
