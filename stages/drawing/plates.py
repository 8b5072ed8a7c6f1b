"""Plates of text next to people: their content, their placement, and their drawing."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence

import cv2
import numpy as np

from fashion_pipeline.fashion.color_words import JOINED, POINTS_RGB
from fashion_pipeline.fashion.findings import Garment, Wearer
from fashion_pipeline.fashion.labels import KNOWN_REGIONS
from framegraph.packet import Image

Color = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]

# One colour per label, BGR, easy to distinguish in a street scene: hues evenly spaced, one grey.
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
INK_BGR, FAINT_BGR, PAPER_BGR = (255, 255, 255), (170, 170, 170), (32, 30, 28)
PAPER_WEIGHT = 0.55
"""Opacity of a plate: a person behind it, who may have no box, should stay visible."""
GAP_PX = 2
FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of a plate: text, the bar under it (0..1, None for none), and the chip of one or two colours
    before it."""

    words: str
    score: float | None = None
    bar_bgr: Color = UNKNOWN_BGR
    chip_bgr: tuple[Color, ...] = ()
    is_faint: bool = False


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Sizes of letters and lines in pixels: letters are 1/45 of the picture's shorter side, at least 9."""

    scale: float
    line_px: int
    bar_px: int
    chip_px: int

    @classmethod
    def of(cls, image_bgr: Image) -> Sizes:
        height, width = image_bgr.shape[:2]
        scale = max(0.38, min(height, width) / 1250)
        letters = cv2.getTextSize("Ag", FONT, scale, 1)[0][1]
        return cls(scale, round(letters * 1.75), max(2, round(letters * 0.3)), letters)

    @property
    def thickness(self) -> int:
        return max(1, round(1.5 * self.scale))


def color_of(label: str) -> Color:
    """Return the colour of a label, BGR; for other label sets a fixed one derived from its name."""
    if label not in COLORS_BGR:
        hue = zlib.crc32(label.encode()) % 180
        blue, green, red = cv2.cvtColor(np.array([[[hue, 150, 220]]], np.uint8), cv2.COLOR_HSV2BGR)[0, 0]
        COLORS_BGR[label] = int(blue), int(green), int(red)
    return COLORS_BGR[label]


def rows_of(person: Wearer) -> list[Row]:
    """Return the lines of a person's plate: the number, then each garment from head to foot."""
    garments = sorted(person.get("garments", ()), key=_from_head_to_foot)
    who = f"#{person['track']}" if "track" in person else f"person {person['score']:.0%}"
    if person.get("looks") == 0:
        return [Row(f"{who} not classified", is_faint=True)]
    if "settled" in person and not person["settled"]:
        who += " .."
    rows = [Row(who)]
    for garment in garments:
        color = garment.get("color")
        words = " ".join(word for word in (color, garment["label"]) if word)
        chip_bgr = tuple(
            POINTS_RGB[word][0][::-1] for word in garment.get("color", "").split(JOINED) if word in POINTS_RGB
        )
        rows.append(Row(words, float(garment["score"]), color_of(garment["label"]), chip_bgr))
    unsure = [garment["label"] for garment in person.get("unsure", ())]
    if unsure and not garments:
        rows.append(Row(f"{unsure[0]}?", is_faint=True))
    return rows


def shorter(rows: Sequence[Row]) -> list[list[Row]]:
    """Return ever shorter versions of a plate: all garments, the surest three, one, and only the number."""
    surest = sorted(rows[1:], key=lambda row: -(row.score or 0))
    ways = [list(rows)]
    for count in (3, 1, 0):
        if count < len(rows) - 1:
            kept = surest[:count]
            ways.append([rows[0], *(row for row in rows[1:] if row in kept)])
    return ways


def size_of(rows: Sequence[Row], sizes: Sizes) -> tuple[int, int]:
    """Return width and height of a plate in pixels."""
    width = max(
        cv2.getTextSize(row.words, FONT, sizes.scale, sizes.thickness)[0][0] + _indent(row, sizes)
        for row in rows
    )
    height = sum(_height(row, sizes) for row in rows)
    return width + 2 * sizes.bar_px + 2, height + sizes.bar_px


