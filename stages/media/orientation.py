"""Orientation of still images from EXIF or XMP metadata in JPEG, PNG, WebP and AVIF."""

import io
import warnings

import numpy as np

from fashion_pipeline.stages.media.timing import Image

EXIF_ORIENTATION = 0x0112
MARKS = (b"Exif", b"eXIf", b"EXIF", b"Orientation")
"""Without one of these there is no orientation to read, and reading it may decode the whole image."""


def orientation_of(coded: bytes) -> int:
    """Return the EXIF orientation of an image file's content, 1 (upright) to 8; 1 if it has none."""
    if not any(mark in coded for mark in MARKS):
        return 1
    from PIL import Image as Pillow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(io.BytesIO(coded)) as opened:
                told = opened.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # unreadable metadata are ignored; the picture itself may be intact
        return 1
    return told if isinstance(told, int) and 1 <= told <= 8 else 1


def turned(image: Image, orientation: int) -> Image:
    """Return an image turned upright from its EXIF orientation of 1 to 8."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)
