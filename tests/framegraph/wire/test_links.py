"""Credit: who may be sent what, and who gets the next packet."""

import time

import pytest

from framegraph.wire import codec
from framegraph.wire import outlet as outlet_module
from framegraph.wire.inlet import REPEAT_S
from framegraph.wire.outlet import FORGIVE_AFTER_S
from framegraph.wire.sockets import receive_all
from tests.framegraph.wire.links_kit import DEADLINE_S, QUIET_S, Net, Stranger, packet


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
