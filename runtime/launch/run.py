"""One run of a graph: starts the processes, watches them, carries messages between them, and ends.

A single loop over events (a message on the bus, a process that ended, a signal, the clock). What to do
about a death is decided in `supervision`; what is shown is made from `Snapshot`s.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from runtime.errors import WireError
from runtime.graph.model import Graph
from runtime.launch.bus import Bus
from runtime.launch.children import Child
from runtime.launch.configs import RunIdentity, child_config, has_gpu
from runtime.launch.report import Report
from runtime.launch.run_folder import RunFolder
from runtime.launch.supervision import GiveUp, Limits, describe_exit, why_hung
from runtime.wire import codec
from runtime.wire.outlet import dealt_replica

POLL_MS = 100
WATCH_PERIOD_S = 0.25
STOP_LIMIT_S = 2.0
"""After this, a process that was told to stop is killed."""
FINISH_LIMIT_S = 30.0
"""After the drain: time for the sinks to complete their files, before a stop does not wait any longer."""
COULD_NOT_OPEN = 3


def command_started_at() -> float:
    """When this process was started, as time.time() counts: what the user waits from."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - (uptime_s - ticks / os.sysconf("SC_CLK_TCK"))


class Run:
    """Carries out one run; `go` returns when no process of it is left."""

    def __init__(
        self,
        graph: Graph,
        folder: RunFolder,
        identity: RunIdentity,
        report: Report,
        refresh: Callable[["Run"], None],
    ) -> None:
        self.graph = graph
        self.folder = folder
        self.identity = identity
        self.report = report
        self.children: dict[tuple[str, int], Child] = {
            (stage.name, replica): Child(stage.name, replica, folder.paths)
            for stage in graph.stages.values()
            for replica in range(stage.replicas)
        }
        self.signal: int | None = None
        self.failure = ""
        self.lost_committers: set[tuple[str, str]] = set()
        self.ended_sources: dict[str, dict[str, Any]] = {}
        self.outputs: dict[tuple[str, str], dict[str, Any]] = {}
        self.started_at = command_started_at()
        self._refresh = refresh
        self._phase = "running"
        self._deadline_s = float("inf")
        self._signals: list[int] = []
        self._watch_at_s = 0.0
        self._bus = Bus(folder.paths.bus, report)

    def go(self) -> None:
        """Start everything and serve events until every process has ended."""
        handlers = {
            number: signal.signal(number, self._note_signal)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            for stage in self.graph.of_kind("worker"):
                if "auto" in stage.devices and not has_gpu():
                    self.report.log(stage.name, "INFO", "device auto: there is no GPU here, so it is the CPU")
            # Sinks first: what takes packets is there before what sends them.
            for name in reversed(self._in_order()):
                for child in self._replicas(name):
                    self._start(child)
            while any(child.is_alive or child.restart_at_s is not None for child in self.children.values()):
                self._wait()
                self._serve()
        finally:
            for child in self.children.values():
                child.kill()
                if child.process is not None:
                    child.process.wait()
            self._bus.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _in_order(self) -> list[str]:
        order: list[str] = []
        for source in self.graph.of_kind("source"):
            order.extend(name for name in self.graph.reachable(source.name) if name not in order)
        return order

    def _replicas(self, stage: str) -> list[Child]:
        return [child for (name, _replica), child in self.children.items() if name == stage]

    def _note_signal(self, number: int, _frame: object) -> None:
        self._signals.append(number)

    # Events

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self._bus.socket, zmq.POLLIN)
        for child in self.children.values():
            if child.process is not None:
                poller.register(child.pidfd, zmq.POLLIN)
                poller.register(child.stderr_fd, zmq.POLLIN)
        poller.poll(POLL_MS)

    def _serve(self) -> None:
        now_s = time.monotonic()
        while self._signals:
            self._on_signal(self._signals.pop(0))
        self._bus.read(self._on_message)
        for child in self.children.values():
            for line in child.read_stderr():
                self.report.log(child.name, "DEBUG", line)
            status = child.reap()
            if status is not None:
                self._on_exit(child, status)
            if child.restart_at_s is not None and now_s >= child.restart_at_s:
                self._start(child)
        if now_s >= self._watch_at_s:
            self._watch_at_s = now_s + WATCH_PERIOD_S
            self._watch(now_s)
            self._refresh(self)
        self._advance(now_s)

    def _on_signal(self, number: int) -> None:
        name = signal.Signals(number).name
        if self.signal is None:
            self.signal = number
            self.report.log(
                "launcher", "WARNING", f"{name}: finishing what is under way; once more to stop at once"
            )
            self._drain("stopped")
        else:
            self.report.log("launcher", "WARNING", f"{name}: stopping at once")
            self.kill_all()

    def kill_all(self) -> None:
        self._phase = "stopping"
        for child in self.children.values():
            child.restart_at_s = None
            child.kill()

    def _on_message(self, child: Child, kind: str, said: dict[str, Any]) -> None:
        if kind == "hello":
            self._send_config(child)
        elif kind == "state":
            child.state = codec.field(said, "state", str)
            child.has_run = True
            self.report.log(child.name, "DEBUG", f"state {child.state}")
        elif kind == "log":
            self.report.log(child.name, codec.field(said, "level", str), codec.field(said, "text", str))
        elif kind == "statistics":
            child.statistics = codec.field(said, "values", dict)
        elif kind == "frame_failed":
            source = codec.field(said, "source", str)
            self._tell(
                source,
                kind="frame_failed",
                stage=child.stage,
                seq=codec.field(said, "seq", int, 0),
                error=codec.field(said, "error", str),
            )
        elif kind == "stop_wanted":
            self.report.log(child.name, "INFO", "asks to stop; finishing what is under way")
            self._drain("stopped")
        elif kind == "error":
            child.error = codec.field(said, "text", str)
        elif kind == "source_error":
            self._fail(f"{child.stage}: {codec.field(said, 'text', str)}")
        elif kind == "output":
            self.outputs[child.stage, codec.field(said, "source", str)] = said
        elif kind == "eos":
            self.ended_sources[child.stage] = said
        else:
            raise WireError(f"unknown kind '{kind}'")

    def _tell(self, to: str, only: Child | None = None, **command: Any) -> None:
        """Send a command to each replica of a stage; one that is not up is told by its configuration."""
        for child in [only] if only else self._replicas(to):
            self._bus.tell(child, **command)

    # Processes

    def _start(self, child: Child) -> None:
        child.start()
        self._bus.admit(child)
        self.report.log(child.name, "DEBUG", f"started (process {child.process.pid if child.process else 0})")

    def _send_config(self, child: Child) -> None:
        config = child_config(
            self.graph,
            self.folder.paths,
            self.identity,
            child.stage,
            child.replica,
            child.incarnation,
            is_stopping=self._phase != "running",
            lost=self.lost_committers,
        )
        self._bus.tell(child, kind="config", config=config.to_plain())

    def _on_exit(self, child: Child, status: int) -> None:
        last = child.status()
        self._bus.dismiss(child, self._on_message)
        if self._phase == "stopping":
            if status not in (0, -signal.SIGKILL) and not self.failure:
                self.failure = f"{child.name} ended by {describe_exit(status)} while stopping"
            return
        if child.error:
            self._fail(f"{child.name}: {child.error}", child)
            return
        if child.stage in self.ended_sources:
            return
        if status == 0:
            self.report.log(child.name, "INFO", "has retired; starting the next process")
        elif status == COULD_NOT_OPEN:
            self._fail(f"{child.name} could not start", child)
            return
        else:
            self.report.deaths[child.name] = self.report.deaths.get(child.name, 0) + 1
        self._on_death(child, status, last.done > 0, list(last.working))

    def _on_death(self, child: Child, status: int, progressed: bool, working: list[tuple[int, int]]) -> None:
        self._tell_of_death(child, working)
        verdict = child.policy.after_death(child.name, status, progressed)
        if isinstance(verdict, GiveUp):
            self._fail(verdict.text, child)
            return
        if status != 0:
            self.report.log(child.name, "WARNING", f"ended by {describe_exit(status)}; starting it again")
        child.restart_at_s = time.monotonic() + verdict.after_s

    def _tell_of_death(self, child: Child, working: list[tuple[int, int]]) -> None:
        """The sources send again what is out; what was being worked on comes back one at a time."""
        sources = [source.name for source in self.graph.of_kind("source")]
        for name in self.graph.sources_of(child.stage):
            seqs = [seq for index, seq in working if sources[index] == name]
            self._tell(name, kind="worker_died", stage=child.stage, seqs=seqs)

    def _fail(self, text: str, child: Child | None = None) -> None:
        """The run has failed: say why, flush the sources, let the sinks complete their files, end."""
        if not self.failure:
            tail = [f"    {line}" for line in child.stderr_tail] if child is not None else []
            self.failure = "\n".join([text, *tail])
            self.report.log("launcher", "ERROR", self.failure)
        self._drain("error", drain_s=0.0)
        if child is not None:
            self._do_without(child)

    def _do_without(self, child: Child) -> None:
        """A process will not come back: the others complete what can be completed without it."""
        spec = self.graph.stages[child.stage]
        if spec.kind == "source":
            if child.has_run and not child.is_last_try:
                # Once more, to give what is captured its outcome and the sinks their EOS.
                child.is_last_try = True
                child.restart_at_s = time.monotonic()
            else:
                self.ended_sources.setdefault(child.stage, {})
        elif spec.commits:
            for source in self.graph.sources_of(child.stage):
                if spec.kind == "sink" or dealt_replica(source, spec.replicas) == child.replica:
                    self.lost_committers.add((source, child.stage))
                    self._tell(source, kind="committer_lost", stage=child.stage)

    def _watch(self, now_s: float) -> None:
        """Kill what hangs: its death is then like any other."""
        for child in self.children.values():
            if child.process is None:
                continue
            common = self.graph.stages[child.stage].common
            limits = Limits(
                heartbeat_s=common.heartbeat, timeout_s=common.timeout, start_timeout_s=common.start_timeout
            )
            reason = why_hung(child.state, child.status(), child.started_s, now_s, limits)
            if reason:
                self.report.log(child.name, "WARNING", f"hangs: {reason}; killing it")
                child.kill()
            elif common.memory_limit and child.state == "running":
                held_bytes = child.memory_bytes()
                if held_bytes > common.memory_limit:
                    self.report.log(
                        child.name,
                        "WARNING",
                        f"holds {held_bytes / 1e6:.0f} MB, over its memory-limit; retiring it",
                    )
                    child.state = "retiring"
                    self._tell(child.stage, only=child, kind="retire")

    # The end

    def _drain(self, cause: str, drain_s: float | None = None) -> None:
        """Sources capture nothing more and send EOS; what is under way gets `drain` to finish."""
        if self._phase == "stopping":
            return
        self._phase = "draining"
        longest_s = 0.0
        for source in self.graph.of_kind("source"):
            limit_s = source.common.drain if drain_s is None else drain_s
            longest_s = max(longest_s, limit_s)
            self._tell(source.name, kind="eos", cause=cause, drain_s=limit_s)
        self._deadline_s = min(self._deadline_s, time.monotonic() + longest_s + FINISH_LIMIT_S)

    def _advance(self, now_s: float) -> None:
        sources = {source.name for source in self.graph.of_kind("source")}
        is_finishing = any(child.state == "finishing" for child in self.children.values())
        is_late = now_s >= self._deadline_s and not is_finishing
        if self._phase != "stopping" and (sources <= set(self.ended_sources) or is_late):
            self._phase = "stopping"
            self._deadline_s = now_s + STOP_LIMIT_S
            for stage in self.graph.stages:
                self._tell(stage, kind="stop")
            for child in self.children.values():
                child.restart_at_s = None
                if child.state == "starting":
                    child.kill()
        elif self._phase == "stopping" and now_s >= self._deadline_s:
            for child in self.children.values():
                child.kill()
