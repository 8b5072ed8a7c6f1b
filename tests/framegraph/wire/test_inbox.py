"""A worker's inbox: fair to sources, careful with suspects, never two copies of a frame."""

import pytest

from framegraph.packet import Packet
from framegraph.wire.inbox import Inbox
from framegraph.wire.inlet import Arrival


def arrival(source: str, seq: int, *, alone: bool = False, floor_seq: int = 0) -> Arrival:
    return Arrival("ipc://x", Packet(source=source, seq=seq, alone=alone, floor_seq=floor_seq), [])


def inbox(*arrivals: Arrival) -> Inbox:
    box = Inbox()
    for one in arrivals:
        assert box.put(one) == []
    return box


def taken(box: Inbox, limit: int) -> list[str]:
    return [f"{one.packet.source}{one.packet.seq}" for one in box.take(limit)]


def test_an_empty_inbox_gives_an_empty_batch() -> None:
    assert Inbox().take(4) == []
    assert len(Inbox()) == 0


def test_the_oldest_frames_of_a_source_come_first_whenever_they_arrived() -> None:
    box = inbox(*(arrival("a", seq) for seq in (2, 0, 1)))
    assert taken(box, 2) == ["a0", "a1"]
    assert taken(box, 2) == ["a2"]
    assert len(box) == 0


def test_sources_take_turns() -> None:
    box = inbox(*(arrival("a", seq) for seq in range(4)), arrival("b", 0), arrival("c", 0))
    assert taken(box, 4) == ["a0", "b0", "c0", "a1"]
    assert taken(box, 4) == ["a2", "a3"]


def test_a_busy_source_does_not_starve_another_from_batch_to_batch() -> None:
    box = inbox(*(arrival("a", seq) for seq in range(5)), *(arrival("b", seq) for seq in range(5)))
    assert [taken(box, 1)[0][0] for _ in range(10)] == ["a", "b"] * 5


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_a_packet_that_has_to_be_alone_is_a_batch_of_its_own(limit: int) -> None:
    box = inbox(arrival("a", 0), arrival("a", 1, alone=True), arrival("a", 2))
    batches = [taken(box, limit) for _ in range(3)]
    assert batches == [["a0"], ["a1"], ["a2"]]


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_a_packet_that_has_to_be_alone_is_not_starved_by_a_busy_source(limit: int) -> None:
    box = inbox(arrival("b", 0), arrival("a", 0, alone=True))
    for seq in range(1, 20):
        batch = taken(box, limit)
        if "a0" in batch:
            assert batch == ["a0"]
            return
        box.put(arrival("b", 2 * seq))
        box.put(arrival("b", 2 * seq + 1))
    raise AssertionError("the suspect never had its turn")


def test_a_newer_copy_replaces_the_one_that_waits() -> None:
    old, new = arrival("a", 0), arrival("a", 0, alone=True)
    box = inbox(old)
    assert box.put(new) == [old]
    assert box.take(2) == [new]


def test_the_same_seq_of_another_source_is_another_frame() -> None:
    box = inbox(arrival("a", 0), arrival("b", 0))
    assert len(box) == 2


def test_what_every_sink_has_is_stale() -> None:
    first, second = arrival("a", 0), arrival("a", 1)
    box = inbox(first, second)
    assert box.put(arrival("a", 2, floor_seq=1)) == [first]
    late = arrival("a", 0)
    assert box.put(late) == [late]
    assert taken(box, 4) == ["a1", "a2"]


def test_the_floor_of_one_source_says_nothing_of_another() -> None:
    box = inbox(arrival("a", 0), arrival("b", 9, floor_seq=9))
    assert len(box) == 2


def test_a_source_gets_the_turns_of_its_priority() -> None:
    box = Inbox({"a": 3})
    for seq in range(12):
        box.put(arrival("a", seq))
        box.put(arrival("b", seq))
    order = "".join(taken(box, 1)[0][0] for _ in range(12))
    assert order.count("a") == 9
    assert "bb" not in order


def test_a_source_that_had_nothing_to_send_saves_no_turns_up() -> None:
    box = inbox(*(arrival("a", seq) for seq in range(20)))
    taken(box, 10)
    for seq in range(10):
        box.put(arrival("b", seq))
    assert [taken(box, 1)[0][0] for _ in range(6)] == ["b", "a", "b", "a", "b", "a"]


def test_a_source_that_has_left_leaves_nothing_behind() -> None:
    waiting = arrival("a", 7, floor_seq=7)
    box = inbox(waiting, arrival("b", 0))
    assert box.forget("a") == [waiting]
    assert box.forget("a") == []
    # It comes again under its name, and begins at 0.
    assert box.put(arrival("a", 0)) == []
    assert taken(box, 4) == ["b0", "a0"]
