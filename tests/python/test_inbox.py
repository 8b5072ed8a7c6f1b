"""Between an app_sink and its reader: each frame once, in order, however often it is sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fashion_pipeline.stages.app_sink import AppSink
from fashion_pipeline.stages.records.handing import Hand
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.testing import make_packet, make_stage, run_sink
from tests.launching import wait_for
from tests.python.reading import served, short_folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    short = short_folder(tmp_path_factory.mktemp("inbox"))
    yield short
    short.unlink()


def packets(count: int) -> list[Packet]:
    return [make_packet(seq=seq) for seq in range(count)]


def taken(reading: Any) -> list[tuple[bytes, bytes, tuple[int, ...]]]:
    return [reading.inbox.take() for _arrived in reading.here()]


def head(source: str, seq: int, stream: int = 0) -> dict[str, Any]:
    return {"source": source, "stream": stream, "up_to": seq, "shape": ()}


@given(
    lives=st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=6
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_frame_that_is_sent_again_is_there_once(lives: list[tuple[str, int, int]], place: Path) -> None:
    """Each life of a sink sends some frames anew from a place that is committed, and dies."""
    sent = {"a": 0, "b": 0}
    with served(place, limit=1000) as reading:
        for source, count, again in lives:
            hand = Hand(reading.address, source, 10)
            first = max(0, sent[source] - again)
            for seq in range(first, first + count):
                hand.give(head(source, seq), f"{source}{seq}\n".encode())
                sent[source] = max(sent[source], seq + 1)
            hand.close()
        lines = [line.decode() for line, _picture, _shape in taken(reading)]
    for source, count in sent.items():
        assert [line for line in lines if line[0] == source] == [f"{source}{seq}" for seq in range(count)]


def test_no_more_is_taken_than_there_is_room_for(place: Path) -> None:
    with served(place, limit=3) as reading:
        hands = [Hand(reading.address, source, 10) for source in ("a", "b")]
        for seq in range(4):
            for hand, source in zip(hands, "ab", strict=True):
                if wait_ready(hand) and len(reading.here()) < 3:
                    hand.give(head(source, seq), b"x\n")
        assert len(reading.here()) == 3
        assert not any(hand.is_ready for hand in hands)
        # A process that dies with leave to send takes no room with it.
        for _each in range(5):
            hands.append(Hand(reading.address, "a", 10))
            reading.inbox.take()
            wait_for(lambda: hands[-1].is_ready or hands[1].is_ready, "leave to send")
            hands[-1].give(head("a", 100 + _each), b"y\n")
        for hand in hands:
            hand.close()


def wait_ready(hand: Hand) -> bool:
    try:
        wait_for(lambda: hand.is_ready, "readiness", timeout_s=0.3)
    except AssertionError:
        return False
    return True


def test_a_source_that_comes_back_under_its_name_counts_anew(place: Path) -> None:
    with served(place) as reading:
        hand = Hand(reading.address, "a", 10)
        for stream in (0, 1):
            for seq in range(2):
                hand.give(head("a", seq, stream), f"{stream}.{seq}\n".encode())
        assert [line for line, _picture, _shape in taken(reading)] == [b"0.0", b"0.1", b"1.0", b"1.1"]
        hand.close()


@pytest.mark.parametrize("die_after", [None, 0, 2])
def test_the_sink_hands_over_every_frame_and_range_also_over_a_death(
    die_after: int | None, place: Path
) -> None:
    sent = packets(4)
    sent[1].dropped = [(7, 8, "leaky")]
    with served(place) as reading:
        run_sink(AppSink, sent, {"address": reading.address, "pictures": True}, die_after=die_after)
        arrived = taken(reading)
    assert [b"from_seq" in line for line, _picture, _shape in arrived] == [False, True, False, False, False]
    assert [bool(picture) for _line, picture, _shape in arrived] == [True, False, True, True, True]
    assert arrived[0][1] == sent[0].payload.tobytes()
    assert arrived[0][2] == sent[0].payload.shape


def test_after_enough_a_sink_passes_over_what_comes(place: Path) -> None:
    with served(place) as reading:
        reading.inbox.enough()
        run_sink(AppSink, packets(3), {"address": reading.address})
        assert reading.here() == []


def test_without_a_reader_the_sink_says_so(place: Path) -> None:
    with pytest.raises(StageError, match=r"nobody reads the records at ipc://.* any more; start the run"):
        run_sink(AppSink, packets(1), {"address": f"ipc://{place}/nobody", "wait": 0.1})
    with served(place) as reading:
        sink = make_stage(AppSink, {"address": reading.address}, source="a")
        sink.open()
        sink.process(packets(1)[0])
    with pytest.raises(StageError, match="nobody reads"):
        sink.process(make_packet(seq=1))
    sink.close()


def test_a_sink_that_nobody_reads_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASHION_PIPELINE_READER", raising=False)
    with pytest.raises(GraphError, match=r"none has started this run; start it by fashion_pipeline.run"):
        AppSink.check(AppSink.Options())
    with pytest.raises(GraphError, match="expected ipc://PATH, of at most 107 bytes, got 'tcp://host:1'"):
        AppSink.check(AppSink.Options(address="tcp://host:1"))
