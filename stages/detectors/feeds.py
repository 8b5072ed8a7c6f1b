"""Input of exported networks: pictures fitted, converted in colour and scaled."""

import dataclasses

import numpy as np
import numpy.typing as npt

PADDING = 114
"""The grey padding with which the YOLO family is trained."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Feed:
    """How a network takes a picture. `is_stretched`: aspect ratio not kept; else PADDING fills the rest,
    around the picture or, with `is_in_corner`, to its right and below. A value becomes (value - mean) /
    deviation, by channel in the network's order."""

    is_stretched: bool = False
    is_in_corner: bool = False
    is_rgb: bool = True
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (255.0, 255.0, 255.0)


YOLO = Feed()
RTDETR = Feed(is_stretched=True)
SSD = Feed(is_stretched=True, is_rgb=False, deviation=(1.0, 1.0, 1.0))
YOLOX = Feed(is_in_corner=True, is_rgb=False, deviation=(1.0, 1.0, 1.0))
RTMDET = Feed(
    is_in_corner=True, is_rgb=False, mean=(103.53, 116.28, 123.675), deviation=(57.375, 57.12, 58.395)
)

FEEDS = {
    "rtdetr": RTDETR,
    "rtdetr-joined": RTDETR,
    "rtdetr-pixels": RTDETR,
    "ssd": SSD,
    "yolox": YOLOX,
    "rtmdet": RTMDET,
    "rtmdet-raw": RTMDET,
}
"""By head; all others use YOLO."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placed:
    """Place of the picture in the input: its scale, and its left and upper edge in pixels."""

    scale: float
    left_px: int
    top_px: int


def fill(
    image_bgr: npt.NDArray[np.uint8], size_wh: tuple[int, int], feed: Feed
) -> tuple[npt.NDArray[np.float32], Placed]:
    """Return the input of a network, float32 1 x 3 x H x W, and the picture's (H x W x 3) place in it."""
    import cv2

    height, width = image_bgr.shape[:2]
    size_w, size_h = size_wh
    scale = min(size_w / width, size_h / height)
    fitted_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    fitted_w, fitted_h = size_wh if feed.is_stretched else fitted_wh
    fitted = cv2.resize(image_bgr, (fitted_w, fitted_h), interpolation=cv2.INTER_LINEAR)
    is_centred = not feed.is_in_corner
    left_px = (size_w - fitted_w) // 2 * is_centred
    top_px = (size_h - fitted_h) // 2 * is_centred
    canvas = np.full((size_h, size_w, 3), PADDING, np.uint8)
    canvas[top_px : top_px + fitted_h, left_px : left_px + fitted_w] = fitted
    if feed.is_rgb:
        canvas = canvas[:, :, ::-1]
    planes = np.ascontiguousarray(canvas.transpose(2, 0, 1)[np.newaxis]).astype(np.float32)
    planes -= np.array(feed.mean, np.float32).reshape(1, 3, 1, 1)
    planes /= np.array(feed.deviation, np.float32).reshape(1, 3, 1, 1)
    return planes, Placed(scale=scale, left_px=left_px, top_px=top_px)
