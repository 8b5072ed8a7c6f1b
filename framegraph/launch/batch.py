"""A batch: a run of the same graph for each of many inputs, one after another or several at once.

The same command goes on where the last one stopped: inputs that are finished are passed over, and a run that
was cut off is resumed. What is known of an input is on the disk, in a file of its own
(framegraph/run_files/batch_folder.py).
"""

from __future__ import annotations

import dataclasses
import os
import select
import signal
import time
from collections import Counter, deque

from framegraph.errors import GraphError
from framegraph.graph.model import Graph
from framegraph.launch.batch_graph import Batch
from framegraph.launch.batch_outcome import (
    FRAMES,
    ended_before,
    fingerprint_of,
    forget_progress,
    outcome_of,
    stamp_of,
)
from framegraph.launch.batch_run import LOG, SIGNALS, Gauge, start_run
from framegraph.launch.batch_tally import BatchTally
from framegraph.launch.service import Service
from framegraph.launch.session import raise_descriptor_limit
from framegraph.run_files.batch_folder import DONE, FAILED, BatchFolder, Record
from framegraph.support.own_process import no_core_dumps
from framegraph.view.batch import BatchLook, BatchRow, duration, make_batch_view, shown
from framegraph.view.summary import FINISHED, FRAMES_FAILED

POLL_MS = 250
SETTLED_S = 2.0
"""A file that was written less than this long ago may be being copied here."""
GROWING_LIMIT_S = 60.0
"""How long to wait for it when nothing else is left to do."""
MAX_ATTEMPTS = 3
"""Runs of an input that were cut off from outside before it is given up."""
STOP_LIMIT_S = 10.0
MAX_ROWS = 5
"""Failed inputs in the live table; the summary names more."""


@dataclasses.dataclass
class Running:
    """An input whose run is under way."""

    uri: str
    name: str
    graph: Graph
    begun: Record
    gauge: Gauge
    pidfd: int
    started_s: float

    @property
    def weight(self) -> int:
        return _weight(self.begun.stamp)


