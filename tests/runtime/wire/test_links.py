"""Links with real sockets in one process: credit, replicas that come and go, and bytes from strangers."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from runtime.packet import Packet
from runtime.wire import codec
from runtime.wire import outlet as outlet_module
from runtime.wire.inlet import REPEAT_S, Arrival, Inlet
from runtime.wire.outlet import FORGIVE_AFTER_S, LINK_HEAD, Consumer, Outlet, dealt_replica
from runtime.wire.sockets import connect_dealer, receive_all

DEADLINE_S = 10.0
QUIET_S = 0.15
"""So long a test looks on to say that nothing comes: many times what a message takes."""


def packet(seq: int, *, source: str = "camera", **fields: int) -> Packet:
    return Packet(source=source, seq=seq, prev_seq=seq - 1, **fields)


class Net:
    """An outlet and the inlets behind it, with a clock that the test turns."""

    def __init__(self, folder: Path) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.endpoint = f"ipc://{folder}/out"
        self.now_s = 1000.0
        self.closing: list[Any] = []
        self.outlet = self.new_outlet(0)
        self.inlets: dict[str, Inlet] = {}
        self.arrived: dict[str, list[Arrival]] = {}

    def new_outlet(self, incarnation: int, *consumers: Consumer) -> Outlet:
        # A context of its own, as a process has: when it has ended, its socket has let go of the name.
        self.outlet_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.outlet = Outlet(
            self.outlet_context, self.endpoint, incarnation, consumers or [Consumer("detect")]
        )
        return self.outlet

    def end_outlet(self) -> None:
        self.outlet.close()
        self.outlet_context.term()

    def inlet(self, name: str, *, stage: str = "detect", capacity: int = 2, incarnation: int = 0) -> Inlet:
        inlet = Inlet(
            self.context,
            stage=stage,
            replica=int(name[-1]),
            incarnation=incarnation,
            capacity=capacity,
        )
        inlet.connect(self.endpoint)
        self.closing.append(inlet)
        self.inlets[name] = inlet
        self.arrived[name] = []
        return inlet

    def put(self, *seqs: int, **fields: Any) -> None:
        for seq in seqs:
            one = packet(seq, **fields)
            self.outlet.put(one, codec.encode_packet(one))

    def turn(self) -> list[tuple[str, int]]:
        """Let everybody do one round."""
        for name, inlet in self.inlets.items():
            self.arrived[name] += inlet.receive()
            inlet.give_credit(self.now_s)
        self.outlet.receive(self.now_s)
        return self.outlet.pump(self.now_s)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while not condition():
            self.turn()
            assert time.monotonic() < deadline_s, f"arrived: { {n: self.seqs(n) for n in self.arrived} }"
            time.sleep(0.001)

    def quiet(self) -> None:
        """Give everything time to come that would come."""
        until_s = time.monotonic() + QUIET_S
        while time.monotonic() < until_s:
            self.turn()
            time.sleep(0.005)

    def seqs(self, name: str) -> list[int]:
        return [arrival.packet.seq for arrival in self.arrived[name]]

    def work_off(self, name: str) -> None:
        for arrival in self.arrived[name]:
            self.inlets[name].done(arrival.endpoint)
        self.arrived[name] = []

    def close(self) -> None:
        self.end_outlet()
        for part in self.closing:
            part.close()
        self.context.term()


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    net = Net(tmp_path)
    yield net
    net.close()


class Stranger:
    """A raw DEALER that says what the test wants."""

    def __init__(self, net: Net, identity: str) -> None:
        self.socket = connect_dealer(net.context, net.endpoint, identity)
        net.closing.append(self.socket)
        self._net = net

    def send(self, *frames: bytes) -> None:
        """Send, and see to it that the outlet's socket has it."""
        self.socket.poll(int(DEADLINE_S * 1000), zmq.POLLOUT)
        self.socket.send_multipart(frames)

    def say(self, **fields: Any) -> None:
        credit = {"stage": "detect", "replica": 0, "outlet": 0, "received": 0, "upto": 0, "leaving": False}
        said = credit | fields
        self.send(codec.pack(said))

    def received(self) -> list[int]:
        """Numbers of the packets that have come within a moment."""
        numbers = []
        while self.socket.poll(int(QUIET_S * 1000)):
            numbers += [LINK_HEAD.unpack(message[0])[1] for message in receive_all(self.socket)]
        return [number for number in numbers if number]


# Credit


def test_a_packet_comes_as_it_was_put(net: Net) -> None:
    net.inlet("detect.0")
    net.put(3, floor_seq=2, attempt=1)

    net.until(lambda: net.seqs("detect.0") == [3])

    arrival = net.arrived["detect.0"][0]
    assert arrival.endpoint == net.endpoint
    assert arrival.packet == packet(3, floor_seq=2, attempt=1)
    assert codec.decode_packet(arrival.frames) == arrival.packet
    assert net.outlet.waiting == 0


