"""A source that fails of itself, for tests of what becomes of the others."""

import dataclasses
import os
import time
from collections.abc import Iterator

import numpy as np

from framegraph.errors import StageError
from framegraph.properties import prop
from framegraph.stage import Frame, Resume, Source

FRAME_NS = 40_000_000


class FailingSource(Source):
    """Frames whose first pixels hold their number, up to one at which it raises an error."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        frames: int = prop(50, "How many.")
        raise_on: int = prop(-1, "Raise when this frame is asked for.")
        raise_when: str = prop("", "Before that, wait until this file exists.")
        words: str = prop("the shutter is stuck", "What the error says.")
        open_fails: bool = prop(False, "Raise on opening.")

    def open(self) -> None:
        if self.options.open_fails:
            raise StageError(f"{self.options.words}; oil it")

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        for number in range(resume.captured if resume else 0, self.options.frames):
            if number == self.options.raise_on:
                self._wait()
                raise ValueError(self.options.words)
            image_bgr = np.full((64, 64, 3), number % 200, np.uint8)
            image_bgr[0, 0] = (number & 255, number >> 8 & 255, 0)
            time_ns = number * FRAME_NS
            yield Frame(payload=image_bgr, pts_ns=time_ns, running_ns=time_ns, duration_ns=FRAME_NS)

    def _wait(self) -> None:
        while self.options.raise_when and not os.path.exists(self.options.raise_when):
            self.alive(1.0)
            time.sleep(0.01)
