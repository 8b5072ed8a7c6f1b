"""One input of a batch: its run, in a process forked from the launcher, which has everything loaded."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import sys
import traceback
from pathlib import Path

from framegraph.errors import GraphError
from framegraph.graph.model import Graph
from framegraph.launch.batch_graph import check_input, check_rest
from framegraph.launch.resume import find_earlier, full_digest
from framegraph.launch.session import run_graph
from framegraph.nodes.process import end_with
from framegraph.view.console import PlainLines
from framegraph.view.snapshot import RunSnapshot

INPUT_REFUSED = 65
"""Exit status of a run whose input cannot be played."""
BROKE = 70
LOG = "run.log"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GAUGE = struct.Struct("=qd")


class Gauge:
    """How far a run is, in memory shared with the launcher: frames captured, and the fraction done."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _GAUGE.size)

    def set(self, frames: int, fraction: float) -> None:
        self._memory[:] = _GAUGE.pack(frames, fraction)

    @property
    def frames(self) -> int:
        return int(_GAUGE.unpack(self._memory)[0])

    @property
    def fraction(self) -> float:
        return float(_GAUGE.unpack(self._memory)[1])

    def close(self) -> None:
        self._memory.close()


class _Reporting(PlainLines):
    """Lines for the run's log, and its progress for the launcher."""

    def __init__(self, gauge: Gauge) -> None:
        super().__init__(quiet=False)
        self._gauge = gauge

    def refresh(self, look: RunSnapshot) -> None:
        super().refresh(look)
        for row in look.sources:
            self._gauge.set(row.ledger.captured, row.progress or 0.0)


def start_run(graph: Graph, log: Path, gauge: Gauge, *, verbose: bool, every: int) -> int:
    """Fork a process that runs a graph, or goes on with a run that was cut off, and writes to `log`; return
    its number. It ends with this process. OSError if there is no room for it."""
    launcher = os.getpid()
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    sys.stdout.flush()
    # A signal that comes before the new process has its own handlers must not be taken for the launcher's.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            status = BROKE
            try:
                end_with(launcher)
                _stand_alone(fd)
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                status = _run(graph, gauge, verbose=verbose, every=every)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(fd)
    return pid


def _stand_alone(log: int) -> None:
    """Leave the terminal: its Ctrl-C is for the launcher, which passes it on."""
    os.setsid()
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for fd, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(fd, place)
    os.close(nothing)


def _run(graph: Graph, gauge: Gauge, *, verbose: bool, every: int) -> int:
    try:
        check_input(graph)
    except GraphError as error:
        print(error, file=sys.stderr)
        return INPUT_REFUSED
    try:
        check_rest(graph)
        return run_graph(
            graph,
            quiet=False,
            verbose=verbose,
            resume=_can_resume(graph),
            every=every,
            view=_Reporting(gauge),
            stops_at_once=True,
        )
    except GraphError as error:
        print(error, file=sys.stderr)
        return 2


def _can_resume(graph: Graph) -> bool:
    try:
        find_earlier(graph, full_digest(graph))
    except GraphError:
        # Nothing is there, or it is of a file that has changed since: from the beginning.
        return False
    return True
