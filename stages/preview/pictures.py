"""The newest picture of each source as a JPEG, drawn only when somebody looks at it."""

from __future__ import annotations

import dataclasses
import threading
import time

import cv2
import numpy as np

from fashion_pipeline.fashion.findings import Person
from fashion_pipeline.stages.drawing.draw import draw_people, letterbox
from fashion_pipeline.stages.drawing.fitting import fitted_people
from framegraph.packet import Image

EMPTY_WH = (640, 360)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclasses.dataclass(frozen=True)
class Shown:
    """A picture to look at. `number` changes whenever the picture does."""

    number: int
    jpeg: bytes
    is_live: bool


class _Newest:
    """The latest of one source. The lock is held while it is drawn: a second viewer gets the same picture."""

    def __init__(self, since: float, since_s: float) -> None:
        self.lock = threading.Lock()
        self.number = 0
        self.since = since
        self.since_s = since_s
        self.image_bgr: Image | None = None
        self.people: list[Person] = []
        self.drawn: tuple[int, bool] | None = None
        self.jpeg = b""


class Pictures:
    """Pictures put in by the stage's thread and taken out by those of the viewers."""

    def __init__(
        self, sources: tuple[str, ...], *, max_width: int, quality: int, offline_after_s: float
    ) -> None:
        self._max_width = max_width
        self._quality = quality
        self._offline_after_s = offline_after_s
        self._news = threading.Condition()
        self._by_source: dict[str, _Newest] = {}
        for source in sources:
            self._add(source)

    def _add(self, source: str) -> _Newest:
        return self._by_source.setdefault(source, _Newest(time.time(), time.monotonic()))

    @property
    def sources(self) -> list[str]:
        return sorted(self._by_source)

    def take_sources(self, sources: tuple[str, ...]) -> None:
        """Show only these sources from now on."""
        kept = {source: self._by_source[source] for source in sources if source in self._by_source}
        self._by_source = kept
        for source in sources:
            self._add(source)

    def put(self, source: str, image_bgr: Image, people: list[Person]) -> None:
        """Take a picture that nobody else will change, with its people."""
        newest = self._add(source)
        with newest.lock:
            newest.image_bgr, newest.people = image_bgr, people
            newest.since, newest.since_s = time.time(), time.monotonic()
            newest.number += 1
        with self._news:
            self._news.notify_all()

    def get(self, source: str) -> Shown | None:
        """Return what to show of a source now, or None if there is no such source."""
        newest = self._by_source.get(source)
        if newest is None:
            return None
        with newest.lock:
            age_s = time.monotonic() - newest.since_s
            is_live = newest.image_bgr is not None and age_s <= self._offline_after_s
            if newest.drawn != (newest.number, is_live):
                newest.jpeg = self._draw(newest, is_live)
                newest.drawn = (newest.number, is_live)
            return Shown(2 * newest.number + (not is_live), newest.jpeg, is_live)

    def wait(self, timeout_s: float) -> None:
        """Wait until any source has something new, or for `timeout_s`."""
        with self._news:
            self._news.wait(timeout_s)

    def _draw(self, newest: _Newest, is_live: bool) -> bytes:
        if newest.image_bgr is None:
            drawn = np.zeros((EMPTY_WH[1], EMPTY_WH[0], 3), np.uint8)
        else:
            height, width = newest.image_bgr.shape[:2]
            scale = min(1.0, self._max_width / width)
            size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
            drawn = letterbox(newest.image_bgr, size_wh)
            draw_people(drawn, fitted_people(newest.people, (width, height), size_wh))
        if not is_live:
            drawn = _offline(drawn, newest.since, is_first=newest.image_bgr is None)
        _is_coded, coded = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        return coded.tobytes()


def _offline(image_bgr: Image, since: float, *, is_first: bool) -> Image:
    """Return the picture darkened and with text across it, so that nobody takes it for a live one."""
    dark = np.ascontiguousarray(image_bgr // 4)
    height, width = dark.shape[:2]
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
    lines = ["no picture yet" if is_first else "OFFLINE", f"since {stamp}"]
    for place, words in enumerate(lines):
        (wide, high), _base = cv2.getTextSize(words, _FONT, 1.0, 2)
        scale = min(1.5, 0.8 * width / wide)
        at = (round((width - wide * scale) / 2), round(height / 2 + (place * 1.8 - 0.4) * high * scale))
        cv2.putText(dark, words, at, _FONT, scale, (255, 255, 255), max(1, round(2 * scale)), cv2.LINE_AA)
    return dark
