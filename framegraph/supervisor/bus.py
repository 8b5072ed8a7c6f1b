"""The launcher's end of the bus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zmq

from framegraph.errors import WireError
from framegraph.supervisor.replica import Child
from framegraph.support.report import Report
from framegraph.wire import codec
from framegraph.wire.sockets import bind_router, receive_all, try_send

Handler = Callable[[Child, str, dict[str, Any]], None]
MAX_MESSAGES = 1000
"""Limit of messages read at once, so that a flood cannot block the loop."""


class Bus:
    """A ROUTER that listens to the processes of this run, and to no others."""

    def __init__(self, endpoint: str, report: Report) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = bind_router(self.context, endpoint)
        self._report = report
        self._by_identity: dict[bytes, Child] = {}

    def admit(self, child: Child) -> None:
        """Accept messages from the process that now runs as this replica."""
        self._by_identity[child.identity] = child

    def dismiss(self, child: Child, handle: Handler) -> None:
        """Read the last messages of a process that has ended, and no more after that."""
        self.read(handle)
        self._by_identity.pop(child.identity, None)

    def read(self, handle: Handler) -> None:
        """Pass each waiting message to `handle`; count malformed ones."""
        for message in receive_all(self.socket, MAX_MESSAGES):
            child = self._by_identity.get(message[0])
            try:
                said = codec.unpack(message[-1])
                kind = codec.field(said, "kind", str)
                if child is None:
                    raise WireError(f"'{kind}' from {message[0]!r}, which is no process of this run")
                handle(child, kind, said)
            except WireError as error:
                self._report.rejected += 1
                self._report.log("launcher", "DEBUG", f"rejected a message on the bus: {error}")

    def send_command(self, child: Child, **command: Any) -> None:
        """Send a command to a process; one that is not up yet gets it in its configuration."""
        try_send(self.socket, [child.identity, codec.pack(command)])

    def close(self) -> None:
        self.socket.close()
        self.context.term()
