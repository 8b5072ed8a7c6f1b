"""Several upstreams of one inlet, leaving, and sources that have left."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from framegraph.packet import Packet
from framegraph.wire import codec
from framegraph.wire.inlet import REPEAT_S, Arrival, Inlet
from framegraph.wire.outlet import Consumer, Outlet
from tests.framegraph.wire.links_kit import QUIET_S, Net


@pytest.fixture
def fan(tmp_path: Path) -> Iterator[tuple[list[Outlet], Inlet]]:
    """Three outlets with plenty to send, into one inlet."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    outlets = [Outlet(context, f"ipc://{tmp_path}/{name}", 0, [Consumer("detect")]) for name in "abc"]
    inlet = Inlet(context, stage="detect", replica=0, incarnation=0, capacity=2)
    for name, outlet in zip("abc", outlets, strict=True):
        inlet.connect(f"ipc://{tmp_path}/{name}", weight=2 if name == "c" else 1)
        for seq in range(20):
            one = Packet(source=name, seq=seq, prev_seq=seq - 1)
            outlet.put(one, codec.encode_packet(one))
    yield outlets, inlet
    inlet.close()
    for outlet in outlets:
        outlet.close()
    context.term()


def fan_turns(outlets: list[Outlet], inlet: Inlet, seconds: float = QUIET_S) -> list[Arrival]:
    arrived: list[Arrival] = []
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        arrived += inlet.receive()
        inlet.give_credit(1000.0 + time.monotonic())
        for outlet in outlets:
            outlet.receive(1000.0)
            outlet.pump(1000.0)
        time.sleep(0.002)
    return arrived


@pytest.mark.slow
def test_each_upstream_has_its_place_in_a_full_inlet_and_no_more(fan: tuple[list[Outlet], Inlet]) -> None:
    outlets, inlet = fan
    first = fan_turns(outlets, inlet, 10 * QUIET_S)
    for one in first:
        inlet.done(one.endpoint)
    # The first credit, given while all was free, may be used by all; from then on places are kept.
    held = fan_turns(outlets, inlet, 10 * QUIET_S)
    while len(held) < 4:
        held += fan_turns(outlets, inlet)
    counts = Counter(one.packet.source for one in held)
    assert set(counts) == {"a", "b", "c"}
    for _round in range(5):
        for one in [one for one in held if one.packet.source == "a"]:
            inlet.done(one.endpoint)
            held.remove(one)
        held += fan_turns(outlets, inlet)
    last = Counter(one.packet.source for one in held)
    assert last["a"] <= 2
    assert last["b"] == counts["b"], "while the inlet is full, b sends only in place of what was done of b"


def test_who_leaves_has_all_that_was_sent_and_gets_no_more(net: Net) -> None:
    inlet = net.inlet("detect.0", capacity=3)
    net.put(*range(6))
    net.until(lambda: net.seqs("detect.0") == [0, 1, 2])
    inlet.leave()
    net.work_off("detect.0")
    net.until(lambda: inlet.has_left)
    net.quiet()
    assert net.seqs("detect.0") == []
    assert net.outlet.waiting == 3
    # Another replica gets what is left.
    net.inlet("detect.1", capacity=9)
    net.until(lambda: net.seqs("detect.1") == [3, 4, 5])


def test_what_was_sent_is_delivered_once_the_peer_says_so(net: Net) -> None:
    net.inlet("detect.0", capacity=3)
    net.put(0, 1)
    net.until(lambda: net.seqs("detect.0") == [0, 1])
    # It has room still, so it says so only when it speaks anyway.
    net.now_s += REPEAT_S
    net.until(lambda: net.outlet.has_delivered)
    net.put(2, 3, 4, 5)
    net.turn()
    assert not net.outlet.has_delivered


def test_a_packet_of_a_source_that_has_left_is_none_of_its_successor(net: Net) -> None:
    inlet = net.inlet("detect.0", capacity=9)
    inlet.streams = {"camera": 4}
    net.put(0, stream=3)
    net.put(1, stream=4)
    net.until(lambda: net.seqs("detect.0") == [1])
    assert inlet.stale == 1
    assert inlet.rejected == 0


def test_a_source_that_has_left_is_not_sent(net: Net) -> None:
    net.put(0, 1, 2)
    net.outlet.forget("camera")
    assert net.outlet.waiting == 0
