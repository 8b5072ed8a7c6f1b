"""A child's end of the bus: messages to and from the launcher."""

import logging
import threading
import time
from collections import deque
from collections.abc import Collection
from typing import Any

import zmq

from framegraph.errors import StageError, WireError
from framegraph.support.secrets import redact
from framegraph.wire import codec
from framegraph.wire.sockets import connect_dealer, receive_all, try_send

CONFIG_WAIT_S = 20.0
"""The launcher answers a hello at once unless the machine is overloaded."""


class BusClient:
    """The bus as a child uses it. Messages are maps with a "kind"; those that cannot be sent now wait. The
    queue of logs and statistics is limited, for a launcher that stands still; other messages are few and
    sent once, and none is lost.

    Any thread may `send`; only the one that made this object touches the socket.
    """

    MAX_WAITING = 1000
    PASSING = frozenset({"log", "statistics"})

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str, identity: str) -> None:
        self.socket = connect_dealer(context, endpoint, identity)
        self._waiting: deque[bytes] = deque()
        self._early: list[dict[str, Any]] = []
        self._owner = threading.get_ident()

    def send(self, kind: str, **fields: Any) -> None:
        if kind not in self.PASSING or len(self._waiting) < self.MAX_WAITING:
            said = {name: _sayable(value) if type(value) is str else value for name, value in fields.items()}
            self._waiting.append(codec.pack({"kind": kind, **said}))
        if threading.get_ident() == self._owner:
            self.flush()

    def flush(self) -> None:
        while self._waiting and try_send(self.socket, [self._waiting[0]]):
            self._waiting.popleft()

    def receive(self, ready: Collection[Any] | None = None) -> list[dict[str, Any]]:
        """Return the launcher's new commands. ready: the sockets with something to read."""
        self.flush()
        commands, self._early = self._early, []
        if ready is not None and self.socket not in ready:
            return commands
        for message in receive_all(self.socket):
            try:
                commands.append(codec.unpack(message[-1]))
            except WireError as error:
                logging.getLogger("bus").warning("rejected a message on the bus: %s", error)
        return commands

    def fetch_config(self) -> dict[str, Any]:
        """Say hello and wait for this process's part of the graph."""
        deadline_s = time.monotonic() + CONFIG_WAIT_S
        self.send("hello")
        while time.monotonic() < deadline_s:
            self.socket.poll(100)
            commands = self.receive()
            for place, command in enumerate(commands):
                if command.get("kind") == "config":
                    # Later messages are for the node that is made next.
                    self._early = commands[place + 1 :]
                    config: dict[str, Any] = command["config"]
                    return config
        raise StageError(f"the launcher sent no configuration within {CONFIG_WAIT_S:g} s")


def _sayable(text: str) -> str:
    """Return a text that can be sent: a file name need not be UTF-8, and an exception may print an array."""
    return redact(text).encode(errors="backslashreplace").decode()


class BusLogHandler(logging.Handler):
    """A handler that sends log records to the launcher, which prints them with stage and replica."""

    def __init__(self, bus: BusClient) -> None:
        super().__init__()
        self._bus = bus
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._bus.send("log", level=record.levelname, text=self.format(record))
