"""The last answers of an ordered stage, on disk before they are sent: a repeated frame gets the same one.

Two files written in turn, of checked records, each a packed map; when the newer file holds as many
records as the frame store can ask for again, the older one is emptied and becomes the newer.
"""

import os
from pathlib import Path
from typing import Any

from framegraph.errors import WireError
from framegraph.support.checked_record import HEAD_BYTES, pack_record, unpack_record
from framegraph.wire import codec


class Journal:
    """Answers by seq; at least the last `keep` of them survive the process."""

    def __init__(self, path: str, keep: int) -> None:
        Path(path).parent.mkdir(exist_ok=True)
        self._keep = keep
        self._answers: dict[int, dict[str, Any]] = {}
        self._fds = [os.open(f"{path}.{letter}", os.O_RDWR | os.O_CREAT, 0o600) for letter in "ab"]
        found = [self._load(fd) for fd in self._fds]
        # The file with the newest answer is the one being written.
        self._current = 0 if max(found[0], default=-1) >= max(found[1], default=-1) else 1
        self._in_current = found[self._current]
        self._in_older = found[1 - self._current]

    def _load(self, fd: int) -> list[int]:
        data = os.pread(fd, os.fstat(fd).st_size, 0)
        seqs, at = [], 0
        while (record := unpack_record(data, at)) is not None:
            try:
                answer = codec.unpack(record)
                codec.field(answer, "seq", int, 0)
                codec.field(answer, "is_gap", bool)
                codec.field(answer, "highest_id", int, 0)
                codec.field(answer, "meta", dict)
            except WireError:
                break
            seqs.append(answer["seq"])
            self._answers[answer["seq"]] = answer
            at += HEAD_BYTES + len(record)
        # A half-written record left by a death is overwritten by the next one.
        os.ftruncate(fd, at)
        os.lseek(fd, at, os.SEEK_SET)
        return seqs

    @property
    def last(self) -> dict[str, Any] | None:
        """The newest answer, or None."""
        return self._answers[max(self._answers)] if self._answers else None

    @property
    def metas(self) -> list[dict[str, Any]]:
        """The recorded answers, oldest first, without GAPs."""
        known = (self._answers[seq] for seq in sorted(self._answers))
        return [answer["meta"] for answer in known if not answer["is_gap"]]

    def find(self, seq: int) -> dict[str, Any] | None:
        return self._answers.get(seq)

    def append(self, answer: dict[str, Any]) -> None:
        """Record an answer; it has a "seq"."""
        if len(self._in_current) >= self._keep:
            for seq in self._in_older:
                del self._answers[seq]
            self._current = 1 - self._current
            self._in_older, self._in_current = self._in_current, []
            os.ftruncate(self._fds[self._current], 0)
            os.lseek(self._fds[self._current], 0, os.SEEK_SET)
        self._write(pack_record(codec.pack(answer)))
        self._answers[answer["seq"]] = answer
        self._in_current.append(answer["seq"])

    def _write(self, data: bytes) -> None:
        """Write all or, with an OSError, nothing: no record after half a one would be found."""
        fd = self._fds[self._current]
        at = os.lseek(fd, 0, os.SEEK_CUR)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
        except OSError:
            os.ftruncate(fd, at)
            os.lseek(fd, at, os.SEEK_SET)
            raise

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)
