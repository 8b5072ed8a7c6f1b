"""A few words of mmap per process that survive it: what it was working on, and when it last moved.

Times on it are CLOCK_MONOTONIC in ns, which all processes of a host share; who reads it gets ages.
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
    """What a process last said about itself. Ages are in seconds, as they were when it was read on the
    process's own host; None: never, or not now."""

    incarnation: int
    heartbeat_age_s: float | None = None
    loop_age_s: float | None = None
    work_age_s: float | None = None
    """How long it has been at work on what it works on now."""
    is_finishing: bool = False
    done: int = 0
    ready_after_s: float | None = None
    """How long it took from its start until it had loaded its stage and began to serve."""
    asked_age_s: float | None = None
    """Of a source: for how long its stage has been asked for a frame and silent; below 0 while it may be."""
    asked_seq: int = -1
    """Of a file source: which frame it was asked for last; -1: another question, or a live source."""
    working: tuple[tuple[int, int], ...] = ()
    """(index of the source, seq) of each frame that was being worked on, or not sent on yet."""
    has_left: bool = False
    """Whether its loop came to its end: a process that ends otherwise has died, whatever its status."""


class StatusPage:
    """Written by one process, read on the same host, also after its death."""

    def __init__(self, path: Path) -> None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Its room is taken now: on a full file system a first write through the map would be a SIGBUS.
            os.posix_fallocate(fd, 0, PAGE_BYTES)
            self._map = mmap.mmap(fd, PAGE_BYTES)
        finally:
            os.close(fd)
        self._words = memoryview(self._map).cast("q")

    def start(self, incarnation: int) -> None:
        """Take the page over for a new process; a thread of its own keeps the heartbeat going."""
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
        """The stage is loaded, its sockets are open: the loop begins, so long after the process's start."""
        self._words[_READY] = int(after_s * 1e9)

    def looped(self) -> None:
        """The node's loop has come round."""
        self._words[_LOOP] = time.monotonic_ns()

    def begin(self, packets: Sequence[Packet], source_index: dict[str, int]) -> None:
        """Write down what is worked on from now on; the count is stored last."""
        for place, packet in enumerate(packets[:MAX_WORKING]):
            self._words[_FIRST_PAIR + 2 * place] = source_index[packet.source]
            self._words[_FIRST_PAIR + 2 * place + 1] = packet.seq
        self._words[_WORK_STARTED] = time.monotonic_ns()
        self._words[_WORKING] = min(len(packets), MAX_WORKING)

    def asked(self, seq: int) -> None:
        """A source's stage is asked from now on: of a file for frame `seq`, else -1. Written before it is
        asked, for the process may die of it at once."""
        self._words[_ASKED_SEQ] = seq
        self._words[_ASKED] = time.monotonic_ns()

    def alive_until(self, until_s: float) -> None:
        """A source's stage has said that it is at work until then."""
        self._words[_ALIVE_UNTIL] = int(until_s * 1e9)

    def answered(self) -> None:
        """The source's stage is asked for nothing."""
        self._words[_ASKED] = 0

    def finishing(self, is_finishing: bool) -> None:
        """Completing an output, which may take as long as the output is large."""
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
        """The loop has ended as it was told to."""
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
