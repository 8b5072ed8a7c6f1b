"""The place of a source's frame store file: made with the first frame, found again after a death."""

import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

from framegraph.errors import StageError
from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.store import FrameStore
from framegraph.stage import Resume
from framegraph.wire.config import ChildConfig, RunPaths


class FrameStorePlace:
    """The run folder's link to the frame store file of one source, and the folders that may hold the file."""

    def __init__(self, config: ChildConfig, paths: RunPaths) -> None:
        self._config = config
        self._link = Path(paths.pools) / config.stage
        # It begins with the run folder's name, so that the next launcher finds what a dead run left. The end
        # is random, so that nobody can put something else in its place.
        self._name = f"{Path(paths.folder).name}-{config.stage}-{secrets.token_hex(8)}"
        self._slots = config.common.frame_store
        pool = config.common.pool
        self._folders = [Path(pool)] if pool else [Path("/dev/shm"), Path(tempfile.gettempdir())]

    def find(self) -> FrameStore | None:
        """Return the frame store left by an earlier process of this source, or one with an earlier run's
        counters."""
        if self._link.exists():
            return self._store(FrameStoreFile(self._link, writable=True))
        return self.make(0) if self._config.start else None

    def make(self, frame_bytes: int) -> FrameStore:
        """Make the frame store file, with room for frames of this size; StageError when no folder has
        room."""
        folder = pool_folder(self._folders, self._slots * frame_bytes)
        path = folder / self._name
        try:
            store = self._store(FrameStoreFile.create(path, self._slots))
            if frame_bytes:
                # Allocated at once, so that a file system that fills up later cannot stop the run.
                for slot in range(self._slots):
                    store.reserve(slot, frame_bytes)
        except StageError:
            path.unlink(missing_ok=True)
            raise
        if self._config.start:
            _go_on(store, self._config.start)
        # The name in the run folder comes last: a file found by it is complete.
        os.symlink(path, self._link)
        return store

    def _store(self, file: FrameStoreFile) -> FrameStore:
        config = self._config
        return FrameStore(file, config.stage, tuple(config.stages), config.sources[config.stage])


def _go_on(store: FrameStore, start: dict[str, Any]) -> None:
    """Continue where an earlier run stopped."""
    captured = start["seq"] + 1
    if captured:
        last = Resume(
            captured=captured,
            epoch=start["epoch"],
            pts_ns=start["pts_ns"],
            running_ns=start["running_ns"],
        )
        store.begin_after(last, start["seq"], start["not_ok"])


def pool_folder(candidates: list[Path], needed_bytes: int) -> Path:
    """Return the first folder with room for the pool; StageError when none has.

    needed_bytes: 0 when the size of a frame is not known yet: then the folder with the most room.
    """
    found = []
    roomiest, most_bytes = candidates[0], -1
    for folder in candidates:
        try:
            stat = os.statvfs(folder)
        except OSError as error:
            raise StageError(f"no pixel pool in {folder}: {error.strerror}; make the folder") from None
        free_bytes = stat.f_bavail * stat.f_frsize
        if free_bytes >= needed_bytes > 0:
            return folder
        if free_bytes > most_bytes:
            roomiest, most_bytes = folder, free_bytes
        found.append(f"{folder} has {free_bytes / 1e6:.1f} MB")
    if not needed_bytes:
        return roomiest
    raise StageError(
        f"no room for the pixel pool: it needs {needed_bytes / 1e6:.1f} MB and {', '.join(found)}; "
        "lower the source's 'frame-store', make its frames smaller, or set its 'pool' to a roomy folder"
    )
