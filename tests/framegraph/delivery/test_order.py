"""Packets of one source into order, each once."""

import itertools

import pytest

from framegraph.delivery.order import End, Order
from framegraph.packet import Packet

CHAIN = (0, 1, 4, 5)
"""Seqs that were sent; 2 and 3 were dropped."""


def packet(seq: int) -> Packet:
    place = CHAIN.index(seq)
    return Packet(source="camera", seq=seq, prev_seq=CHAIN[place - 1] if place else -1)


def taken(order: Order) -> list[int]:
    return [packet.seq for packet in iter(order.take, None)]


def test_nothing_is_taken_from_an_empty_order() -> None:
    assert Order().take() is None


@pytest.mark.parametrize("arriving", list(itertools.permutations(CHAIN)))
def test_packets_are_taken_in_order_whatever_their_arrival(arriving: tuple[int, ...]) -> None:
    order = Order()
    found = []
    for seq in arriving:
        assert order.offer(packet(seq))
        found += taken(order)
    assert found == list(CHAIN)


def test_a_hole_that_was_dropped_does_not_wait_and_one_on_its_way_does() -> None:
    order = Order()
    for seq in (0, 4):
        order.offer(packet(seq))
    assert taken(order) == [0]
    assert order.held == [4]


@pytest.mark.parametrize(
    ("before", "repeated"),
    [
        pytest.param([0, 1], 0, id="one that has passed"),
        pytest.param([0, 1], 1, id="the last that has passed"),
        pytest.param([4], 4, id="one that waits"),
    ],
)
def test_a_repeated_packet_is_refused(before: list[int], repeated: int) -> None:
    order = Order()
    for seq in before:
        order.offer(packet(seq))
    taken(order)
    held = order.held
    assert not order.offer(packet(repeated))
    assert order.held == held


def test_a_packet_put_aside_may_come_again() -> None:
    order = Order()
    order.offer(packet(0))
    order.offer(packet(1))
    first = order.take()
    assert first is not None
    order.put_aside(first)

    assert order.take() is None
    assert order.offer(packet(0))
    assert taken(order) == [0, 1]


def test_an_order_goes_on_after_what_an_earlier_process_committed() -> None:
    order = Order(last_seq=1)
    assert not order.offer(packet(1))
    assert order.offer(packet(4))
    assert taken(order) == [4]


def test_start_after_forgets_what_is_over_and_keeps_the_rest() -> None:
    order = Order()
    for seq in (1, 5):
        order.offer(packet(seq))
    order.start_after(4)
    assert order.held == [5]
    assert taken(order) == [5]


def test_start_after_an_older_frame_changes_nothing() -> None:
    order = Order(last_seq=4)
    order.start_after(1)
    assert order.last_seq == 4


@pytest.mark.parametrize(
    ("passed", "end", "is_at_end"),
    [
        pytest.param([], None, False, id="no end was told"),
        pytest.param([], -1, True, id="a stream without frames"),
        pytest.param([0], 1, False, id="a frame is missing"),
        pytest.param([0, 1], 1, True, id="the last frame has passed"),
    ],
)
def test_the_end_is_reached_with_the_last_frame(passed: list[int], end: int | None, is_at_end: bool) -> None:
    order = Order()
    order.end = None if end is None else End(last_seq=end, cause="finished")
    for seq in passed:
        order.offer(packet(seq))
    taken(order)
    assert order.is_at_end is is_at_end
