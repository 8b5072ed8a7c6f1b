"""A process's notes of which frame was where and when: 20 bytes and a name per event, in its own files.

Every run notes each SAMPLED_EVERY-th frame, and frames that are tried again; a run with --trace each one. A
replica keeps its newest PARTS files. Times are time.time_ns(), which all processes of a host share. A process
that is killed loses the events since its last statistics, half a second at most.
"""

import struct
import time
from collections import deque
from pathlib import Path

from framegraph.packet import Packet

CAPTURED, RECEIVED, BEGUN, DONE, LEFT = range(5)
"""A frame was captured; arrived here; is worked on; was answered or written; was sent to the next stage."""

EVENT = struct.Struct("<HHqq")
"""Event, length of the "SOURCE/SENDER" that follows (SENDER only for an arrival), seq, time in ns."""

SAMPLED_EVERY = 25
"""One frame a second of a live source: enough for a p95 after a minute, and almost no work."""
MAX_EVENT_BYTES = EVENT.size + 68
"""Includes the names of two stages, at most 32 characters each."""
PARTS = 16
"""Number of files of a replica, over all its incarnations: a new one replaces the oldest."""
SAMPLED_BYTES = 256 * 1024
"""Limit per replica in a sampled run: about the newest 1,600 frames of a worker, in 16 files."""
TRACED_BYTES = 64 * 2**20
"""Limit per replica in a run with --trace: about its newest two million events."""
MAX_WATCHED = 64
"""Limit of frames noted because they are tried again: a window or two."""
SETTINGS = "settings"
"""The file that sets which frames are noted: "EVERY BYTES"."""


class Recorder:
    """Notes each n-th frame and those added by `watch`; nothing when notes are off."""

    def __init__(self, folder: Path, process: str) -> None:
        """`process`: "STAGE.REPLICA#INCARNATION"."""
        self._folder = folder
        self._process = process
        self._every, max_bytes = read_settings(folder)
        self._part_bytes = max_bytes // PARTS
        # Between two flushes at most one part's worth, the newest.
        self._events: deque[bytes] = deque(maxlen=self._part_bytes // MAX_EVENT_BYTES)
        self._watched: dict[tuple[str, int], None] = {}
        self._parts = deque(_parts(folder, process.partition("#")[0]))
        self._path = folder / f"{process}.0"
        self._next_part = 0
        self._written_bytes = self._part_bytes

    def watch(self, source: str, seq: int) -> None:
        """Note this frame from now on, whatever its number."""
        self._watched.pop((source, seq), None)
        self._watched[source, seq] = None
        if len(self._watched) > MAX_WATCHED:
            del self._watched[next(iter(self._watched))]

    def received(self, endpoint: str, packet: Packet) -> None:
        """Note that a frame came in, and from which process: its outlet is called STAGE.REPLICA.out."""
        if packet.attempt:
            self.watch(packet.source, packet.seq)
        self.note(RECEIVED, packet.source, packet.seq, endpoint=endpoint)

    def note(self, event: int, source: str, seq: int, at_ns: int = 0, endpoint: str = "") -> None:
        every = self._every
        if every and (seq % every == 0 or (self._watched and (source, seq) in self._watched)):
            name = f"{source}/{endpoint.rpartition('/')[2].removesuffix('.out')}".encode()
            self._events.append(EVENT.pack(event, len(name), seq, at_ns or time.time_ns()) + name)

    def note_all(self, event: int, packets: list[Packet]) -> None:
        for packet in packets:
            self.note(event, packet.source, packet.seq)

    def flush(self) -> None:
        """Write the notes to a file, so that they survive this process. OSError: these notes are lost."""
        if not self._events:
            return
        data = b"".join(self._events)
        self._events.clear()
        if self._written_bytes + len(data) > self._part_bytes:
            self._begin_part()
        with self._path.open("ab") as file:
            # Half a flush on a full disk would make everything after it unreadable.
            file.truncate(self._written_bytes)
            file.write(data)
        self._written_bytes += len(data)

    def _begin_part(self) -> None:
        self._path = self._folder / f"{self._process}.{self._next_part}"
        self._next_part += 1
        self._written_bytes = 0
        self._parts.append(self._path)
        while len(self._parts) > PARTS:
            self._parts.popleft().unlink(missing_ok=True)


def _parts(folder: Path, replica: str) -> list[Path]:
    """Return the files of earlier incarnations of a replica, oldest first."""
    numbered = []
    for path in folder.glob(f"{replica}#*"):
        incarnation, _dot, part = path.name.rpartition("#")[2].partition(".")
        numbered.append((int(incarnation), int(part), path))
    return [path for _incarnation, _part, path in sorted(numbered)]


def switch_on(folder: Path, every: int, max_bytes: int) -> None:
    """Make the processes of a run, none of which has started yet, note each `every`-th frame; each replica
    keeps its newest `max_bytes`."""
    folder.mkdir(mode=0o700)
    (folder / SETTINGS).write_text(f"{every} {max_bytes}")


def read_settings(folder: Path) -> tuple[int, int]:
    """Return n, as each n-th frame of a run is noted (0: none), and the bytes that a replica keeps."""
    try:
        every, max_bytes = (folder / SETTINGS).read_text().split()
    except FileNotFoundError:
        return 0, 0
    return int(every), int(max_bytes)


def forget(folder: Path, stage: str) -> None:
    """Remove the notes of a stage that has left the run; a run with --trace keeps all."""
    _every, max_bytes = read_settings(folder)
    for path in folder.glob(f"{stage}.*#*") if max_bytes == SAMPLED_BYTES else ():
        path.unlink(missing_ok=True)
