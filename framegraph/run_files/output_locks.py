"""One run per output: a lock on each location's progress file, held by the launcher."""

import fcntl
import os
from pathlib import Path

from framegraph.errors import GraphError
from framegraph.support.progress import progress_path


class OutputLocks:
    """Locks on all locations of a run, or on none."""

    def __init__(self, locations: list[Path]) -> None:
        self._held: dict[Path, int] = {}
        try:
            for location in locations:
                self._lock(location)
        except GraphError:
            self.release(remove=False)
            raise

    def add(self, locations: list[Path]) -> None:
        """Lock the outputs of a source that is attached, all or none; earlier progress there is void."""
        try:
            for location in locations:
                self._lock(location)
                os.ftruncate(self._held[location], 0)
        except GraphError:
            for location in locations:
                if location in self._held:
                    os.close(self._held.pop(location))
            raise

    def drop(self, locations: list[Path]) -> None:
        """Unlock the outputs of a source that has left the run."""
        for location in locations:
            fd = self._held.pop(location, None)
            if fd is not None:
                progress_path(location).unlink(missing_ok=True)
                os.close(fd)

    def _lock(self, location: Path) -> None:
        try:
            location.parent.mkdir(parents=True, exist_ok=True)
            self._lock_progress(location, progress_path(location))
        except OSError as error:
            raise GraphError(
                f"{location} cannot be written: {error.filename}: {error.strerror}; choose another location"
            ) from None

    def _lock_progress(self, location: Path, path: Path) -> None:
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                raise GraphError(
                    f"{location} is being written by another run; wait, stop it, or choose another location"
                ) from None
            # Between open and lock the file may have been removed by a run that ended: lock the new one.
            try:
                is_current = os.fstat(fd).st_ino == path.stat().st_ino
            except FileNotFoundError:
                is_current = False
            if is_current:
                self._held[location] = fd
                return
            os.close(fd)

    def release(self, *, remove: bool) -> None:
        """Unlock the locations; `remove` for a run that has finished its outputs."""
        for location, fd in self._held.items():
            if remove:
                progress_path(location).unlink(missing_ok=True)
            os.close(fd)
        self._held.clear()
