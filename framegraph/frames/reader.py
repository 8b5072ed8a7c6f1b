"""Pixels of frames in a frame store, read in place by the other processes of the same host."""

import math
from pathlib import Path

import numpy as np

from framegraph.errors import PixelsGoneError
from framegraph.frames import layout
from framegraph.frames.layout import FrameStoreFile
from framegraph.packet import Image, PixelHandle


class PoolReader:
    """Maps the frame store files of a run read-only, each on first use.

    A handle names a source, never a path, so bytes from a socket cannot make us open another file.
    """

    def __init__(self, pools: str) -> None:
        self._pools = Path(pools)
        self._files: dict[str, FrameStoreFile] = {}

    def find(self, handle: PixelHandle) -> Image:
        """Return a read-only view of the frame that `handle` refers to; PixelsGoneError when it is gone."""
        file = self._files.get(handle.pool)
        if file is None:
            file = self._open(handle.pool)
        if not 0 <= handle.slot < file.slots:
            raise PixelsGoneError(f"{handle.pool} has no slot {handle.slot}")
        if file.word(handle.slot, layout.S_GENERATION) != handle.generation:
            raise PixelsGoneError(f"slot {handle.slot} of {handle.pool} holds another frame")
        count = math.prod(handle.shape)
        view = np.frombuffer(file.mapped, np.uint8, count, file.pixel_offset(handle.slot))
        return view.reshape(handle.shape)

    def is_valid(self, handle: PixelHandle) -> bool:
        """Return whether the slot still holds that frame: for a reader that does not delay its release."""
        file = self._files[handle.pool]
        return file.word(handle.slot, layout.S_GENERATION) == handle.generation

    def _open(self, pool: str) -> FrameStoreFile:
        if not pool.isprintable() or "/" in pool or pool in ("", ".", ".."):
            raise PixelsGoneError(f"no pool is called {pool!r}")
        try:
            self._files[pool] = FrameStoreFile(self._pools / pool, writable=False)
        except FileNotFoundError:
            raise PixelsGoneError(f"no pool is called {pool!r}") from None
        return self._files[pool]

    def forget(self, pool: str) -> None:
        """Release the pixels of a source that has left the run."""
        file = self._files.pop(pool, None)
        if file is not None:
            file.close()

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()
