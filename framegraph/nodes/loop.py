"""The loop that all nodes share: poll, bus, heartbeat, statistics, stop."""

import dataclasses
import logging
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Any

import zmq

from framegraph.graph.registry import find_stage
from framegraph.nodes.bus_client import BusClient
from framegraph.properties import read_options
from framegraph.support import secrets
from framegraph.support.own_process import process_started_at
from framegraph.traces.recorder import LEFT, Recorder
from framegraph.wire.config import ChildConfig, RunPaths
from framegraph.wire.outlet import Key, Outlet
from framegraph.wire.status_page import StatusPage

STATISTICS_PERIOD_S = 0.5
POLL_MS = 100
"""The longest that a loop sleeps: well under the period of repeated credit and of the heartbeat."""

MAX_POLLERS = 16
"""A loop waits for one of few sets of sockets; only where links come and go does this limit matter."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeSetup:
    """The parts given to every node: its part of the graph, and its connections."""

    context: "zmq.Context[zmq.Socket[bytes]]"
    config: ChildConfig
    paths: RunPaths
    bus: BusClient
    page: StatusPage


class NodeLoop(ABC):
    """The loop of one process. Subclasses do one `step` at a time and name the sockets that wake them."""

    def __init__(self, place: NodeSetup) -> None:
        self.config = place.config
        self.bus = place.bus
        self.page = place.page
        self.log = logging.getLogger(place.config.stage)
        self.counts: defaultdict[str, float] = defaultdict(float)
        self.is_stopping = False
        self.is_retiring = False
        self.exit_status = 0
        self._max_frames = place.config.common.max_frames_per_process
        self.trace = Recorder(
            Path(place.paths.trace),
            f"{place.config.stage}.{place.config.replica}#{place.config.incarnation}",
        )
        self._statistics_at_s = 0.0
        self._cpu_at_start_s = 0.0
        self._ready_s = 0.0
        self._credit_read_s = 0.0
        self._pollers: dict[tuple[Any, ...], zmq.Poller] = {}
        self.ready: Collection[Any] | None = None
        """The sockets with something to read at the last `poll`; None: unknown, so check each."""

    @property
    @abstractmethod
    def sockets(self) -> list[Any]:
        """Sockets and file descriptors that wake the loop."""

    @abstractmethod
    def step(self, now_s: float) -> int:
        """Do one round of work; return for how many milliseconds the next may wait, POLL_MS at most."""

    @property
    def is_drained(self) -> bool:
        """Whether nothing is held here that others wait for, so that a retiring process may end."""
        return True

    @property
    def has_waiting_thread(self) -> bool:
        """Whether a thread waits for something external and would delay the end of the process."""
        return False

    def retire(self) -> None:
        """Accept nothing more, finish what is here, end; the launcher starts the next process."""
        self.is_retiring = True

    @abstractmethod
    def statistics(self) -> dict[str, Any]:
        """Return this process's counts since it started, for the bus."""

    @abstractmethod
    def command(self, command: dict[str, Any]) -> None:
        """Carry out a command of the launcher other than stop."""

    @abstractmethod
    def close(self) -> None:
        """Close the sockets and the stage."""

    def relink(self, config: ChildConfig) -> None:
        """Apply a changed part of the graph: sources that came or left, replicas, properties."""
        self.config = config
        secrets.learn_all(config.secrets)
        self._max_frames = config.common.max_frames_per_process
        self.bus.send("linked", version=config.version)

    @staticmethod
    def new_options(config: ChildConfig) -> Any:
        """The stage's own properties, some of which may have been set while it runs."""
        return read_options(find_stage(config.type, Path(config.graph_folder)).Options, config.options)

    def run(self) -> int:
        """Run until told to stop; return the exit status of the process."""
        self.bus.send("linked", version=self.config.version)
        self.bus.send("state", state="running")
        self._cpu_at_start_s = time.process_time()
        self._ready_s = round(time.time() - process_started_at(), 3)
        self.page.ready(self._ready_s)
        wait_ms = 0
        while not self.is_stopping:
            self.poll(wait_ms)
            self.page.looped()
            for command in self.bus.receive(self.ready):
                if command.get("kind") == "stop":
                    self.is_stopping = True
                elif command.get("kind") == "retire":
                    self.retire()
                elif command.get("kind") == "relink":
                    self.relink(ChildConfig.from_plain(command["config"]))
                else:
                    self.command(command)
            now_s = time.monotonic()
            wait_ms = self.step(now_s)
            if 0 < self._max_frames <= self.counts["frames"] and not self.is_retiring:
                self.retire()
            if self.is_retiring and self.is_drained:
                break
            if now_s - self._statistics_at_s >= STATISTICS_PERIOD_S:
                self.report_statistics()
        self.report_statistics()
        self.close()
        self.page.left()
        return self.exit_status

    def poll(self, timeout_ms: int) -> None:
        wanted = (*self.sockets, self.bus.socket)
        poller = self._pollers.get(wanted)
        if poller is None:
            if len(self._pollers) >= MAX_POLLERS:
                self._pollers.clear()
            poller = self._pollers[wanted] = zmq.Poller()
            for socket in wanted:
                poller.register(socket, zmq.POLLIN)
        self.ready = {socket for socket, _events in poller.poll(timeout_ms)}

    def may_read(self, socket: Any) -> bool:
        """Return whether a socket or file descriptor among `sockets` may have something to read."""
        return self.ready is None or socket in self.ready

    def send_on(self, outlet: Outlet, now_s: float) -> list[Key]:
        """Read the peers' credit and send what it allows; return the frames that left."""
        if outlet.sockets or now_s - self._credit_read_s >= POLL_MS / 1000:
            # With nothing to send, an occasional look at which peers came or leave is enough.
            outlet.receive(now_s)
            self._credit_read_s = now_s
        left = outlet.pump(now_s)
        for source, seq in left:
            self.trace.note(LEFT, source, seq)
        return left

    def _flush_trace(self) -> None:
        try:
            self.trace.flush()
        except OSError as error:
            # Frames do not wait for notes about them.
            if not self.counts["lost_notes"]:
                self.log.warning("cannot note where frames spend their time: %s", error.strerror)
            self.counts["lost_notes"] += 1

    def report_statistics(self) -> None:
        self._flush_trace()
        self._statistics_at_s = time.monotonic()
        cpu_s = time.process_time() - self._cpu_at_start_s
        self.bus.send("statistics", values={**self.statistics(), "cpu_s": cpu_s, "ready_s": self._ready_s})

    def fatal(self, text: str) -> None:
        """End the run: this stage cannot continue, and a restart would not help."""
        self.bus.send("error", text=text)
        self.exit_status = 1
        self.is_stopping = True