def test_nothing_leaves_without_credit(net: Net) -> None:
    net.put(0)
    net.quiet()
    assert net.outlet.waiting == 1
    assert net.outlet.packets_sent == 0


def test_no_more_leaves_than_the_credit_allows_until_work_is_done(net: Net) -> None:
    net.inlet("detect.0", capacity=2)
    net.put(*range(5))

    net.until(lambda: net.seqs("detect.0") == [0, 1])
    net.quiet()
    assert net.outlet.waiting == 3

    net.work_off("detect.0")
    net.until(lambda: net.seqs("detect.0") == [2, 3])
    net.quiet()
    assert net.outlet.waiting == 1


def test_pump_names_the_frames_that_left(net: Net) -> None:
    net.inlet("detect.0", capacity=1)
    net.put(4, 5)
    left: list[tuple[str, int]] = []
    deadline_s = time.monotonic() + DEADLINE_S
    while not left and time.monotonic() < deadline_s:
        left = net.turn()
    assert left == [("camera", 4)]


def test_a_slow_replica_never_hoards(net: Net) -> None:
    net.inlet("detect.0", capacity=2)
    net.inlet("detect.1", capacity=2)
    net.put(*range(20))
    # detect.0 never gets ready with its first packets; detect.1 does the rest.
    done = 0

    def is_all_done() -> bool:
        nonlocal done
        done += len(net.arrived["detect.1"])
        net.work_off("detect.1")
        return done == 18

    net.until(is_all_done)
    assert len(net.seqs("detect.0")) == 2


def test_a_new_replica_is_fed_at_once(net: Net) -> None:
    net.inlet("detect.0", capacity=1)
    net.put(0, 1)
    net.until(lambda: net.seqs("detect.0") == [0])

    net.inlet("detect.1", capacity=1)

    net.until(lambda: net.seqs("detect.1") == [1])


def test_packets_go_to_the_least_loaded_replica_first(net: Net) -> None:
    net.inlet("detect.0", capacity=1)
    net.inlet("detect.1", capacity=3)
    net.quiet()
    net.put(0, 1)
    net.until(lambda: len(net.seqs("detect.1")) == 2)
    assert net.seqs("detect.0") == []


def test_lost_credit_heals_with_the_next_time_it_is_said(net: Net) -> None:
    inlet = net.inlet("detect.0")
    net.quiet()
    net.until(lambda: not receive_all(net.outlet.socket))
    net.put(0)
    # What it now knows of the peer is lost, and what the peer says.
    net.outlet._peers.clear()
    inlet.give_credit(net.now_s)
    net.quiet()
    assert net.outlet.waiting == 1

    net.now_s += REPEAT_S

    net.until(lambda: net.seqs("detect.0") == [0])


def test_credit_is_said_on_change_and_not_in_every_round(net: Net) -> None:
    inlet = net.inlet("detect.0")
    net.quiet()
    receive_all(net.outlet.socket)
    for _ in range(50):
        inlet.give_credit(net.now_s)
    assert not net.outlet.socket.poll(int(QUIET_S * 1000))


def test_a_packet_that_never_came_is_forgiven_after_a_time(net: Net) -> None:
    peer = Stranger(net, "detect.0#0")
    peer.say(upto=1)
    net.put(0, 1)
    net.until(lambda: net.outlet.packets_sent == 1)

    net.now_s += FORGIVE_AFTER_S / 2
    peer.say(upto=1)
    net.quiet()
    assert net.outlet.packets_sent == 1

    net.now_s += FORGIVE_AFTER_S
    peer.say(upto=1)
    net.until(lambda: net.outlet.packets_sent == 2)


