"""How often an inlet says how much it may be sent."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from framegraph.wire import codec
from framegraph.wire.inlet import REPEAT_S, Arrival, Inlet
from framegraph.wire.outlet import CREDIT, LINK_HEAD, MAGIC
from framegraph.wire.sockets import bind_router, receive_all
from tests.framegraph.wire.links_kit import DEADLINE_S, QUIET_S, packet

NOW_S = 1000.0
OURS = 7
CAPACITY = 9
STEP = 4


class Upstream:
    """The other end of an inlet's link, bare: it sends what it likes and reads each word about credit."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", folder: Path) -> None:
        self.socket = bind_router(context, f"ipc://{folder}/out")
        self.inlet = Inlet(context, stage="detect", replica=0, incarnation=0, capacity=CAPACITY)
        self.inlet.credit_step = STEP
        self.inlet.connect(f"ipc://{folder}/out")
        self.now_s = NOW_S
        self.here: list[Arrival] = []
        self._sent = 0

    def word(self) -> int:
        """Up to which packet the inlet may be sent, as it says now."""
        self.inlet.give_credit(self.now_s)
        assert self.socket.poll(int(DEADLINE_S * 1000)), "it says nothing"
        return self._read()[-1]

    def is_silent(self) -> bool:
        self.inlet.give_credit(self.now_s)
        return not self.socket.poll(int(QUIET_S * 1000))

    def first_word(self) -> int:
        """There is nobody to say it to before the link is there."""
        deadline_s = time.monotonic() + DEADLINE_S
        while self.is_silent():
            assert time.monotonic() < deadline_s
            self.now_s += REPEAT_S
        return self._read()[-1]

    def _read(self) -> list[int]:
        return [CREDIT.unpack(message[1])[3] for message in receive_all(self.socket)]

    def send(self, count: int) -> None:
        for _one in range(count):
            (frame,) = codec.encode_packet(packet(self._sent))
            self._sent += 1
            head = LINK_HEAD.pack(MAGIC, OURS, self._sent)
            self.socket.send_multipart([b"detect.0#0", head + bytes(frame)])
        deadline_s = time.monotonic() + DEADLINE_S
        while len(self.here) < count:
            self.here += self.inlet.receive()
            assert time.monotonic() < deadline_s

    def work_off(self) -> None:
        for arrival in self.here:
            self.inlet.done(arrival.endpoint)
        self.here = []


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    with zmq.Context() as context:
        upstream = Upstream(context, tmp_path)
        assert upstream.first_word() == CAPACITY
        # The word in which it has found out who we are.
        upstream.send(1)
        upstream.work_off()
        assert upstream.word() == CAPACITY + 1
        yield upstream
        upstream.inlet.close()
        upstream.socket.close()


def test_room_for_a_few_more_is_not_said_while_enough_may_still_come(upstream: Upstream) -> None:
    for _packet in range(STEP - 1):
        upstream.send(1)
        upstream.work_off()
        assert upstream.is_silent()
    upstream.send(1)
    upstream.work_off()
    assert upstream.word() == CAPACITY + 1 + STEP


def test_room_for_one_is_said_to_who_has_used_up_what_it_had(upstream: Upstream) -> None:
    upstream.send(CAPACITY)
    upstream.inlet.done(upstream.here.pop().endpoint)
    assert upstream.word() == CAPACITY + 2


def test_less_room_is_said_at_once(upstream: Upstream) -> None:
    upstream.inlet.capacity = CAPACITY - 1
    assert upstream.word() == CAPACITY


def test_what_has_come_is_said_with_the_next_repetition(upstream: Upstream) -> None:
    upstream.send(1)
    assert upstream.is_silent()
    upstream.now_s += REPEAT_S
    assert upstream.word() == CAPACITY + 1
