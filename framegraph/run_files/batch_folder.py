"""The dated folder of a batch: what has become of each input, one small file each.

A file is read when its input's turn comes, so nothing grows with the number of inputs but the folder.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import re
import time
import unicodedata
from collections.abc import Collection
from pathlib import Path
from typing import Any

from framegraph.errors import GraphError
from framegraph.run_files.run_folder import locked
from framegraph.support.whole_files import write_whole

ABOUT, RECORD = "batch.json", "input.json"
BEGUN, DONE, FAILED = "begun", "done", "failed"
MAX_NAME_CHARS = 32
LOCK_LIMIT_S = 3.0
"""The runs of a batch that was killed hold its lock too, and end within this time."""
_DATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(-\d+)?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """What has become of one input.

    stamp: size and time of change in ns of its file; empty if it is no single file. is_final: it is not run
    again as long as it stays as it is. sums: frames by outcome, and what the stages have counted.
    """

    uri: str
    stamp: list[int]
    fingerprint: str
    outcome: str = BEGUN
    is_final: bool = False
    why: str = ""
    sums: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)


class BatchFolder:
    """The folder of one batch, locked as long as this launcher or one of its runs lives."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def find_or_make(cls, base: Path, digest: str, about: dict[str, Any]) -> BatchFolder:
        """Return the newest folder in `base` of a batch with this digest, or a new one; GraphError if another
        launcher is at work in it, or `base` cannot be written."""
        try:
            base.mkdir(parents=True, exist_ok=True)
            with locked(base):
                path = _newest(base, digest) or _make(base, {"digest": digest, **about})
                return cls(path, _take_lock(path))
        except OSError as error:
            raise GraphError(
                f"{error.filename or base} cannot be written: {error.strerror}; choose another location"
            ) from None

    def close(self) -> None:
        os.close(self._lock)

    def name_of(self, uri: str, taken: Collection[str]) -> str:
        """Return the name of an input in this batch: made from its file's, and kept for ever.

        `taken`: names that no input may have.
        """
        plain = plain_name(uri)
        number = hashlib.sha256(os.fsencode(uri)).hexdigest()
        for name in (plain, *(f"{plain[: MAX_NAME_CHARS - 1 - size]}-{number[:size]}" for size in (6, 12))):
            record = self.read(name)
            if name not in taken and (record is None or record.uri == uri):
                return name
        raise GraphError(f"{self.path}: no name is left for {uri}; move the folder away")

    def read(self, name: str) -> Record | None:
        """Return what is known of the input with this name, None if nothing is."""
        try:
            return Record(**json.loads((self.path / name / RECORD).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, name: str, record: Record) -> None:
        """Note what has become of an input; it is on the disk afterwards."""
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        write_whole(folder / RECORD, json.dumps(dataclasses.asdict(record)).encode(), durable=True)


def plain_name(uri: str) -> str:
    """Return a name for an input that may be the name of a stage: of its file, or of the nearest folder whose
    name has letters or digits that a name may have."""
    words = (_plain(Path(part).stem) for part in reversed(Path(uri).parts))
    word = next(filter(None, words), "")
    if not word[:1].isalpha():
        word = f"input-{word}".rstrip("-")
    return word[:MAX_NAME_CHARS].rstrip("-")


def _plain(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", ascii_only).strip("-")


def _newest(base: Path, digest: str) -> Path | None:
    for path in sorted((path for path in base.iterdir() if _DATED.fullmatch(path.name)), reverse=True):
        try:
            if json.loads((path / ABOUT).read_bytes())["digest"] == digest:
                return path
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _make(base: Path, about: dict[str, Any]) -> Path:
    stem = time.strftime("%Y-%m-%dT%H-%M-%S")
    path, number = base / stem, 1
    while path.exists():
        number += 1
        path = base / f"{stem}-{number}"
    path.mkdir()
    write_whole(path / ABOUT, json.dumps(about, indent=2).encode(), durable=True)
    return path


def _take_lock(path: Path) -> int:
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    until_s = time.monotonic() + LOCK_LIMIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < until_s:
                time.sleep(0.05)
                continue
            os.close(lock)
            raise GraphError(
                f"{path} is being written by another run of the same command; wait, or stop it"
            ) from None
        return lock
