"""What each process writes down: who had which frame when. 20 bytes an event, in a file of its own.

Times are time.time_ns(), which all processes of a host share. A process that is killed loses the events since
its last statistics, half a second at most.
"""

import struct
import time
from pathlib import Path

from runtime.packet import Packet

CAPTURED, RECEIVED, BEGUN, DONE, LEFT = range(5)
"""A frame was captured; came in here; is worked on; was answered or written; went on to the next stage."""

EVENT = struct.Struct("<HHqq")
"""Event, length of "SOURCE/SENDER" that follows (SENDER only where a frame came in), seq, time in ns."""
MAX_BYTES = 64 * 2**20
"""Of one process's file, about two million events: a trace does not fill the run folder."""
EVERY = "every"
"""The file that says that frames are traced, and each which one."""


class Recorder:
    """Takes notes of each n-th frame; of none when the run is not traced."""

    def __init__(self, folder: Path, process: str) -> None:
        self._path = folder / process
        every = folder / EVERY
        self._every = int(every.read_text()) if every.exists() else 0
        self._events: list[bytes] = []
        self._written_bytes = 0

    def received(self, endpoint: str, packet: Packet) -> None:
        """Note that a frame came in, and from which process: its outlet is called STAGE.REPLICA.out."""
        if self._every:
            sender = endpoint.rpartition("/")[2].removesuffix(".out")
            self.note(RECEIVED, packet.source, packet.seq, sender=sender)

    def note(self, event: int, source: str, seq: int, at_ns: int = 0, sender: str = "") -> None:
        if self._every and seq % self._every == 0:
            name = f"{source}/{sender}".encode()
            self._events.append(EVENT.pack(event, len(name), seq, at_ns or time.time_ns()) + name)

    def note_all(self, event: int, packets: list[Packet]) -> None:
        if self._every:
            for packet in packets:
                self.note(event, packet.source, packet.seq)

    def flush(self) -> None:
        """Write down what was noted, so that it survives this process."""
        if not self._events:
            return
        data = b"".join(self._events)
        self._events.clear()
        if self._written_bytes + len(data) <= MAX_BYTES:
            with self._path.open("ab") as file:
                file.write(data)
            self._written_bytes += len(data)


def switch_on(folder: Path, every: int) -> None:
    """Have the processes of a run, none of which is started yet, trace each `every`-th frame."""
    folder.mkdir(mode=0o700)
    (folder / EVERY).write_text(str(every))
