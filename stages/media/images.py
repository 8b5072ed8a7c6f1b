"""A folder, a glob or one file of still images as a reel."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import numpy as np

from stages.media.timing import NS_PER_S, Image, Mark, Place, Shot
from stages.media.uri import IMAGE_SUFFIXES, is_glob, local_path


def list_images(uri: str) -> list[Path]:
    """Return the images that `uri` names: a folder's own, those that a glob matches, or one file.

    Sorted as people count: "frame9.png" before "frame10.png". Files that are no images by name are left out.
    """
    path = local_path(uri)
    if is_glob(uri):
        found = [Path(name) for name in glob.glob(str(path), recursive=True)]
    elif path.is_dir():
        found = list(path.iterdir())
    else:
        found = [path]
    return sorted(
        (file for file in found if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()), key=_natural
    )


class ImageReel:
    """Still images, `rate` a second: the n-th has the time stamp n / rate, whether or not those before it
    could be read."""

    def __init__(self, uri: str, *, rate: float, width: int | None, alive: Callable[[], None]) -> None:
        self._uri = uri
        self._rate = rate
        self._width = width
        self._alive = alive
        self._paths: list[Path] = []
        self.start_ns = self.origin_ns = 0
        self.shot_ns = round(NS_PER_S / rate)

    def open(self) -> None:
        """List the images; the list then stands, whatever happens in the folder."""
        self._paths = list_images(self._uri)

    @property
    def shot_count(self) -> int | None:
        return len(self._paths)

    @property
    def segment_count(self) -> int:
        return max(1, len(self._paths))

    def shots(self, near: Place | None = None, begin_ns: int | None = None) -> Generator[Shot, None, None]:
        """Yield all images, or those from the one before a place on; none before `begin_ns`."""
        first = 0 if near is None else max(0, int(near.pts_ns * self._rate / NS_PER_S) - 1)
        for position in range(first, len(self._paths)):
            pts_ns = self._pts_ns(position)
            if begin_ns is not None and pts_ns < begin_ns:
                continue
            self._alive()
            yield Shot(
                pts_ns=pts_ns,
                duration_ns=self.shot_ns,
                uri=str(self._paths[position]),
                segment=position,
                read=partial(read_image, self._paths[position], self._width),
            )

    def marks(self) -> list[Mark]:
        """Each image can be decoded without the others."""
        return [Mark(self._pts_ns(position), True, position) for position in range(len(self._paths))]

    def _pts_ns(self, position: int) -> int:
        return round(position * NS_PER_S / self._rate)


def read_image(path: Path, width: int | None = None) -> Image | None:
    """Return an image as BGR uint8 H x W x 3, turned as its EXIF data say; None if it cannot be decoded.

    16 bits become 8, transparency is dropped; one wider than `width` is scaled down.
    """
    import cv2

    try:
        coded = np.fromfile(path, np.uint8)
        image_bgr = cv2.imdecode(coded, cv2.IMREAD_COLOR) if coded.size else None
    except (OSError, cv2.error):
        return None
    if image_bgr is None:
        return None
    height, full_width = image_bgr.shape[:2]
    if width is not None and width < full_width:
        size_wh = width, max(1, round(height * width / full_width))
        image_bgr = cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(image_bgr, np.uint8)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """A sort key by which runs of digits count as numbers."""
    parts = re.findall(r"\d+|\D+", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], str(path)