def test_old_words_read_late_make_no_room(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Stranger(net, "detect.0#0")
    peer.say(upto=1)
    net.put(0, 1)
    net.until(lambda: net.outlet.packets_sent == 1)
    # Our own process was busy for a while; meanwhile the peer said "not yet" and then "here, and no room".
    peer.say(received=0, upto=1)
    peer.say(received=1, upto=1)
    both: list[list[bytes]] = []
    while len(both) < 2:
        assert net.outlet.socket.poll(int(DEADLINE_S * 1000))
        both += receive_all(net.outlet.socket)
    # It reads the two in one round, as after such a time; on a busy machine they may come one by one.
    monkeypatch.setattr(
        outlet_module, "receive_all", lambda socket: [both.pop(0) for _ in both[:]] + receive_all(socket)
    )
    net.now_s += 2 * FORGIVE_AFTER_S
    net.quiet()
    assert net.outlet.packets_sent == 1


# Processes that end


def test_a_replica_that_is_gone_keeps_nothing_from_the_others(net: Net) -> None:
    gone = net.inlet("detect.0", capacity=5)
    net.quiet()
    gone.close()
    del net.inlets["detect.0"]
    net.inlet("detect.1", capacity=5)
    net.put(0, 1, 2)
    net.until(lambda: net.outlet.waiting == 0)
    net.quiet()
    # What left for the dead one in its last moment comes again from the source; the rest is here.
    assert len(net.seqs("detect.1")) + 3 >= net.outlet.packets_sent
    net.put(3)
    net.until(lambda: 3 in net.seqs("detect.1"))


def test_a_new_process_of_a_replica_starts_with_its_own_credit(net: Net) -> None:
    first = net.inlet("detect.0", capacity=1)
    net.put(0)
    net.until(lambda: net.seqs("detect.0") == [0])
    first.close()

    net.inlet("detect.0", capacity=1, incarnation=1)
    net.put(1)

    net.until(lambda: net.seqs("detect.0") == [1])


def test_a_new_process_of_the_outlet_is_recognised_and_counts_from_the_start(net: Net) -> None:
    net.inlet("detect.0", capacity=2)
    net.put(0, 1)
    net.until(lambda: net.seqs("detect.0") == [0, 1])
    net.work_off("detect.0")
    net.end_outlet()

    net.new_outlet(1)
    net.put(2, 3, 4)

    net.until(lambda: net.seqs("detect.0") == [2, 3])
    net.quiet()
    assert net.outlet.waiting == 1


def test_packets_still_held_from_an_earlier_outlet_count_against_the_credit(net: Net) -> None:
    net.inlet("detect.0", capacity=2)
    net.put(0, 1)
    net.until(lambda: net.seqs("detect.0") == [0, 1])
    net.end_outlet()

    net.new_outlet(1)
    net.put(2)
    net.now_s += REPEAT_S
    net.quiet()
    assert net.seqs("detect.0") == [0, 1]

    net.work_off("detect.0")
    net.until(lambda: net.seqs("detect.0") == [2])


def test_the_outlet_may_start_last(net: Net) -> None:
    net.end_outlet()
    net.inlet("detect.0")
    net.inlets["detect.0"].give_credit(net.now_s)

    net.new_outlet(0)
    net.put(0)

    net.until(lambda: net.seqs("detect.0") == [0])


# What waits


def test_at_most_one_copy_of_a_frame_waits_and_it_is_the_newest(net: Net) -> None:
    net.put(0, attempt=0)
    net.put(0, attempt=1)
    assert net.outlet.waiting == 1
    net.inlet("detect.0")
    net.until(lambda: net.seqs("detect.0") == [0])
    assert net.arrived["detect.0"][0].packet.attempt == 1


def test_a_newer_copy_keeps_the_place_of_the_older(net: Net) -> None:
    net.put(0, 1)
    net.put(0, attempt=1)
    net.inlet("detect.0")
    net.until(lambda: net.seqs("detect.0") == [0, 1])


def test_a_frame_that_comes_again_leaves_before_later_ones_of_its_source(net: Net) -> None:
    net.put(3, 4, 1, 2)
    net.inlet("detect.0", capacity=4)
    net.until(lambda: net.seqs("detect.0") == [1, 2, 3, 4])


def test_a_frame_given_up_does_not_leave(net: Net) -> None:
    net.put(0, 1)
    net.outlet.discard(("camera", 0))
    net.outlet.discard(("camera", 7))
    net.inlet("detect.0")
    net.until(lambda: net.seqs("detect.0") == [1])


def test_copies_below_the_floor_are_stale_and_do_not_leave(net: Net) -> None:
    net.put(0, 1)
    net.put(0, source="other")
    net.put(2, floor_seq=2)
    net.inlet("detect.0", capacity=9)
    net.until(lambda: len(net.arrived["detect.0"]) == 2)
    net.quiet()
    keys = [arrival.packet.key for arrival in net.arrived["detect.0"]]
    assert keys == [("other", 0), ("camera", 2)]
    assert net.outlet.waiting == 0


def test_each_consuming_stage_gets_every_packet(net: Net) -> None:
    net.end_outlet()
    net.new_outlet(0, Consumer("detect"), Consumer("film"))
    net.inlet("detect.0", capacity=1)
    net.inlet("film.0", stage="film", capacity=5)
    net.put(0, 1)
    net.until(lambda: net.seqs("film.0") == [0, 1])
    net.until(lambda: net.seqs("detect.0") == [0])
    assert net.outlet.waiting == 1


def test_an_ordered_stage_gets_each_source_at_one_replica(net: Net) -> None:
    net.end_outlet()
    net.new_outlet(0, Consumer("track", is_ordered=True, replicas=2))
    for replica in range(2):
        net.inlet(f"track.{replica}", stage="track", capacity=9)
    sources = ["a", "b", "c", "d"]
    for seq in range(3):
        for source in sources:
            net.put(seq, source=source)
    net.until(lambda: sum(len(arrived) for arrived in net.arrived.values()) == 12)
    for replica in range(2):
        here = {arrival.packet.source for arrival in net.arrived[f"track.{replica}"]}
        assert here == {source for source in sources if dealt_replica(source, 2) == replica}
    assert dealt_replica("a", 2) != dealt_replica("b", 2)


def test_an_ordered_stage_whose_replica_is_away_does_not_stop_the_other_sources(net: Net) -> None:
    net.end_outlet()
    net.new_outlet(0, Consumer("track", is_ordered=True, replicas=2))
    away = dealt_replica("a", 2)
    net.put(0, source="a")
    net.put(0, source="b")
    net.inlet(f"track.{1 - away}", stage="track")
    net.until(lambda: net.seqs(f"track.{1 - away}") == [0])
    assert net.outlet.waiting == 1


# Bytes from strangers


def credit(**fields: Any) -> bytes:
    credit = {"stage": "detect", "replica": 0, "outlet": 0, "received": 0, "upto": 9, "leaving": False}
    said = credit | fields
    return codec.pack({name: value for name, value in said.items() if value is not ...})


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([b""], id="nothing"),
        pytest.param([os.urandom(200)], id="random bytes"),
        pytest.param([b"\xdd\xff\xff\xff\xff"], id="a huge length"),
        pytest.param([credit(), b"more"], id="two frames"),
        pytest.param([credit(stage="film")], id="a stage that is not linked"),
        pytest.param([credit(stage=...)], id="no stage"),
        pytest.param([credit(replica=-1)], id="replica -1"),
        pytest.param([credit(upto="9")], id="upto as text"),
        pytest.param([credit(upto=2**63)], id="upto out of range"),
        pytest.param([credit(received=-1)], id="received -1"),
        pytest.param([credit(outlet=None)], id="no incarnation"),
    ],
)
def test_junk_on_an_outlet_is_rejected_and_counted_and_the_link_goes_on(
    net: Net, frames: list[bytes]
) -> None:
    stranger = Stranger(net, "stranger")
    stranger.send(*frames)
    net.until(lambda: net.outlet.rejected == 1)

    net.put(0)
    net.inlet("detect.0")
    net.until(lambda: net.seqs("detect.0") == [0])
    assert net.outlet.rejected == 1
    assert stranger.received() == []


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([b""], id="nothing"),
        pytest.param([b"short"], id="a short head"),
        pytest.param([os.urandom(17), b"x"], id="a long head"),
        pytest.param([LINK_HEAD.pack(0, 1), b""], id="an empty packet"),
        pytest.param([LINK_HEAD.pack(0, 1), b"\xdd\xff\xff\xff\xff"], id="a huge length"),
        pytest.param([LINK_HEAD.pack(0, 1), codec.pack({"v": 2})], id="another version"),
        pytest.param(
            [LINK_HEAD.pack(0, 1), *map(bytes, codec.encode_packet(packet(0))), b"x", b"y"],
            id="frames too many",
        ),
    ],
)
def test_junk_at_an_inlet_is_rejected_and_counted_and_the_link_goes_on(net: Net, frames: list[bytes]) -> None:
    inlet = net.inlet("detect.0", capacity=1)
    net.until(lambda: bool(net.outlet._peers))
    net.outlet.socket.send_multipart([b"detect.0#0", *frames])
    net.until(lambda: inlet.rejected == 1)

    net.put(0)
    net.until(lambda: net.seqs("detect.0") == [0])
    net.work_off("detect.0")
    net.put(1)
    net.until(lambda: net.seqs("detect.0") == [1])


def test_a_packet_of_an_earlier_outlet_is_passed_over(net: Net) -> None:
    net.end_outlet()
    net.new_outlet(3)
    net.inlet("detect.0")
    net.put(0)
    net.until(lambda: net.seqs("detect.0") == [0])

    old = [LINK_HEAD.pack(2, 5), *map(bytes, codec.encode_packet(packet(9)))]
    net.outlet.socket.send_multipart([b"detect.0#0", *old])
    net.put(1)
    net.until(lambda: net.seqs("detect.0") == [0, 1])


def test_an_inlet_leaves_an_upstream_process_and_takes_no_more_of_it(net: Net) -> None:
    inlet = net.inlet("detect.0")
    net.put(0)
    net.until(lambda: net.seqs("detect.0") == [0])
    inlet.disconnect(net.endpoint)
    net.work_off("detect.0")
    assert inlet.sockets == []
    net.put(1)
    net.quiet()
    assert net.seqs("detect.0") == []


# Several upstreams, leaving, and sources that have left


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
