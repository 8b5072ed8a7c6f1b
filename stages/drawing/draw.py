"""The people found in a frame and their garments, drawn on it."""

import cv2
import numpy as np

from fashion_pipeline.fashion.findings import Person
from fashion_pipeline.stages.drawing.plates import (
    FAINT_BGR,
    FONT,
    INK_BGR,
    Color,
    Rectangle,
    Row,
    Sizes,
    color_of,
    draw_plate,
    find_place,
    meets,
    rows_of,
    shorter,
    size_of,
)
from framegraph.packet import Image

NOT_ANALYSED_BGR = (0, 200, 255)
LEGEND = (Row("bar: confidence, 0 to 100 %", 0.7),)
LEGEND_PART = 0.4
PARTS_FROM_PX = 120
"""Garments get their own boxes on people at least this high; smaller people would be hidden."""


def draw_people(image_bgr: Image, people: list[Person]) -> None:
    """Draw each person and what they wear into `image_bgr` (uint8 H x W x 3), in place.

    A plate next to each person shows the number, and from head to foot each garment: its colour, its label,
    and its score as a bar in the label's colour. Plates never cover each other: where there is no room, a
    plate moves away, with a line to its person, and gets shorter, down to the number. It covers people only
    if it must. Those who have been present longest are placed first.
    """
    height, width = image_bgr.shape[:2]
    sizes = Sizes.of(image_bgr)
    for person in people:
        _draw_boxes(image_bgr, person, sizes)
    taken: list[Rectangle] = []
    everybody = [rounded(person["box"]) for person in people]
    for person in sorted(people, key=_queue):
        box = rounded(person["box"])
        ways = shorter(rows_of(person))
        # A short plate is better than a hidden person, and a hidden person better than no plate.
        tries = [(rows, [*taken, *everybody]) for rows in ways] + [(rows, taken) for rows in ways]
        for rows, kept_free in tries:
            size_wh = size_of(rows, sizes)
            at = find_place(box, size_wh, (width, height), kept_free)
            if at is not None:
                plate = at[0], at[1], at[0] + size_wh[0], at[1] + size_wh[1]
                taken.append(plate)
                _draw_leader(image_bgr, box, plate)
                draw_plate(image_bgr, rows, at, sizes)
                break
    if any(person.get("garments") for person in people):
        _draw_legend(image_bgr, [*taken, *everybody], sizes)


def _draw_legend(image_bgr: Image, kept_free: list[Rectangle], sizes: Sizes) -> None:
    """Explain the bars in a corner, unless that would hide somebody or take up much of the picture."""
    height, width = image_bgr.shape[:2]
    wide, high = size_of(LEGEND, sizes)
    if wide > width * LEGEND_PART or high > height * LEGEND_PART:
        return
    for left, top in ((0, height - high), (width - wide, height - high), (0, 0), (width - wide, 0)):
        if not any(meets((left, top, left + wide, top + high), other) for other in kept_free):
            draw_plate(image_bgr, LEGEND, (left, top), sizes)
            return


def moved(people: list[Person], scale: float, left: float, top: float) -> list[Person]:
    """Return people with all their boxes scaled, then shifted, as for a picture fitted into another."""

    def move(box_xyxy: list[float]) -> list[float]:
        x0, y0, x1, y1 = box_xyxy
        return [x0 * scale + left, y0 * scale + top, x1 * scale + left, y1 * scale + top]

    return [
        {
            **person,
            "box": move(person["box"]),
            "garments": [{**garment, "box": move(garment["box"])} for garment in person.get("garments", ())],
        }
        for person in people
    ]


def mark_not_analysed(image_bgr: Image, status: str) -> None:
    """Mark the picture as not analysed; without that it would read as "nobody there"."""
    height, width = image_bgr.shape[:2]
    words, scale = f"not analysed: {status}", max(0.5, min(height, width) / 800)
    thickness = max(1, round(2 * scale))
    (words_w, words_h), base = cv2.getTextSize(words, FONT, scale, thickness)
    pad = words_h // 2
    cv2.rectangle(image_bgr, (0, 0), (width - 1, height - 1), NOT_ANALYSED_BGR, max(2, round(6 * scale)))
    corner = words_w + 2 * pad, words_h + base + 2 * pad
    cv2.rectangle(image_bgr, (0, 0), corner, NOT_ANALYSED_BGR, cv2.FILLED)
    cv2.putText(image_bgr, words, (pad, words_h + pad), FONT, scale, (0, 0, 0), thickness, cv2.LINE_AA)


