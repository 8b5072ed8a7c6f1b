"""The output file of a file sink: it grows by whole writes and can be cut back."""

import errno
import os
from pathlib import Path

from framegraph.errors import StageError
from framegraph.stage import Cut, FileSink, OptionsT

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""Errors that pass once there is room again: the sink waits, with a warning."""


NO_ROOM_STATE = "waiting for disk"
"""The sink's state meanwhile."""


class CutFile:
    """An output file, opened anew or cut back to a known length. Nothing waits in this process: a write
    is with the kernel when it returns, so it survives the process."""

    def __init__(self, location: Path, cut: Cut | None) -> None:
        location.parent.mkdir(parents=True, exist_ok=True)
        self._location = location
        is_new = cut is None or not location.exists()
        self._fd = os.open(location, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.size_bytes = 0 if cut is None else cut.size_bytes
        if (0 if is_new else os.fstat(self._fd).st_size) < self.size_bytes:
            os.close(self._fd)
            raise StageError(
                f"{location} is shorter than its progress file says: it was changed, or a power cut took "
                "what was not on disk yet; start the run anew (fsync: fragment prevents this)"
            )
        os.ftruncate(self._fd, self.size_bytes)
        os.lseek(self._fd, self.size_bytes, os.SEEK_SET)

    def is_in_place(self, location: Path | None = None) -> bool:
        """Whether its name (or its later one) still leads to it and nobody has truncated it."""
        try:
            found = os.stat(location or self._location)
        except OSError:
            return False
        own = os.fstat(self._fd)
        return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino) and own.st_size >= self.size_bytes

    @property
    def inode(self) -> int:
        return os.fstat(self._fd).st_ino

    def write(self, data: bytes) -> None:
        """Write all of `data`; OSError in the middle leaves a tail that the next cut removes."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        self.size_bytes += len(data)

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


class CutFileSink(FileSink[OptionsT]):
    """A file sink whose output is exactly what it passed to `write`, in order."""

    _file: CutFile | None = None

    def open_at(self, location: Path, cut: Cut | None) -> None:
        self.close()
        self._file = CutFile(location, cut)

    def write(self, data: bytes) -> None:
        """Append to the output; the next `position` includes it."""
        assert self._file is not None
        self._file.write(data)

    def is_in_place(self) -> bool:
        return self._file is None or self._file.is_in_place()

    def position(self) -> Cut:
        assert self._file is not None
        return Cut(size_bytes=self._file.size_bytes, notes={})

    def sync(self) -> None:
        assert self._file is not None
        self._file.sync()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
