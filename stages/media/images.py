"""A folder, a glob or one file of still images as a reel."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import numpy as np

from fashion_pipeline.stages.media.orientation import orientation_of, turned
from fashion_pipeline.stages.media.timing import NS_PER_S, Image, Mark, ReelPlace, Shot
from fashion_pipeline.stages.media.uri import IMAGE_SUFFIXES, STILL_IN_FOLDER, is_glob, local_path

NAMED = 10
UNREAD_SUFFIXES = frozenset(
    {".heic", ".heif", ".hif", ".psd", ".svg", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"}
)
"""Picture formats, by extension, that cannot be decoded here."""


def list_images(uri: str) -> list[Path]:
    """Return the images that `uri` names: a folder's own, those that a glob matches, or one file.

    In natural order: "frame9.png" before "frame10.png". Files without an image extension and hidden ones,
    such as a Mac's "._frame9.png", are left out. A folder reached again through a link is not read twice.
    """
    return [file for file in named_files(uri) if file.suffix.lower() in IMAGE_SUFFIXES | STILL_IN_FOLDER]


def unread_images(uri: str) -> list[Path]:
    """Return the pictures named by `uri` whose format is not read here."""
    return [file for file in named_files(uri) if file.suffix.lower() in UNREAD_SUFFIXES]


def named_files(uri: str) -> list[Path]:
    """Return the files of a folder, those that a glob matches, or one file; see `list_images`."""
    path = local_path(uri)
    if is_glob(uri):
        found = _matched(path.parts)
    elif path.is_dir():
        found = list(path.iterdir())
    else:
        return [path] if path.is_file() else []
    once = {
        (os.path.realpath(file.parent), file.name): file
        for file in sorted(found, key=lambda file: (-len(file.parts), str(file)))
        if not file.name.startswith(".") and file.is_file()
    }
    return sorted(once.values(), key=_natural)


def _matched(parts: tuple[str, ...]) -> list[Path]:
    """Return the matches of a glob; each folder below a `**` once, even if links lead to it repeatedly."""
    if "**" not in parts:
        return [Path(name) for name in glob.glob(str(Path(*parts)))]
    at = parts.index("**")
    rest = parts[at + 1 :] or ("*",)
    tops = glob.glob(str(Path(*parts[:at]))) if at else ["."]
    folders = [folder for top in tops for folder in _folders(Path(top))]
    return [file for folder in folders for file in _matched((*Path(glob.escape(str(folder))).parts, *rest))]


def _folders(top: Path) -> list[Path]:
    """Return a folder and the non-hidden ones below it, nearest first."""
    folders, seen = [top], {os.path.realpath(top)}
    for folder in folders:
        try:
            below = sorted(each.path for each in os.scandir(folder) if each.is_dir() and each.name[0] != ".")
        except OSError:
            # As a glob does with what may not be read, or is no folder.
            continue
        new = {os.path.realpath(path): Path(path) for path in reversed(below)}
        folders += [path for real, path in reversed(new.items()) if real not in seen]
        seen |= new.keys()
    return folders


class ImageReel:
    """Still images, `rate` a second: the n-th has the time stamp n / rate, whether or not those before it
    could be read."""

    def __init__(
        self,
        uri: str,
        *,
        rate: float,
        width: int | None,
        alive: Callable[[], None],
        say: Callable[[str], None] = lambda _words: None,
        on_unread: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._uri = uri
        self._rate = rate
        self._width = width
        self._alive = alive
        self._say = say
        self._on_unread = on_unread
        self._paths: list[Path] = []
        self.start_ns = self.origin_ns = 0
        self.shot_ns = round(NS_PER_S / rate)

    def open(self) -> None:
        """List the images; the list then stays fixed, whatever happens in the folder."""
        self._paths = list_images(self._uri)
        unread = unread_images(self._uri)
        if unread:
            names = ", ".join(path.name for path in unread[:NAMED])
            more = ", …" if len(unread) > NAMED else ""
            self._say(f"{len(unread)} pictures have a format that is not read: {names}{more}; convert them")
            self._on_unread(len(unread))

    @property
    def shot_count(self) -> int | None:
        return len(self._paths)

    @property
    def segment_count(self) -> int:
        return max(1, len(self._paths))

    def shots(
        self, near: ReelPlace | None = None, begin_ns: int | None = None
    ) -> Generator[Shot, None, None]:
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
        """Return every image, since each can be decoded without the others."""
        return [Mark(self._pts_ns(position), True, position) for position in range(len(self._paths))]

    def _pts_ns(self, position: int) -> int:
        return round(position * NS_PER_S / self._rate)


def read_image(path: Path, width: int | None = None) -> Image | None:
    """Return an image as BGR uint8 H x W x 3, turned as its metadata say; None if it cannot be decoded.

    16 bits become 8, transparency is dropped; one wider than `width` is scaled down.
    """
    import cv2

    try:
        coded = np.fromfile(path, np.uint8)
        is_turned_by_cv2 = path.suffix.lower() in (".tif", ".tiff")
        how = cv2.IMREAD_COLOR | (0 if is_turned_by_cv2 else cv2.IMREAD_IGNORE_ORIENTATION)
        decoded = cv2.imdecode(coded, how) if coded.size else None
    except (OSError, cv2.error):
        return None
    if decoded is None:
        return None
    image_bgr = np.asarray(decoded, np.uint8)
    if not is_turned_by_cv2:
        image_bgr = turned(image_bgr, orientation_of(coded.tobytes()))
    height, full_width = image_bgr.shape[:2]
    if width is not None and width < full_width:
        size_wh = width, max(1, round(height * width / full_width))
        return np.asarray(cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    return image_bgr


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Return a sort key that treats runs of digits as numbers."""
    parts = re.findall(r"\d+|\D+", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], str(path)