def find_place(
    box: Rectangle, size_wh: tuple[int, int], picture_wh: tuple[int, int], kept_free: Sequence[Rectangle]
) -> tuple[int, int] | None:
    """Return left and top of a plate for a person, or None if it would overlap what must be kept free.

    Next to the box first (right, left, above, below), then a little further off; always inside the picture.
    """
    x0, y0, x1, y1 = box
    width, height = size_wh
    if width > picture_wh[0] or height > picture_wh[1]:
        return None
    step = max(6, height // 2)
    for away in range(4):
        off = away * step
        wishes = [
            (x1 + GAP_PX + off, y0),
            (x0 - width - GAP_PX - off, y0),
            (x0, y0 - height - GAP_PX - off),
            (x0, y1 + GAP_PX + off),
            (x1 + GAP_PX, y0 + off),
            (x0 - width - GAP_PX, y0 + off),
            (x1 - width, y0 - height - GAP_PX - off),
            (x1 - width, y1 + GAP_PX + off),
        ]
        for left, top in wishes:
            at = max(0, min(left, picture_wh[0] - width)), max(0, min(top, picture_wh[1] - height))
            plate = at[0], at[1], at[0] + width, at[1] + height
            if not any(meets(plate, other) for other in kept_free):
                return at
    return None


def meets(one: Rectangle, other: Rectangle) -> bool:
    """Return whether two rectangles have a pixel in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def draw_plate(image_bgr: Image, rows: Sequence[Row], at_xy: tuple[int, int], sizes: Sizes) -> None:
    """Draw a plate into a picture, in place."""
    left, top = at_xy
    width, height = size_of(rows, sizes)
    under = image_bgr[top : top + height, left : left + width]
    under[:] = cv2.addWeighted(under, 1 - PAPER_WEIGHT, _paper(under), PAPER_WEIGHT, 0)
    for row in rows:
        begin = left + sizes.bar_px + 1
        middle = top + sizes.line_px // 2 + 1
        if row.chip_bgr:
            half = sizes.chip_px // 2
            corner = (begin, middle - half), (begin + 2 * half, middle + half)
            cv2.rectangle(image_bgr, *corner, row.chip_bgr[0], cv2.FILLED)
            cv2.rectangle(image_bgr, (begin + half, middle - half), corner[1], row.chip_bgr[-1], cv2.FILLED)
            cv2.rectangle(image_bgr, *corner, FAINT_BGR, 1)
        baseline = begin + _indent(row, sizes), middle + sizes.chip_px // 2
        ink_bgr = FAINT_BGR if row.is_faint else INK_BGR
        # The dark outline keeps text legible on what shows through.
        for color_bgr, thickness in ((PAPER_BGR, sizes.thickness + 2), (ink_bgr, sizes.thickness)):
            cv2.putText(image_bgr, row.words, baseline, FONT, sizes.scale, color_bgr, thickness, cv2.LINE_AA)
        if row.score is not None:
            _draw_bar(image_bgr, row, (begin, top + sizes.line_px), (width - 2 * sizes.bar_px - 2), sizes)
        top += _height(row, sizes)


def _draw_bar(image_bgr: Image, row: Row, at_xy: tuple[int, int], width: int, sizes: Sizes) -> None:
    left, top = at_xy
    lower = top + sizes.bar_px - 1
    cv2.rectangle(image_bgr, (left, top), (left + width, lower), (90, 90, 90), cv2.FILLED)
    filled = left + max(1, round(width * (row.score or 0)))
    cv2.rectangle(image_bgr, (left, top), (filled, lower), row.bar_bgr, cv2.FILLED)


def _height(row: Row, sizes: Sizes) -> int:
    return sizes.line_px + (2 * sizes.bar_px if row.score is not None else 0)


def _indent(row: Row, sizes: Sizes) -> int:
    return sizes.chip_px + sizes.bar_px + 3 if row.chip_bgr else 0


def _paper(under: Image) -> Image:
    paper = under.copy()
    paper[:] = PAPER_BGR
    return paper


def _from_head_to_foot(garment: Garment) -> tuple[int, str]:
    region = garment.get("region", "")
    return KNOWN_REGIONS.index(region) if region in KNOWN_REGIONS else len(KNOWN_REGIONS), garment["label"]