def rounded(box_xyxy: list[float]) -> Rectangle:
    """Return a box in whole pixels."""
    x0, y0, x1, y1 = (round(edge) for edge in box_xyxy)
    return x0, y0, x1, y1


def _queue(person: Person) -> tuple[float, float]:
    """Sort key for placing plates: those present longest first; without tracks, the largest."""
    x0, y0, x1, y1 = person["box"]
    return float(person.get("track", 0)), -(x1 - x0) * (y1 - y0)


def _draw_boxes(image_bgr: Image, person: Person, sizes: Sizes) -> None:
    x0, y0, x1, y1 = rounded(person["box"])
    garments = person.get("garments", [])
    edge_bgr = color_of(garments[0]["label"]) if garments else FAINT_BGR
    thickness = max(1, round(2 * sizes.scale))
    cv2.rectangle(image_bgr, (x0, y0), (x1, y1), edge_bgr, thickness)
    if y1 - y0 >= PARTS_FROM_PX:
        for garment in garments:
            left, top, right, bottom = rounded(garment["box"])
            _draw_corners(image_bgr, (left, top, right, bottom), color_of(garment["label"]), thickness)


def _draw_corners(image_bgr: Image, box: Rectangle, color_bgr: Color, thickness: int) -> None:
    """Draw only the corners of a box, because several may overlap."""
    x0, y0, x1, y1 = box
    long_x, long_y = max(3, (x1 - x0) // 5), max(3, (y1 - y0) // 5)
    for x, y, to_x, to_y in ((x0, y0, 1, 1), (x1, y0, -1, 1), (x0, y1, 1, -1), (x1, y1, -1, -1)):
        cv2.line(image_bgr, (x, y), (x + to_x * long_x, y), color_bgr, thickness, cv2.LINE_AA)
        cv2.line(image_bgr, (x, y), (x, y + to_y * long_y), color_bgr, thickness, cv2.LINE_AA)


def _draw_leader(image_bgr: Image, box: Rectangle, plate: Rectangle) -> None:
    """Draw a line from a plate to its person, unless they are adjacent."""
    start = _nearest(plate, ((box[0] + box[2]) // 2, (box[1] + box[3]) // 2))
    end = _nearest(box, start)
    if abs(start[0] - end[0]) + abs(start[1] - end[1]) > 6:
        cv2.line(image_bgr, start, end, INK_BGR, 1, cv2.LINE_AA)


def _nearest(box: Rectangle, at_xy: tuple[int, int]) -> tuple[int, int]:
    """Return the point of a box that is nearest to another point."""
    return max(box[0], min(at_xy[0], box[2])), max(box[1], min(at_xy[1], box[3]))


def letterbox(image_bgr: Image, size_wh: tuple[int, int]) -> Image:
    """Return a copy of a picture fitted into `size_wh` without distortion, with black borders."""
    width, height = size_wh
    own_h, own_w = image_bgr.shape[:2]
    scale = min(width / own_w, height / own_h)
    if own_w <= width and own_h <= height and width - own_w < 2 and height - own_h < 2:
        scale = 1.0  # the size was only rounded up to even: keep every pixel as it is
    fitted_w, fitted_h = max(1, round(own_w * scale)), max(1, round(own_h * scale))
    if (fitted_w, fitted_h) == (own_w, own_h):
        if (own_w, own_h) == (width, height):
            return image_bgr.copy()
        fitted = image_bgr
    else:
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        fitted = np.asarray(cv2.resize(image_bgr, (fitted_w, fitted_h), interpolation=method), np.uint8)
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - fitted_h) // 2, (width - fitted_w) // 2
    canvas[top : top + fitted_h, left : left + fitted_w] = fitted
    return canvas
