"""One run of a graph: a single loop over events, from the first process started to the last one ended.

An event is a message on the bus, a process that ended, a request on the control socket, a signal, or the
clock. `state` holds the run's state, `processes` looks after the children, `control` serves the control
socket.
"""

import signal
import time
from collections.abc import Callable
from typing import Any

import zmq

from framegraph.control.command import RunParts
from framegraph.control.server import Control
from framegraph.control.sources import Attachments
from framegraph.errors import WireError
from framegraph.files import NO_ROOM_STATE
from framegraph.launch.service import Service
from framegraph.run_files.ledgers import Ledgers
from framegraph.run_files.output_locks import OutputLocks
from framegraph.supervisor.bus import Bus
from framegraph.supervisor.configs import has_gpu
from framegraph.supervisor.processes import Processes
from framegraph.supervisor.replica import Child
from framegraph.supervisor.runner import Runner
from framegraph.supervisor.state import DRAINING, STOPPING, RunState
from framegraph.support.secrets import redact
from framegraph.transactions import AWAY_STATE
from framegraph.view.snapshot import Observer
from framegraph.wire import codec

POLL_MS = 100
WATCH_PERIOD_S = 0.25
STOP_LIMIT_S = 2.0
"""After this, a process that was told to stop is killed."""
FINISH_LIMIT_S = 30.0
"""After the drain: time for the sinks to complete their files, before a stop no longer waits."""


