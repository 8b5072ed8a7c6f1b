"""One packet a frame: where it is in its stream, a handle to its pixels, and what stages found in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

OK = "ok"
"""Status of a frame that every stage analysed. Any other status gives the reason."""

MAX_SIDE_PX = 32_768
"""No payload of several dimensions has a longer side; larger claims on the wire are refused."""
MAX_DIMENSIONS = 4
"""Of a payload."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PixelHandle:
    """The place of a frame's pixels: a slot of a source's pool, valid while the generation is the same."""

    pool: str
    slot: int
    generation: int
    shape: tuple[int, ...]


@dataclasses.dataclass(kw_only=True)
class Packet:
    """One frame on its way through the graph.

    `seq` counts the captured frames of `source` from 0; `prev_seq` is the one sent before it (-1: none),
    so that a hole is known to be a drop; `floor_seq` is the oldest frame not yet committed by all sinks.
    `stream` is the source's number in the run: a source that is attached again under its name has another.
    `pts_ns` is the time stamp in the input, `running_ns` the same on a clock that never goes back, from
    segment to segment. `capture_time_ns` is when the source captured it here, `clock_ns` when it was taken
    (0: not known), both since 1970 in UTC. `size_wh` is the width and height of the stored payload;
    `pixel_aspect_ratio` is width to height of an item as displayed. `meta` holds what stages found:
    plain values, lists, dicts and numpy arrays.
    """

    source: str
    seq: int
    prev_seq: int = -1
    floor_seq: int = 0
    stream: int = 0
    epoch: int = 0
    attempt: int = 0
    alone: bool = False
    pts_ns: int = 0
    running_ns: int = 0
    duration_ns: int = 0
    capture_time_ns: int = 0
    clock_ns: int = 0
    uri: str = ""
    size_wh: tuple[int, int] = (0, 0)
    pixel_aspect_ratio: tuple[int, int] = (1, 1)
    status: str = OK
    flags: list[str] = dataclasses.field(default_factory=list)
    dropped: list[tuple[int, int, str]] = dataclasses.field(default_factory=list)
    highest_ids: dict[str, int] = dataclasses.field(default_factory=dict)
    """{ordered stage: its highest number at this frame}: a resumed run continues the numbering from it."""
    marks: tuple[str, ...] = ()
    """What stages say of this payload, e.g. that private parts are covered; a source's own has none."""
    meta: dict[str, Any] = dataclasses.field(default_factory=dict)
    handle: PixelHandle | None = None
    pixels: Image | None = None
    find_pixels: Callable[[PixelHandle], Image] | None = dataclasses.field(default=None, repr=False)

    @property
    def key(self) -> tuple[str, int]:
        return (self.source, self.seq)

    @property
    def payload(self) -> Image:
        """The frame: uint8 of 1 to 4 dimensions, read-only, from the source or from an earlier stage.

        Raises PixelsGoneError when the source has reused the slot; framegraph then sets the packet aside.
        """
        if self.pixels is not None:
            return self.pixels
        if self.handle is None or self.find_pixels is None:
            raise AttributeError(f"packet {self.key} has no pixels")
        return self.find_pixels(self.handle)

    @payload.setter
    def payload(self, payload: Image) -> None:
        """Give the packet a payload of its own, which travels with it from here on."""
        if payload.dtype != np.uint8 or not 1 <= payload.ndim <= MAX_DIMENSIONS or not payload.size:
            raise ValueError(f"a payload is uint8 of 1 to 4 dimensions, got {_described(payload)}")
        # A copy: the stage may refill its array while this packet still waits.
        self.pixels = np.array(payload, order="C")
        self.handle = None

    @property
    def image_bgr(self) -> Image:
        """The payload in a graph whose payloads are all uint8 HxWx3; a new one must be as well."""
        return self.payload

    @image_bgr.setter
    def image_bgr(self, image_bgr: Image) -> None:
        if image_bgr.dtype != np.uint8 or image_bgr.ndim != 3 or image_bgr.shape[2] != 3:
            raise ValueError(f"image_bgr must be uint8 HxWx3, got {_described(image_bgr)}")
        self.payload = image_bgr

    def mark(self, *words: str) -> None:
        """Say of the payload, as it is now, what sinks behind this stage may require (`required_marks`)."""
        self.marks = tuple(dict.fromkeys((*self.marks, *words)))

    def count(self, group: str, name: str, number: int = 1) -> None:
        """Add to the sums that the summary shows at the end, e.g. ("words", "error"), once for each frame
        that a sink commits. A stage that corrects what it counted in an earlier frame adds a negative number.
        A sink keeps about 200 different names; further ones are added up as "other".
        """
        counts = self.meta.setdefault("counts", {}).setdefault(group, {})
        counts[name] = counts.get(name, 0) + number

    def name_model(self, stage: str, digest: str) -> None:
        """Record which model file `stage` used for this frame, as "sha256:…"."""
        self.meta.setdefault("model", {})[stage] = digest


def size_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the width and height of a payload of this shape; one dimension is a row."""
    return (shape[1], shape[0]) if len(shape) > 1 else (shape[0], 1)


def _described(payload: Image) -> str:
    return f"{payload.dtype} {'x'.join(map(str, payload.shape))}"
