"""Replicas of stages, with their state through all the processes that a runner has started for them."""

import secrets
import time
from collections import deque
from typing import Any

from framegraph.supervisor.policy import FrameDeaths, RestartPolicy, is_kill
from framegraph.supervisor.runner import ProcessSpec, Runner, RunningProcess
from framegraph.wire.status_page import Status

STDERR_LINES = 20


class Child:
    """A replica of a stage through all its incarnations."""

    def __init__(
        self, stage: str, replica: int, incarnation: int = -1, *, threads: int = 1, is_live: bool = False
    ) -> None:
        self.stage = stage
        self.replica = replica
        self.name = f"{stage}.{replica}"
        self.incarnation = incarnation
        self.linked = -1
        """The change of the graph that this incarnation has confirmed."""
        self.has_config = False
        self.told_s = 0.0
        self.heard_s = 0.0
        self.state = "stopped"
        self.error = ""
        self.has_run = False
        self.is_alive = False
        self.is_last_try = False
        self.started_s = 0.0
        self.restart_at_s: float | None = None
        self.policy = RestartPolicy(is_limited=not is_live)
        self.frame_deaths = FrameDeaths()
        self.has_hung = False
        self.statistics: dict[str, Any] = {}
        self.earlier: dict[str, float] = {}
        self.stderr_tail: deque[str] = deque(maxlen=STDERR_LINES)
        self._token = ""
        self._threads = threads
        self._process: RunningProcess | None = None
        """The incarnation that runs or, until the next start, ran last."""

    @property
    def identity(self) -> bytes:
        """The process's identity on the bus, with a token that only it has been given."""
        return f"{self.name}#{self.incarnation}#{self._token}".encode()

    @property
    def pid(self) -> int:
        """The process id, for display; 0: it has no process."""
        return self._process.pid if self._process is not None and self.is_alive else 0

    @property
    def fds(self) -> tuple[int, ...]:
        """File descriptors to wait on: readable when there is something to do."""
        return self._process.fds if self._process is not None else ()

    def start(self, runner: Runner) -> None:
        """Start the next incarnation."""
        self.incarnation += 1
        self._token = secrets.token_hex(8)
        self.restart_at_s = None
        self.started_s = time.monotonic()
        self.state = "starting"
        self.error = ""
        self.linked = -1
        self.has_config = False
        self.has_hung = False
        self.stderr_tail.clear()
        self.keep_counts()
        self._process = runner.start(
            ProcessSpec(
                stage=self.stage,
                replica=self.replica,
                incarnation=self.incarnation,
                token=self._token,
                threads=self._threads,
            )
        )
        self.is_alive = True

    def keep_counts(self) -> None:
        """Add the counts of the incarnation that has ended to the sums."""
        for name, value in self.statistics.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                self.earlier[name] = self.earlier.get(name, 0) + value
        self.statistics = {}

    def total(self, name: str) -> float:
        """Return a count over all incarnations, as far as they could report it."""
        value: float = self.statistics.get(name) or 0
        return value + self.earlier.get(name, 0)

    def was_killed(self, status: int) -> bool:
        """Whether it was ended from outside: not by the run for a hang, nor by the kernel for lack of
        memory."""
        return (
            is_kill(status) and not self.has_hung and self._process is not None and self._process.had_memory()
        )

    def read_stderr(self) -> list[str]:
        """Return new lines of standard error, and keep the last ones."""
        lines = self._process.stderr_lines() if self._process is not None else []
        self.stderr_tail.extend(lines)
        return lines

    def reap(self) -> int | None:
        """Return the exit status, once, if the process has ended."""
        status = self._process.poll() if self._process is not None and self.is_alive else None
        if status is not None:
            self.read_stderr()
            self.is_alive, self.state = False, "ended"
        return status

    def status(self) -> Status:
        """The last status of the current or just ended incarnation."""
        return self._process.status() if self._process is not None else Status(incarnation=self.incarnation)

    def memory_bytes(self) -> int:
        """The process's own memory; 0: it has no process."""
        return self._process.memory_bytes() if self._process is not None else 0

    def kill(self) -> None:
        if self._process is not None and self.is_alive:
            self._process.kill()

    def end(self) -> None:
        """Kill the process, if there is one, and wait for its end."""
        if self._process is not None and self.is_alive:
            self._process.end()

    def close(self) -> None:
        """Clean up: the process has ended and none will follow."""
        if self._process is not None:
            self._process.forget()
            self._process = None
