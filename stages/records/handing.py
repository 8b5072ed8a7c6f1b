"""The end of a sink that hands records to a program, one frame at a time, and knows when it has them.

Messages to the program: HELLO, source; GIVE, head (JSON), lines, picture or nothing. Messages from it:
READY, give me one; HAVE, number, the frame is in its memory; ENOUGH, it wants no more. All over one ipc
socket, which the program binds (ROUTER) and each object of the sink connects to (DEALER).
"""

import json
import os
import time
from typing import Any

import zmq

from framegraph.errors import StageError
from framegraph.wire.sockets import connect_dealer, receive_all, try_send

HELLO, GIVE, READY, HAVE, ENOUGH = b"HELLO", b"GIVE", b"READY", b"HAVE", b"ENOUGH"
POLL_MS = 50


class Hand:
    """The connection of one source's records to the program at `address`.

    `wait_s`: how long it may take to reach the program. One that was reached and has gone will not return.
    """

    def __init__(self, address: str, source: str, wait_s: float) -> None:
        self._socket = connect_dealer(
            zmq.Context.instance(), address, f"{source}#{os.getpid()}#{time.monotonic_ns()}"
        )
        self._address = address
        self._source = source
        self._until_s = time.monotonic() + wait_s
        self._has_greeted = False
        self._may_give = False
        self._has_enough = False
        self._has: int | None = None

    @property
    def socket(self) -> "zmq.Socket[bytes]":
        """For waiting: it can be read once the program has said something."""
        return self._socket

    @property
    def is_ready(self) -> bool:
        """Whether the program takes a frame now, or never will again, which `give` then says."""
        self._listen()
        return self._may_give or self._has_enough or self._is_alone

    def _listen(self) -> None:
        self._has_greeted = self._has_greeted or try_send(self._socket, [HELLO, self._source.encode()])
        for kind, *rest in receive_all(self._socket):
            if kind == READY:
                self._may_give = True
            elif kind == HAVE:
                self._has = int(rest[0])
            elif kind == ENOUGH:
                self._has_enough = True

    @property
    def _is_connected(self) -> bool:
        # Its socket takes messages only while there is somebody at the other end (IMMEDIATE).
        return bool(int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLOUT)

    @property
    def _is_alone(self) -> bool:
        return not self._is_connected and (self._has_greeted or time.monotonic() > self._until_s)

    def give(self, head: dict[str, Any], lines: bytes, picture: "bytes | memoryview" = b"") -> None:
        """Hand over a frame and return once the program has it, or wants no more; StageError if there is no
        program. head["up_to"]: the number of its last frame."""
        self._has = None
        self._may_give = False
        is_sent = False
        while self._has != head["up_to"] and not self._has_enough:
            if self._is_alone:
                raise StageError(
                    f"nobody reads the records at {self._address} any more; start the run from the program "
                    "that reads them"
                )
            self._listen()
            is_sent = is_sent or (self._has_greeted and self._send(head, lines, picture))
            self._socket.poll(POLL_MS)
            self._listen()

    def _send(self, head: dict[str, Any], lines: bytes, picture: "bytes | memoryview") -> bool:
        return try_send(self._socket, [GIVE, json.dumps(head).encode(), lines, picture])

    def close(self) -> None:
        self._socket.close()
