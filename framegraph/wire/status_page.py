"""The status page: a few words of mmap that survive a process, with its current work and last activity.

Times on it are CLOCK_MONOTONIC in ns, which all processes of a host share; readers get ages.
"""

import dataclasses
import mmap
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from framegraph.packet import Packet

PAGE_BYTES = 4096
HEARTBEAT_PERIOD_S = 0.5
MAX_WORKING = 128
(
    _INCARNATION,
    _HEARTBEAT,
    _LOOP,
    _WORK_STARTED,
    _DONE,
    _WORKING,
    _FINISHING,
    _ASKED,
    _ASKED_SEQ,
    _ALIVE_UNTIL,
    _READY,
    _LEFT,
) = range(12)
_FIRST_PAIR = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """A process's last status. Ages are in seconds at the time of reading, on the process's own host; None:
    never, or not now."""

    incarnation: int
    heartbeat_age_s: float | None = None
    loop_age_s: float | None = None
    work_age_s: float | None = None
    """How long it has been working on its current frames."""
    is_finishing: bool = False
    done: int = 0
    ready_after_s: float | None = None
    """Time from its start until it had loaded its stage and began to serve."""
    asked_age_s: float | None = None
    """Of a source: how long its stage has been silent since it was asked for a frame; below 0 while it may
    be."""
    asked_seq: int = -1
    """Of a file source: the frame it was last asked for; -1: something else, or a live source."""
    working: tuple[tuple[int, int], ...] = ()
    """(index of the source, seq) of each frame that was being worked on, or not sent on yet."""
    has_left: bool = False
    """Whether its loop finished: a process that ends otherwise has died, whatever its status."""


class StatusPage:
    """A page written by one process and read on the same host, also after its death."""

    def __init__(self, path: Path) -> None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Allocated now: on a full file system a first write through the map would be a SIGBUS.
            os.posix_fallocate(fd, 0, PAGE_BYTES)
            self._map = mmap.mmap(fd, PAGE_BYTES)
        finally:
            os.close(fd)
        self._words = memoryview(self._map).cast("q")

    def start(self, incarnation: int) -> None:
        """Take over the page for a new process; a separate thread keeps the heartbeat going."""
        for word in range(_FIRST_PAIR):
            self._words[word] = 0
        self._words[_INCARNATION] = incarnation
        self._words[_HEARTBEAT] = self._words[_LOOP] = time.monotonic_ns()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def _beat(self) -> None:
        pause = threading.Event()
        while not pause.wait(HEARTBEAT_PERIOD_S):
            self._words[_HEARTBEAT] = time.monotonic_ns()

    def ready(self, after_s: float) -> None:
        """Note that the loop begins, with the time since the process's start: stage loaded, sockets open."""
        self._words[_READY] = int(after_s * 1e9)

    def looped(self) -> None:
        """Note another round of the node's loop."""
        self._words[_LOOP] = time.monotonic_ns()

    def begin(self, packets: Sequence[Packet], source_index: dict[str, int]) -> None:
        """Note what is worked on from now on; the count is stored last."""
        for place, packet in enumerate(packets[:MAX_WORKING]):
            self._words[_FIRST_PAIR + 2 * place] = source_index[packet.source]
            self._words[_FIRST_PAIR + 2 * place + 1] = packet.seq
        self._words[_WORK_STARTED] = time.monotonic_ns()
        self._words[_WORKING] = min(len(packets), MAX_WORKING)

    def asked(self, seq: int) -> None:
        """Note that a source's stage is asked for a frame: of a file for frame `seq`, else -1. Written
        beforehand, because the process may die of it at once."""
        self._words[_ASKED_SEQ] = seq
        self._words[_ASKED] = time.monotonic_ns()

    def alive_until(self, until_s: float) -> None:
        """Note that a source's stage will be at work until then."""
        self._words[_ALIVE_UNTIL] = int(until_s * 1e9)

    def answered(self) -> None:
        """Note that the source's stage is asked for nothing."""
        self._words[_ASKED] = 0

    def finishing(self, is_finishing: bool) -> None:
        """Note that an output is being completed, which takes longer the larger it is."""
        self._words[_FINISHING] = is_finishing
        self.looped()

    def end(self, done: int) -> None:
        self._words[_WORKING] = 0
        self._words[_WORK_STARTED] = 0
        self._words[_DONE] += done
        self.looped()

    def progressed(self, done: int) -> None:
        """Count work that was not announced by `begin`."""
        self._words[_DONE] += done

    def left(self) -> None:
        """Note that the loop has ended as ordered."""
        self._words[_LEFT] = 1

    def close(self) -> None:
        self._words.release()
        self._map.close()

    def read(self) -> Status:
        words = self._words[:_FIRST_PAIR].tolist()
        now_ns = time.monotonic_ns()

        def age_s(at_ns: int) -> float | None:
            return (now_ns - at_ns) / 1e9 if at_ns else None

        return Status(
            incarnation=words[_INCARNATION],
            heartbeat_age_s=age_s(words[_HEARTBEAT]),
            loop_age_s=age_s(words[_LOOP]),
            work_age_s=age_s(words[_WORK_STARTED]),
            is_finishing=words[_FINISHING] != 0,
            done=words[_DONE],
            ready_after_s=words[_READY] / 1e9 if words[_READY] else None,
            asked_age_s=age_s(max(words[_ASKED], words[_ALIVE_UNTIL]) if words[_ASKED] else 0),
            asked_seq=words[_ASKED_SEQ],
            working=tuple(
                (self._words[_FIRST_PAIR + 2 * place], self._words[_FIRST_PAIR + 2 * place + 1])
                for place in range(words[_WORKING])
            ),
            has_left=words[_LEFT] != 0,
        )
