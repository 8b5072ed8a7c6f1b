"""The progress of a sink, kept next to its output: two records written in turn; the newer valid one counts.

A record is written after the output and before the commit, so what it names is in the file. Two fixed
places instead of a growing log: the size stays the same however long the stream, and a record that a
power cut tore is known by its checksum while the other one still stands.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from framegraph.errors import StageError
from framegraph.support.checked_record import HEAD_BYTES, pack_record, unpack_record

RECORD_BYTES = 8192


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """A sink's progress for one source. `notes` are the sink's own, `tally` its counts."""

    run: str
    digest: str
    source: str
    number: int = 0
    last: dict[str, int]
    """seq, epoch, pts_ns and running_ns of the last committed frame; seq -1: none."""
    size_bytes: int = 0
    is_finished: bool = False
    end_cause: str = ""
    """Why the stream ended, once the output is finished."""
    remarks: list[str] = dataclasses.field(default_factory=list)
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    tally: dict[str, Any] = dataclasses.field(default_factory=dict)
    highest_ids: dict[str, int] = dataclasses.field(default_factory=dict)
    """{ordered stage: the highest number in the output}."""


def progress_path(location: Path) -> Path:
    return location.with_name(location.name + ".progress")


class ProgressFile:
    """The progress file of one output."""

    def __init__(self, location: Path) -> None:
        self.path = progress_path(location)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        # So that a full disk can stop the output, but never its progress record.
        os.posix_fallocate(self._fd, 0, 2 * RECORD_BYTES)
        self._number = 0

    def read(self) -> Progress | None:
        """Return the newest valid record, or None when there is none."""
        places = [self._read_place(place) for place in (0, 1)]
        records = [record for data in places if (record := self._decode(data)) is not None]
        newest = max(records, key=lambda record: record.number, default=None)
        self._number = newest.number if newest else 0
        return newest

    def _read_place(self, place: int) -> bytes:
        return os.pread(self._fd, RECORD_BYTES, place * RECORD_BYTES)

    @staticmethod
    def _decode(data: bytes) -> Progress | None:
        text = unpack_record(data)
        if text is None:
            return None
        try:
            return Progress(**json.loads(text.rstrip(b"\0")))
        except (TypeError, ValueError):  # of another version
            return None

    def write(self, **fields: Any) -> None:
        """Write the next record over the older one."""
        self._number += 1
        record = Progress(number=self._number, **fields)
        text = json.dumps(vars(record), separators=(",", ":")).encode()
        if len(text) > RECORD_BYTES - HEAD_BYTES:
            raise StageError(f"{self.path}: a progress record of {len(text)} bytes; {RECORD_BYTES} fit")
        data = pack_record(text.ljust(RECORD_BYTES - HEAD_BYTES, b"\0"))
        os.pwrite(self._fd, data, (self._number % 2) * RECORD_BYTES)

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def clear(self) -> None:
        """Forget earlier runs."""
        os.pwrite(self._fd, bytes(2 * RECORD_BYTES), 0)
        self._number = 0

    def close(self) -> None:
        os.close(self._fd)
