"""Non-square pixels: reading their ratio, and converting pictures and boxes to square pixels."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from fashion_pipeline.fashion.findings import Garment, Person, findings_in
from framegraph.packet import Image, Packet

if TYPE_CHECKING:
    from av.video.stream import VideoStream

SQUARE = (1, 1)
LARGEST = 8
"""A ratio beyond 8:1 or 1:8 is a mistake in the file."""
MAX_TERM = 1000


def pixel_aspect_ratio(stream: VideoStream, *, is_on_its_side: bool) -> tuple[int, int]:
    """Return width to height of a stream's pixels after its pictures are turned upright; (1, 1) if it
    declares no plausible one."""
    told = stream.sample_aspect_ratio
    if not told or not Fraction(1, LARGEST) <= told <= LARGEST:
        return SQUARE
    ratio = Fraction(told).limit_denominator(MAX_TERM)
    return (ratio.denominator, ratio.numerator) if is_on_its_side else (ratio.numerator, ratio.denominator)


def square_scale(ratio: tuple[int, int]) -> tuple[float, float]:
    """Return the factors for x and y of a stored picture that make its pixels square; one is above 1."""
    width, height = ratio
    return (width / height, 1.0) if width >= height else (1.0, height / width)


def square_picture(image_bgr: Image, ratio: tuple[int, int]) -> Image:
    """Return the picture with square pixels, unchanged if they already are."""
    if ratio == SQUARE or not image_bgr.size:
        return image_bgr
    import cv2

    height, width = image_bgr.shape[:2]
    scale_x, scale_y = square_scale(ratio)
    size_wh = max(1, round(width * scale_x)), max(1, round(height * scale_y))
    return np.asarray(cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)


def square_box(box_xyxy: Sequence[float], ratio: tuple[int, int]) -> Sequence[float]:
    """Return a box of the stored picture in pixels of the square one."""
    if ratio == SQUARE:
        return box_xyxy
    scale_x, scale_y = square_scale(ratio)
    x0, y0, x1, y1 = box_xyxy
    return [x0 * scale_x, y0 * scale_y, x1 * scale_x, y1 * scale_y]


def stored_box(box_xyxy: Sequence[float], ratio: tuple[int, int]) -> Sequence[float]:
    """Return a box of the square picture in pixels of the stored one."""
    if ratio == SQUARE:
        return box_xyxy
    scale_x, scale_y = square_scale(ratio)
    x0, y0, x1, y1 = box_xyxy
    return [x0 / scale_x, y0 / scale_y, x1 / scale_x, y1 / scale_y]


def square_view(packet: Packet) -> tuple[Image, list[Person]]:
    """Return a packet's picture with square pixels, and its people in it: for display, not for records."""
    ratio = packet.pixel_aspect_ratio
    people = findings_in(packet.meta).get("people", [])
    if ratio == SQUARE:
        return packet.image_bgr, people
    return square_picture(packet.image_bgr, ratio), [_square_person(person, ratio) for person in people]


def _square_person(person: Person, ratio: tuple[int, int]) -> Person:
    seen: Person = {**person, "box": list(square_box(person["box"], ratio))}
    if "garments" in person:
        seen["garments"] = [_square_garment(garment, ratio) for garment in person["garments"]]
    if "unsure" in person:
        seen["unsure"] = [_square_garment(garment, ratio) for garment in person["unsure"]]
    return seen


def _square_garment(garment: Garment, ratio: tuple[int, int]) -> Garment:
    return {**garment, "box": list(square_box(garment["box"], ratio))} if "box" in garment else garment
