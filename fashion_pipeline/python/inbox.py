"""The program's end of an app_sink: frames in order, each once, as many as there is room for."""

import json
import threading
from collections import deque
from typing import Any

import zmq

from fashion_pipeline.stages.records.handing import ENOUGH, GIVE, HAVE, HELLO, READY
from framegraph.wire.sockets import bind_router, receive_all, try_send

Arrived = tuple[bytes, bytes, tuple[int, ...]]
"""A line, and with pictures the bytes and the shape of the frame's."""


class Inbox:
    """Records that have arrived and were not yet taken, of at most `limit` frames.

    `serve` belongs to one thread, the other methods to any.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", address: str, limit: int) -> None:
        self.socket = bind_router(context, address)
        self.has_enough = False
        self._limit = limit
        self._arrived: deque[Arrived] = deque()
        self._changed = threading.Condition()
        self._has_ended = False
        self._peers: dict[str, bytes] = {}
        self._waiting: dict[str, None] = {}
        self._allowed: set[str] = set()
        self._streams: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def take(self) -> Arrived | None:
        """Return the next record once it is here; None at the end."""
        with self._changed:
            while not self._arrived and not self._has_ended:
                self._changed.wait()
            return self._arrived.popleft() if self._arrived else None

    def enough(self) -> None:
        """Take nothing more: the sinks then pass over what is left."""
        with self._changed:
            self.has_enough = True
            self._arrived.clear()

    def end(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def serve(self) -> None:
        """Receive what has come, and allow as much more as there is room for."""
        for peer, kind, *rest in receive_all(self.socket):
            if kind == HELLO:
                source = rest[0].decode()
                # A new process in the place of one that died: what that one was allowed is void.
                self._peers[source] = peer
                self._allowed.discard(source)
                self._waiting[source] = None
            elif kind == GIVE:
                self._receive(peer, json.loads(rest[0]), rest[1], rest[2])
        if self.has_enough:
            for peer in self._peers.values():
                try_send(self.socket, [peer, ENOUGH])
            return
        room = self._limit - len(self._arrived) - len(self._allowed)
        for source in [*self._waiting][: max(0, room)]:
            del self._waiting[source]
            if try_send(self.socket, [self._peers[source], READY]):
                self._allowed.add(source)

    def _receive(self, peer: bytes, head: dict[str, Any], lines: bytes, picture: bytes) -> None:
        source, up_to = head["source"], int(head["up_to"])
        stream = head["stream"]
        if stream is not None and stream != self._streams.get(source):
            # Another source under the same name: it counts from 0 again.
            self._streams[source] = stream
            self._last[source] = -1
        if up_to > self._last.get(source, -1):
            self._last[source] = up_to
            self._put(lines.splitlines(), picture, tuple(head["shape"]))
        self._allowed.discard(source)
        self._waiting[source] = None
        try_send(self.socket, [peer, HAVE, str(up_to).encode()])

    def _put(self, lines: list[bytes], picture: bytes, shape: tuple[int, ...]) -> None:
        with self._changed:
            if self.has_enough:
                return
            for line in lines[:-1]:
                self._arrived.append((line, b"", ()))
            self._arrived.append((lines[-1], picture, shape))
            self._changed.notify_all()
