"""Boxes and words on a frame, readable at any size of the picture."""

from typing import Any

import cv2
import numpy as np

from runtime.packet import Image

Color = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]

# One colour per label, BGR, far enough apart to tell on a street: hues evenly spaced, one grey.
COLORS_BGR: dict[str, Color] = {
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
NOT_ANALYSED_BGR = (0, 200, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def color_of(label: str) -> Color:
    """Return the colour of a label, BGR; grey for a label of the user's own."""
    return COLORS_BGR.get(label, UNKNOWN_BGR)


def draw_people(image_bgr: Image, people: list[dict[str, Any]]) -> None:
    """Draw each person's box and what they wear into `image_bgr` (uint8 HxWx3), in place.

    A line a garment, in the colour of its label. Plates of text keep clear of
    each other as far as there is room. Large people, who are nearest, choose their place first.
    """
    height, width = image_bgr.shape[:2]
    scale = text_scale(height, width)
    thickness = max(1, round(2 * scale))
    taken: list[Rectangle] = []
    by_size = sorted(people, key=lambda person: person["box"][1] - person["box"][3])
    for person in by_size:
        lines = [(words_of(garment), color_of(garment["label"])) for garment in person.get("garments", [])]
        lines = lines or [(f"person {person['score']:.0%}", UNKNOWN_BGR)]
        x0, y0, x1, y1 = (round(value) for value in person["box"])
        cv2.rectangle(image_bgr, (x0, y0), (x1, y1), lines[0][1], thickness)
        size_wh = plate_size([words for words, _color in lines], scale)
        left, top = place_plate((x0, y0, x1, y1), size_wh, (width, height), taken)
        taken.append((left, top, left + size_wh[0], top + size_wh[1]))
        draw_lines(image_bgr, lines, (left, top), size_wh, scale)


def words_of(garment: dict[str, Any]) -> str:
    return f"{garment['label']} {garment['score']:.0%}"


def place_plate(
    box: Rectangle, size_wh: tuple[int, int], picture_wh: tuple[int, int], taken: list[Rectangle]
) -> tuple[int, int]:
    """Return left and top of a plate for a person: above, below, right or left of the box, inside the
    picture, where it covers the least of the plates that stand already."""
    x0, y0, x1, y1 = box
    width, height = size_wh
    wishes = [(x0, y0 - height), (x0, y1), (x1, y0), (x0 - width, y0), (x1 - width, y0 - height), (x0, y0)]
    inside = [
        (max(0, min(left, picture_wh[0] - width)), max(0, min(top, picture_wh[1] - height)))
        for left, top in wishes
    ]
    return min(
        inside,
        key=lambda at: sum(overlap((at[0], at[1], at[0] + width, at[1] + height), other) for other in taken),
    )


def overlap(one: Rectangle, other: Rectangle) -> int:
    """Return the common area of two rectangles in pixels."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)


def text_scale(height: int, width: int) -> float:
    """Return the font scale for a picture: letters of about 1/40 of its height, 9 pixels at the least."""
    return max(0.4, min(height, width) / 1100)


def plate_size(words: list[str], scale: float) -> tuple[int, int]:
    """Return width and height in pixels of a plate with these lines of text."""
    sizes = [cv2.getTextSize(line, _FONT, scale, _thickness(scale))[0] for line in words]
    return max(size[0] for size in sizes) + 6, _line_px(scale) * len(words) + 2


def _thickness(scale: float) -> int:
    return max(1, round(1.6 * scale))


def _line_px(scale: float) -> int:
    (_width, height), base = cv2.getTextSize("Ag", _FONT, scale, _thickness(scale))
    return height + base + 2


def draw_lines(
    image_bgr: Image,
    lines: list[tuple[str, Color]],
    at_xy: tuple[int, int],
    size_wh: tuple[int, int],
    scale: float,
) -> None:
    """Write lines of text, each on a plate of its own colour, from `at_xy` downwards."""
    left, top = at_xy
    line_px = _line_px(scale)
    for index, (words, color) in enumerate(lines):
        upper = top + index * line_px
        lower = upper + line_px + (2 if index == len(lines) - 1 else 0)
        cv2.rectangle(image_bgr, (left, upper), (left + size_wh[0], lower), color, cv2.FILLED)
        # Black or white, whichever stands out more: Rec. 601 luma of the plate.
        luma = 0.114 * color[0] + 0.587 * color[1] + 0.299 * color[2]
        ink = (0, 0, 0) if luma > 110 else (255, 255, 255)
        (_width, height), base = cv2.getTextSize("Ag", _FONT, scale, _thickness(scale))
        baseline = upper + 1 + height + base // 2
        cv2.putText(image_bgr, words, (left + 3, baseline), _FONT, scale, ink, _thickness(scale), cv2.LINE_AA)


def mark_not_analysed(image_bgr: Image, status: str) -> None:
    """Say on the picture that nobody looked at it: an empty picture would read as "nobody there"."""
    height, width = image_bgr.shape[:2]
    lines = [(f"not analysed: {status}", NOT_ANALYSED_BGR)]
    scale = text_scale(height, width)
    draw_lines(image_bgr, lines, (4, height // 16), plate_size([lines[0][0]], scale), scale)


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
