"""The processes of a run: started, given the graph, watched, restarted. `policy` decides."""

import signal
import time
from collections.abc import Callable
from typing import Any

from framegraph.supervisor.bus import Bus, Handler
from framegraph.supervisor.configs import child_config
from framegraph.supervisor.policy import (
    MAX_KILLS_WITHOUT_PROGRESS,
    GiveUp,
    Limits,
    Pauses,
    Restart,
    death_limit,
    describe_exit,
    why_hung,
)
from framegraph.supervisor.replica import Child
from framegraph.supervisor.runner import Runner
from framegraph.supervisor.state import RUNNING, STOPPING, RunState
from framegraph.wire.outlet import dealt_replica
from framegraph.wire.status_page import Status

COULD_NOT_OPEN = 3
TELL_AGAIN_S = 1.0
"""Interval for resending a changed graph to a process that has not confirmed it."""


class Processes:
    """The children of a run: it starts them and responds to their deaths.

    `fail` is called with a sentence when the run cannot continue; the process is then done without.
    """

    def __init__(self, state: RunState, bus: Bus, runner: Runner, fail: Callable[[str], None]) -> None:
        self._state = state
        self._bus = bus
        self._runner = runner
        self._fail_run = fail
        self._report = state.report
        self._pauses = Pauses()

    def send_command(self, to: str, only: Child | None = None, **command: Any) -> None:
        """Send a command to each replica of a stage; one that is not up gets it in its configuration."""
        for child in [only] if only else self._state.replicas(to):
            self._bus.send_command(child, **command)

    def start(self, child: Child) -> None:
        child.start(self._runner)
        self._bus.admit(child)
        self._report.log(child.name, "DEBUG", f"started (process {child.pid})")

    def send_config(self, child: Child, kind: str = "config") -> None:
        """Send a process its current part of the graph."""
        state = self._state
        is_loose = child.stage in state.detaching or child.stage in state.source_failures
        config = child_config(
            state.graph,
            state.paths,
            state.identity,
            child.stage,
            child.replica,
            child.incarnation,
            streams=state.streams,
            version=state.version,
            is_stopping=state.phase != RUNNING or is_loose,
            lost=state.lost_acknowledgers,
            deadly_seq=child.frame_deaths.deadly_seq(state.graph.stages[child.stage].common),
        )
        child.told_s = time.monotonic()
        self._bus.send_command(child, kind=kind, config=config.to_plain())

    def relink(self) -> None:
        """Send a changed graph to every process. Those that start now ask for it themselves."""
        for child in self._state.children.values():
            if child.is_alive and child.has_config and child.stage in self._state.graph.stages:
                self.send_config(child, "relink")

    # Deaths

    def look_after(self, child: Child, hear: Handler) -> None:
        """Pass on a process's standard error; respond to its death; restart it after its pause."""
        for line in child.read_stderr():
            self._report.log(child.name, "DEBUG", line)
        status = child.reap()
        if status is not None:
            self._on_exit(child, status, hear)
        if child.restart_at_s is not None and time.monotonic() >= child.restart_at_s:
            self.start(child)

    def _on_exit(self, child: Child, status: int, hear: Handler) -> None:
        state = self._state
        last = child.status()
        child.frame_deaths.after_death(status, last, has_hung=child.has_hung)
        self._bus.dismiss(child, hear)
        if state.phase == STOPPING:
            if status not in (0, -signal.SIGKILL) and not state.failure:
                state.failure = f"{child.name} ended by {describe_exit(status)} while stopping"
            return
        if state.graph.stages[child.stage].kind == "leaky" and child.has_run:
            self._on_leaky_exit(child, status, last)
            return
        key = (child.stage, child.replica)
        has_no_future = key in state.on_trial and (child.error or status == COULD_NOT_OPEN)
        if key in state.leaving or has_no_future:
            self._on_exit_for_good(child, status, last)
            return
        if child.error:
            self.fail(f"{child.name}: {child.error}", child)
            return
        if child.stage in state.ended_sources:
            return
        has_retired = status == 0 and last.has_left
        if has_retired:
            self._report.log(child.name, "INFO", "has retired; starting the next process")
        elif status == COULD_NOT_OPEN:
            self.fail(f"{child.name} could not start", child)
            return
        else:
            self._report.deaths[child.name] = self._report.deaths.get(child.name, 0) + 1
        self._on_death(child, status, last, has_retired=has_retired)

    def _on_exit_for_good(self, child: Child, status: int, last: Status) -> None:
        """Handle the end of a replica that was meant to go, or that could not start."""
        if (status == 0 and last.has_left) or not child.has_run:
            return
        if (child.stage, child.replica) in self._state.leaving:
            self._report.log(child.name, "WARNING", f"ended by {describe_exit(status)} before it was empty")
        self._report_death(child, list(last.working), is_kill=child.was_killed(status))

    def _on_death(self, child: Child, status: int, last: Status, *, has_retired: bool) -> None:
        # A retired worker has passed on all it had; any other end leaves something to resend.
        if not has_retired or self._state.graph.stages[child.stage].kind != "worker":
            self._report_death(child, list(last.working), is_kill=child.was_killed(status))
        verdict = self._verdict(child, status, last.done > 0)
        if isinstance(verdict, GiveUp):
            if (child.stage, child.replica) in self._state.on_trial:
                # The command that asked for it gets the error; the graph continues without it.
                child.error = verdict.text
            else:
                self.fail(verdict.text, child)
            return
        if not has_retired:
            self._report.log(child.name, "WARNING", f"ended by {describe_exit(status)}; starting it again")
        child.restart_at_s = time.monotonic() + verdict.after_s

    def _verdict(self, child: Child, status: int, progressed: bool) -> Restart | GiveUp:
        graph = self._state.graph
        attempts = [graph.stages[name].common.max_attempts for name in graph.sources_of(child.stage)]
        limit = death_limit(max(attempts, default=0))
        # The scale command waits for an answer, and a kill while loading is one.
        is_on_trial = (child.stage, child.replica) in self._state.on_trial
        kill_limit = limit if is_on_trial else MAX_KILLS_WITHOUT_PROGRESS
        return child.policy.after_death(
            child.name, status, progressed=progressed, limit=limit, kill_limit=kill_limit
        )

    def _on_leaky_exit(self, child: Child, status: int, last: Status) -> None:
        """Restart a leaky sink: nothing waits for it or is lost with it, so the sources are not informed."""
        if status == 0 and last.has_left and not child.error:
            self._report.log(child.name, "INFO", "has retired; starting the next process")
            child.restart_at_s = time.monotonic()
            return
        self._report.deaths[child.name] = self._report.deaths.get(child.name, 0) + 1
        verdict = self._verdict(child, status, last.done > 0)
        if isinstance(verdict, GiveUp) or child.error:
            text = child.error or f"{child.name} ended too often"
            self._report.log(child.name, "ERROR", f"{text}; the run goes on without it")
            return
        self._report.log(child.name, "WARNING", f"ended by {describe_exit(status)}; starting it again")
        child.restart_at_s = time.monotonic() + verdict.after_s

    def _report_death(self, child: Child, working: list[tuple[int, int]], *, is_kill: bool) -> None:
        """Make the sources resend what is out; what was being worked on comes back one at a time."""
        for name in self._state.graph.sources_of(child.stage):
            seqs = [seq for stream, seq in working if stream == self._state.streams[name]]
            self.send_command(
                name,
                kind="worker_died",
                stage=child.stage,
                replica=child.replica,
                incarnation=child.incarnation,
                seqs=seqs,
                is_alone=len(working) == 1,
                is_kill=is_kill,
            )

    # Processes that cannot come back

    def fail(self, text: str, child: Child) -> None:
        """Give up a process that cannot continue. A source attached to the running graph ends alone; any
        other ends the run: the sources are flushed and the sinks complete their files."""
        tail = [f"    {line}" for line in child.stderr_tail]
        sentence = "\n".join([text, *tail])
        if self._state.may_fail_alone(child.stage):
            self.fail_source(child.stage, sentence, has_run=child.has_run)
        else:
            self._fail_run(sentence)
        self._do_without(child)

    def fail_source(self, source: str, text: str, *, has_run: bool) -> None:
        """End a failed source; the others continue. One that was attached and never ran was no part of the
        run."""
        self._report.log(source, "ERROR", text)
        self._state.source_failures[source] = text
        is_part = has_run or source not in self._state.attached
        if is_part and not self._state.failure:
            self._state.failure = text

    def _do_without(self, child: Child) -> None:
        """Let the others complete what they can without a process that will not come back."""
        state = self._state
        spec = state.graph.stages[child.stage]
        if spec.kind == "source":
            if child.has_run and not child.is_last_try:
                # Restarted once, to give captured frames their outcome and the sinks their EOS.
                child.is_last_try = True
                child.restart_at_s = time.monotonic()
            else:
                state.ended_sources.setdefault(child.stage, {})
        elif spec.acknowledges:
            for source in state.graph.sources_of(child.stage):
                if spec.kind == "sink" or dealt_replica(source, spec.replicas) == child.replica:
                    state.lost_acknowledgers.add((source, child.stage))
                    self.send_command(source, kind="acknowledger_lost", stage=child.stage)

    # Hangs

    def watch(self, now_s: float) -> None:
        """Kill processes that hang: their death is then like any other. Resend an unconfirmed graph."""
        self._pauses.watched(now_s)
        for child in self._state.children.values():
            if not child.is_alive:
                continue
            common = self._state.graph.stages[child.stage].common
            limits = Limits(
                heartbeat_s=common.heartbeat, timeout_s=common.timeout, start_timeout_s=common.start_timeout
            )
            age_s = now_s - child.started_s
            reason = why_hung(child.state, child.status(), age_s, limits, self._pauses.within)
            if reason:
                self._report.log(child.name, "WARNING", f"hangs: {reason}; killing it")
                child.has_hung = True
                child.kill()
            elif common.memory_limit and child.state == "running":
                self._watch_memory(child, common.memory_limit)
            is_behind = child.has_config and child.linked < self._state.version
            if is_behind and now_s - child.told_s >= TELL_AGAIN_S:
                self.send_config(child, "relink")

    def _watch_memory(self, child: Child, limit_bytes: int) -> None:
        held_bytes = child.memory_bytes()
        if held_bytes > limit_bytes:
            self._report.log(
                child.name, "WARNING", f"holds {held_bytes / 1e6:.0f} MB, over its memory-limit; retiring it"
            )
            child.state = "retiring"
            self.send_command(child.stage, only=child, kind="retire")
