"""Boxes and words on a frame, readable at any size of the picture."""

from typing import Any

import cv2
import numpy as np

from runtime.packet import Image

# One colour per label, BGR, far enough apart to tell on a street: hues evenly spaced, one grey.
COLORS_BGR: dict[str, tuple[int, int, int]] = {
    "T-shirt/top": (80, 200, 120),
    "Trouser": (220, 140, 40),
    "Pullover": (60, 160, 240),
    "Dress": (200, 80, 220),
    "Coat": (60, 60, 230),
    "Sandal": (90, 220, 230),
    "Shirt": (230, 200, 60),
    "Sneaker": (180, 220, 100),
    "Bag": (130, 100, 240),
    "Ankle boot": (150, 150, 150),
}
UNKNOWN_BGR = (200, 200, 200)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def color_of(label: str | None) -> tuple[int, int, int]:
    """Return the colour of a label, BGR; grey for none and for a label of the user's own."""
    return COLORS_BGR.get(label or "", UNKNOWN_BGR)


def draw_people(image_bgr: Image, people: list[dict[str, Any]]) -> None:
    """Draw box, label and confidence of each person into `image_bgr` (uint8 HxWx3), in place."""
    height, width = image_bgr.shape[:2]
    scale = text_scale(height, width)
    thickness = max(1, round(2 * scale))
    for person in people:
        garments = person.get("garments", [])
        color = color_of(garments[0]["label"] if garments else None)
        x0, y0, x1, y1 = (round(value) for value in person["box"])
        cv2.rectangle(image_bgr, (x0, y0), (x1, y1), color, thickness)
        words = [f"{garment['label']} {garment['score']:.0%}" for garment in garments]
        words = words or [f"person {person['score']:.0%}"]
        draw_words(image_bgr, words, (x0, y0), color, scale)


def text_scale(height: int, width: int) -> float:
    """Return the font scale for a picture: letters of about 1/40 of its height, 9 pixels at the least."""
    return max(0.4, min(height, width) / 1100)


def draw_words(
    image_bgr: Image, words: list[str], at_xy: tuple[int, int], color: tuple[int, int, int], scale: float
) -> None:
    """Write lines of text on a plate above a point, moved inside the picture where it would stand out."""
    height, width = image_bgr.shape[:2]
    thickness = max(1, round(1.6 * scale))
    sizes = [cv2.getTextSize(line, _FONT, scale, thickness) for line in words]
    line_px = max(size[1] + base for size, base in sizes) + 2
    plate_w = max(size[0] for size, _base in sizes) + 6
    plate_h = line_px * len(words) + 2
    left = max(0, min(at_xy[0], width - plate_w))
    top = max(0, min(at_xy[1] - plate_h, height - plate_h))
    cv2.rectangle(image_bgr, (left, top), (left + plate_w, top + plate_h), color, cv2.FILLED)
    # Black or white, whichever stands out more: Rec. 601 luma of the plate.
    luma = 0.114 * color[0] + 0.587 * color[1] + 0.299 * color[2]
    ink = (0, 0, 0) if luma > 110 else (255, 255, 255)
    for index, line in enumerate(words):
        baseline = top + line_px * (index + 1) - max(2, sizes[index][1] // 2)
        cv2.putText(image_bgr, line, (left + 3, baseline), _FONT, scale, ink, thickness, cv2.LINE_AA)


def mark_not_analysed(image_bgr: Image, status: str) -> None:
    """Say on the picture that nobody looked at it: an empty picture would read as "nobody there"."""
    height, width = image_bgr.shape[:2]
    draw_words(
        image_bgr, [f"not analysed: {status}"], (4, height // 8), (0, 200, 255), text_scale(height, width)
    )


def letterbox(image_bgr: Image, size_wh: tuple[int, int]) -> Image:
    """Fit a picture into `size_wh` without distortion, black around it; always a copy."""
    width, height = size_wh
    own_h, own_w = image_bgr.shape[:2]
    scale = min(width / own_w, height / own_h)
    if own_w <= width and own_h <= height and width - own_w < 2 and height - own_h < 2:
        scale = 1.0  # only rounded up to even: keep every pixel as it is
    fitted_w, fitted_h = max(1, round(own_w * scale)), max(1, round(own_h * scale))
    if (fitted_w, fitted_h) == (own_w, own_h):
        fitted = image_bgr
    else:
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        fitted = cv2.resize(image_bgr, (fitted_w, fitted_h), interpolation=method)
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - fitted_h) // 2, (width - fitted_w) // 2
    canvas[top : top + fitted_h, left : left + fitted_w] = fitted
    return canvas
