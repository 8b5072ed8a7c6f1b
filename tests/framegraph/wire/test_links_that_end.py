"""Links whose processes end, and what waits in an outlet."""

import time

from framegraph.wire.inlet import REPEAT_S
from framegraph.wire.outlet import Consumer, dealt_replica
from tests.framegraph.wire.links_kit import DEADLINE_S, Net

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


def test_a_process_that_is_said_to_be_dead_gets_nothing_more_whatever_it_had_said(net: Net) -> None:
    dead = net.inlet("detect.0", capacity=2)
    net.put(0)
    net.until(lambda: net.seqs("detect.0") == [0])
    dead.give_credit(net.now_s + 1)  # on its way when it dies; its socket is open still

    net.outlet.remove_peer("detect", 0, 0)
    net.put(1)
    net.quiet()
    assert net.outlet.waiting == 1

    net.inlet("detect.0", capacity=2, incarnation=1)
    net.until(lambda: net.seqs("detect.0") == [1])


def test_a_new_process_of_the_outlet_is_recognised_and_counts_from_the_start(net: Net) -> None:
    net.inlet("detect.0", capacity=2)
    net.put(0, 1)
    net.until(lambda: net.seqs("detect.0") == [0, 1])
    net.work_off("detect.0")
    net.end_outlet()

    net.new_outlet(1)
    net.put(2, 3, 4)

    net.until_sent()
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


def test_a_replica_that_leaves_does_not_wait_for_an_upstream_that_has_ended(net: Net) -> None:
    inlet = net.inlet("detect.0", capacity=2)
    net.put(0)
    net.until(lambda: net.seqs("detect.0") == [0])
    net.end_outlet()

    inlet.leave()
    deadline_s = time.monotonic() + DEADLINE_S
    while not inlet.has_left:
        inlet.receive()
        inlet.give_credit(time.monotonic())
        assert time.monotonic() < deadline_s

    # Should it come back, it hears that there is no room.
    net.new_outlet(1)
    net.put(1)
    net.quiet()
    assert net.seqs("detect.0") == [0]


# Connections that are lost, while the processes at both ends live


def test_a_connection_that_is_lost_is_made_again_and_used(net: Net) -> None:
    net.inlet("detect.0", capacity=2)
    net.put(0)
    net.until(lambda: net.seqs("detect.0") == [0])
    net.work_off("detect.0")

    # The outlet is busy with other things: it does not look at its socket before it is connected again.
    net.cut()
    net.now_s += REPEAT_S
    net.put(1)

    net.until(lambda: 1 in net.seqs("detect.0"))
