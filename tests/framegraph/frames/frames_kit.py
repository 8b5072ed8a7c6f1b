"""Frames, and the store of a source and of its successor, for the tests of the frame store."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from framegraph.frames import layout
from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.store import FrameStore
from framegraph.stage import Frame, Resume

STAGES = ("detect", "classify", "film")
SLOTS = 6


def frame(number: int = 0, *, width: int = 8, height: int = 4, **fields: Any) -> Frame:
    image_bgr = np.full((height, width, 3), number % 256, np.uint8)
    return Frame(payload=image_bgr, **{"pts_ns": number * 40, "running_ns": number * 40, **fields})


@contextlib.contextmanager
def adopted(path: Path) -> Iterator[FrameStore]:
    """The store of a successor, until it ends."""
    file = FrameStoreFile(path, writable=True)
    try:
        yield FrameStore(file, "camera", STAGES)
    finally:
        file.close()


def describe(store: FrameStore) -> dict[str, Any]:
    """All that a successor has to know: frames with their packets, the ledger, drops not yet told."""
    return {
        "waiting": store.waiting(),
        "out": store.out(),
        "packets": [(store.packet(seq, 0), store.pixels(seq).tobytes()) for seq in store.out()],
        "ledger": store.ledger(),
        "told": store.told(),
        "deaths": [store._file.word(store._slot_of[seq], layout.S_DEATHS) for seq in store.out()],
        "resume": store.resume,
        "last_sent_seq": store.last_sent_seq,
    }


def left_out(captured: int) -> Resume:
    return Resume(captured=captured, epoch=0, pts_ns=300, running_ns=310, begin_ns=340)