class BatchLoop:
    """One command on a batch; `go` returns its exit status. `verbose`, `every`: as in run_graph."""

    def __init__(self, batch: Batch, folder: BatchFolder, *, quiet: bool, verbose: bool, every: int) -> None:
        self._batch = batch
        self._folder = folder
        self._verbose = verbose
        self._every = every
        self._view = make_batch_view(quiet=quiet)
        self._taken = set(batch.graph.stages) - {batch.source}
        self._waiting: deque[str] = deque()
        self._growing: deque[tuple[str, float]] = deque()
        """Inputs that may be being copied here, and since when they are put off."""
        self._running: dict[int, Running] = {}
        self._attempts: Counter[str] = Counter()
        self._tally = BatchTally()
        self._signals: list[int] = []
        self._signal: int | None = None
        self._kill_at_s = float("inf")
        self._began_s = time.monotonic()
        self._weight_left = self._weight_done = 0

    def go(self) -> int:
        handlers = {
            number: signal.signal(number, lambda number, _frame: self._signals.append(number))
            for number in SIGNALS
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        service = Service()
        try:
            self._pass_over_finished()
            service.notify("READY=1", f"STATUS=running {self._batch.graph.name}")
            self._view.start()
            try:
                while self._start_more() or self._running or (self._growing and self._signal is None):
                    service.alive()
                    self._wait()
                    self._serve_signals()
                    self._view.refresh(self._look())
            finally:
                self._view.stop()
        finally:
            for pid in self._running:
                os.kill(pid, signal.SIGKILL)
            for number, handler in handlers.items():
                signal.signal(number, handler)
        print("\n".join(self._tally.describe(len(self._batch.uris))))
        print(f"a folder for each input, with its ledger and log: {self._folder.path}")
        if self._signal is not None:
            return 128 + self._signal
        return FINISHED if self._tally.is_all_well else FRAMES_FAILED

    # Inputs

    def _pass_over_finished(self) -> None:
        for uri in self._batch.uris:
            name = self._folder.name_of(uri, self._taken)
            record = self._folder.read(name)
            stamp = stamp_of(uri)
            if record is not None:
                record = self._still_true(name, record, stamp)
            if record is not None:
                self._tally.add(record)
            else:
                self._waiting.append(uri)
                self._weight_left += _weight(stamp)
        passed = self._tally.counts.total()
        if passed:
            self._view.write(
                f"{self._folder.path}: {passed} of {len(self._batch.uris)} ended in an earlier run"
            )

    def _still_true(self, name: str, record: Record, stamp: list[int]) -> Record | None:
        """Return an earlier record if it is final and the input is still the same."""
        if record.is_final and stamp and stamp == record.stamp:
            return record
        graph = self._graph_of(record.uri, name)
        if not record.fingerprint or fingerprint_of(graph) != record.fingerprint:
            return None
        now = dataclasses.replace(record, stamp=stamp)
        ended = now if record.is_final else ended_before(graph, now, self._folder.path / name)
        if ended is not None and ended != record:
            self._folder.write(name, ended)
        return ended

    def _graph_of(self, uri: str, name: str) -> Graph:
        return self._batch.graph_of(uri, name, self._folder.path)

    def _start_more(self) -> bool:
        """Start runs while there is room; return whether inputs wait."""
        while self._signal is None and len(self._running) < self._batch.parallel:
            uri = self._next()
            if uri is None:
                break
            self._start(uri)
        return bool(self._waiting) and self._signal is None

    def _next(self) -> str | None:
        while self._waiting:
            uri = self._waiting.popleft()
            if not _is_growing(uri):
                return uri
            self._growing.append((uri, time.monotonic()))
        for _ in range(len(self._growing)):
            uri, since_s = self._growing.popleft()
            if not _is_growing(uri):
                return uri
            if time.monotonic() < since_s + GROWING_LIMIT_S or self._running:
                self._growing.append((uri, since_s))
            else:
                why = "it is still being written; give the same command again when it is complete"
                self._end(uri, Record(uri=uri, stamp=[], fingerprint="", outcome=FAILED, why=why))
        return None

    def _start(self, uri: str) -> None:
        name = self._folder.name_of(uri, self._taken)
        graph = self._graph_of(uri, name)
        begun = Record(uri=uri, stamp=stamp_of(uri), fingerprint=fingerprint_of(graph))
        self._folder.write(name, begun)
        gauge = Gauge()
        log = self._folder.path / name / LOG
        pid = start_run(graph, log, gauge, verbose=self._verbose, every=self._every)
        self._running[pid] = Running(
            uri, name, graph, begun, gauge, os.pidfd_open(pid), started_s=time.monotonic()
        )

    def _ended(self, run: Running, status: int) -> None:
        os.close(run.pidfd)
        run.gauge.close()
        record = outcome_of(run.graph, run.begun, self._folder.path / run.name, status)
        if record is not None and record.outcome == DONE and stamp_of(run.uri) != run.begun.stamp:
            record = None  # it was written to meanwhile
        if record is None:
            if self._signal is not None:
                return
            self._attempts[run.uri] += 1
            if self._attempts[run.uri] < MAX_ATTEMPTS:
                self._waiting.appendleft(run.uri)
                return
            why = f"its run was cut off {MAX_ATTEMPTS} times, last with status {status}"
            record = dataclasses.replace(run.begun, outcome=FAILED, why=why)
        if record.is_final:
            forget_progress(run.graph)
        self._folder.write(run.name, record)
        self._end(run.uri, record, time.monotonic() - run.started_s)

    def _end(self, uri: str, record: Record, took_s: float = 0.0) -> None:
        self._attempts.pop(uri, None)
        self._weight_left -= _weight(record.stamp)
        self._weight_done += _weight(record.stamp)
        self._tally.add(record)
        frames = record.sums.get(FRAMES, {}).get("captured", 0)
        words = f": {record.why}" if record.why else f", {frames} frames in {duration(took_s)}"
        ended = self._tally.counts.total()
        self._view.write(f"{ended} of {len(self._batch.uris)}: {shown(uri)} {record.outcome}{shown(words)}")

    # Events

    def _wait(self) -> None:
        poll = select.poll()
        for run in self._running.values():
            poll.register(run.pidfd, select.POLLIN)
        poll.poll(POLL_MS)
        for pid in list(self._running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._ended(self._running.pop(pid), os.waitstatus_to_exitcode(status))

    def _serve_signals(self) -> None:
        while self._signals:
            number = self._signals.pop(0)
            is_first = self._signal is None
            self._signal = self._signal or number
            self._view.write(f"{signal.Signals(number).name}: stopping; the same command goes on from here")
            self._kill_at_s = time.monotonic() + (STOP_LIMIT_S if is_first else 0.0)
            for pid in self._running:
                os.kill(pid, number)
        if time.monotonic() >= self._kill_at_s:
            for pid in self._running:
                os.kill(pid, signal.SIGKILL)

    # What is shown

    def _look(self) -> BatchLook:
        counts = self._tally.counts + Counter(
            running=len(self._running), waiting=len(self._waiting) + len(self._growing)
        )
        rows = [
            BatchRow(uri=run.uri, state="running", words=_progress(run.gauge))
            for run in self._running.values()
        ]
        under_way = sum(run.gauge.fraction * run.weight for run in self._running.values())
        done, spent_s = self._weight_done + under_way, time.monotonic() - self._began_s
        left_s = spent_s * (self._weight_left - under_way) / done if done else None
        return BatchLook(counts=counts, rows=rows + self._tally.failures[-MAX_ROWS:], left_s=left_s)


def run_batch(batch: Batch, *, quiet: bool, verbose: bool, every: int) -> int:
    """Run a batch to its end, or on from where an earlier command stopped; return the exit status.
    GraphError before anything started, or when what has become of an input cannot be noted."""
    raise_descriptor_limit()
    no_core_dumps()
    about = {"graph": batch.graph.name, "first": batch.uris[0]}
    folder = BatchFolder.find_or_make(batch.base, batch.digest, about)
    try:
        return BatchLoop(batch, folder, quiet=quiet, verbose=verbose, every=every).go()
    except OSError as error:
        raise GraphError(
            f"{error.filename or folder.path}: {error.strerror}; put this right, and the same command goes on"
        ) from None
    finally:
        folder.close()


def _weight(stamp: list[int]) -> int:
    """Return how much work an input is, judging by the size of its file."""
    return max(1, stamp[0]) if stamp else 1


def _is_growing(uri: str) -> bool:
    stamp = stamp_of(uri)
    return bool(stamp) and 0 <= time.time() - stamp[1] / 1e9 < SETTLED_S


def _progress(gauge: Gauge) -> str:
    return f"{gauge.fraction:.0%}" if gauge.fraction else f"{gauge.frames} frames"