class RunLoop:
    """One run; `go` returns when none of its processes is left."""

    def __init__(
        self,
        state: RunState,
        ledgers: Ledgers,
        locks: OutputLocks,
        observer: Observer,
        runner: Runner,
        refresh: Callable[[], None],
        *,
        stops_at_once: bool = False,
    ) -> None:
        self.state = state
        self._report = state.report
        self._refresh = refresh
        self._stops_at_once = stops_at_once
        self._service = Service()
        self._is_ready = False
        self._deadline_s = float("inf")
        self._draining_s = float("inf")
        self._signals: list[int] = []
        self._watch_at_s = 0.0
        self._bus = Bus(state.paths.bus, state.report)
        self._processes = Processes(state, self._bus, runner, self._fail)
        self._attachments = Attachments(state, self._processes, ledgers, locks)
        parts = RunParts(
            state, self._processes, self._attachments, observer, drain=lambda: self._drain("stopped")
        )
        self._control = Control(self._bus.context, state.paths.control, parts)

    def go(self) -> None:
        """Start everything and serve events until every process has ended."""
        handlers = {
            number: signal.signal(number, self._note_signal)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            # Signals that were ignored at the start stay ignored: nohup, a shell's background job.
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        state = self.state
        try:
            for stage in state.graph.of_kind("worker"):
                if "auto" in stage.devices and not has_gpu():
                    self._report.log(
                        stage.name, "INFO", "device auto: there is no GPU here, so it is the CPU"
                    )
            # Sinks first: receivers start before senders.
            for name in reversed(self._in_order()):
                for child in state.replicas(name):
                    self._processes.start(child)
            while any(child.is_alive or child.restart_at_s is not None for child in self._children()):
                self._wait()
                self._serve()
            # The last messages of every process.
            self._bus.read(self._on_message)
            self._refresh()
        finally:
            for child in self._children():
                child.end()
            self._control.close()
            self._bus.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _children(self) -> list[Child]:
        return list(self.state.children.values())

    def _in_order(self) -> list[str]:
        order: list[str] = []
        for source in self.state.sources:
            order.extend(name for name in self.state.graph.reachable(source) if name not in order)
        return order

    def _note_signal(self, number: int, _frame: object) -> None:
        self._signals.append(number)

    # Events

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self._bus.socket, zmq.POLLIN)
        poller.register(self._control.socket, zmq.POLLIN)
        for child in self._children():
            for fd in child.fds:
                poller.register(fd, zmq.POLLIN)
        poller.poll(POLL_MS)

    def _serve(self) -> None:
        now_s = time.monotonic()
        while self._signals:
            self._on_signal(self._signals.pop(0))
        self._bus.read(self._on_message)
        for child in self._children():
            self._processes.look_after(child, self._on_message)
        for release in self._attachments.ended():
            self._control.spawn(release)
        self._control.serve()
        self._service.alive()
        if not self._is_ready and all(child.has_run for child in self._children()):
            self._is_ready = True
            self._service.notify("READY=1", f"STATUS=running {self.state.graph.name}")
        if now_s >= self._watch_at_s:
            self._watch_at_s = now_s + WATCH_PERIOD_S
            self._processes.watch(now_s)
            self._refresh()
        self._advance(now_s)

    def _on_signal(self, number: int) -> None:
        name = signal.Signals(number).name
        is_first = self.state.signal is None
        self.state.signal = self.state.signal or number
        if is_first and not self._stops_at_once:
            self._report.log(
                "launcher", "WARNING", f"{name}: finishing what is under way; once more to stop at once"
            )
            self._drain("stopped")
        else:
            self._report.log("launcher", "WARNING", f"{name}: stopping at once")
            self.kill_all()

    def kill_all(self) -> None:
        self.state.phase = STOPPING
        for child in self._children():
            child.restart_at_s = None
            child.kill()

    def _on_message(self, child: Child, kind: str, said: dict[str, Any]) -> None:
        state = self.state
        if kind == "hello":
            self._processes.send_config(child)
            child.has_config = True
        elif kind == "linked":
            child.linked = codec.field(said, "version", int, 0)
        elif kind == "state":
            child.state = codec.field(said, "state", str)
            child.has_run = True
            self._report.log(child.name, "DEBUG", f"state {child.state}")
        elif kind == "log":
            self._report.log(child.name, codec.field(said, "level", str), codec.field(said, "text", str))
        elif kind == "statistics":
            child.statistics = codec.field(said, "values", dict)
            child.heard_s = time.monotonic()
        elif kind == "frame_failed":
            self._processes.send_command(
                codec.field(said, "source", str),
                kind="frame_failed",
                stage=child.stage,
                seq=codec.field(said, "seq", int, 0),
                error=codec.field(said, "error", str),
            )
        elif kind == "stop_wanted":
            self._report.log(child.name, "INFO", "asks to stop; finishing what is under way")
            self._drain("stopped")
        elif kind == "error":
            child.error = codec.field(said, "text", str)
        elif kind == "source_error":
            self._on_source_error(child, f"{child.stage}: {codec.field(said, 'text', str)}")
        elif kind == "output":
            state.outputs[child.stage, codec.field(said, "source", str)] = said
        elif kind == "eos":
            state.ended_sources[child.stage] = said
        else:
            raise WireError(f"unknown kind '{kind}'")

    def _on_source_error(self, child: Child, text: str) -> None:
        """Note that a source's input failed in the middle; the source itself sends the EOS."""
        if self.state.may_fail_alone(child.stage):
            self._processes.fail_source(child.stage, text, has_run=True)
        else:
            self._fail(text)

    # The end

    def _fail(self, text: str) -> None:
        """End a failed run: report why, flush the sources, let the sinks complete their files."""
        if not self.state.failure:
            self.state.failure = redact(text)
            self._report.log("launcher", "ERROR", self.state.failure)
        self._drain("error", drain_s=0.0)

    def _drain(self, cause: str, drain_s: float | None = None) -> None:
        """Stop the sources, which send EOS; frames in flight get `drain` to finish."""
        state = self.state
        if state.phase == STOPPING:
            return
        if state.phase != DRAINING:
            self._draining_s = time.monotonic()
            self._service.notify("STOPPING=1", "STATUS=finishing what is under way")
        state.phase = DRAINING
        longest_s = 0.0
        for source in state.graph.of_kind("source"):
            limit_s = source.common.drain if drain_s is None else drain_s
            longest_s = max(longest_s, limit_s)
            self._processes.send_command(source.name, kind="eos", cause=cause, drain_s=limit_s)
        self._deadline_s = min(self._deadline_s, time.monotonic() + longest_s + FINISH_LIMIT_S)

    def _has_no_room(self) -> bool:
        """Return whether a sink waits for a full disk or an output that is away: then nothing waits for the
        sink; --resume continues."""
        waiting = {
            child.name: child.state
            for child in self._children()
            if child.state in (NO_ROOM_STATE, AWAY_STATE)
        }
        if waiting and not self.state.is_unfinished:
            self.state.is_unfinished = True
            is_full = NO_ROOM_STATE in waiting.values()
            why = "no room on the disk to complete the files" if is_full else "its output cannot be written"
            self._fail(f"{', '.join(waiting)}: {why}; --resume goes on")
        return bool(waiting)

    def _advance(self, now_s: float) -> None:
        state = self.state
        is_finishing = any(child.state == "finishing" for child in self._children())
        is_late = now_s >= self._deadline_s and not is_finishing
        if state.phase == DRAINING and now_s >= self._draining_s + STOP_LIMIT_S and self._has_no_room():
            is_late = True
        if state.phase != STOPPING and (set(state.sources) <= set(state.ended_sources) or is_late):
            state.phase = STOPPING
            self._deadline_s = now_s + STOP_LIMIT_S
            for stage in state.graph.stages:
                self._processes.send_command(stage, kind="stop")
            for child in self._children():
                child.restart_at_s = None
                if child.state == "starting":
                    child.kill()
        elif state.phase == STOPPING and now_s >= self._deadline_s:
            for child in self._children():
                child.kill()
