"""A sink's output when the disk is full at the worst moment: at the sync, when a frame seems to be written."""

import dataclasses
import errno
from pathlib import Path
from typing import Any

import pytest

from framegraph.delivery.lane import Channel
from framegraph.delivery.order import End
from framegraph.files import CutFileSink
from framegraph.packet import Packet
from framegraph.properties import NoOptions
from framegraph.stage import Context, Sink
from framegraph.wire.config import ChildConfig, ProcessCommon


class Diary(CutFileSink):
    """A line a frame and one at the end; a sync finds no room as often as it is told."""

    full = 0

    def process(self, packet: Packet) -> Packet:
        self.write(f"{packet.seq}\n".encode())
        return packet

    def finish(self) -> None:
        self.write(b"end\n")

    def sync(self) -> None:
        if self.full:
            self.full -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        super().sync()


@pytest.fixture
def channel(tmp_path: Path) -> Any:
    known: dict[str, Any] = {field.name: "" for field in dataclasses.fields(ChildConfig)}
    known |= {
        "incarnation": 0,
        "common": ProcessCommon(fsync="fragment"),
        "summed": {"camera": ["words"]},
        "locations": {"camera": str(tmp_path / "diary")},
    }
    made = Channel(ChildConfig(**known), "camera", Diary(NoOptions(), Context(name="diary")))
    yield made
    made.close()


def again_when_there_is_room(channel: Channel, what: Any, *arguments: Any) -> None:
    """Do as the sink's host does: go back, and try again."""
    channel.sink.full = 1  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="No space"):
        what(*arguments)
    channel.needs_going_back = True
    what(*arguments)


def test_a_frame_whose_sync_found_no_room_is_there_once_and_counted_once(
    channel: Channel, tmp_path: Path
) -> None:
    channel.write(Packet(source="camera", seq=0))
    again_when_there_is_room(channel, channel.write, Packet(source="camera", seq=1))
    channel.write(Packet(source="camera", seq=2))
    assert (tmp_path / "diary").read_text().split() == ["0", "1", "2"]
    assert channel.tally.frames == 3


def test_an_end_whose_sync_found_no_room_is_written_again(channel: Channel, tmp_path: Path) -> None:
    channel.write(Packet(source="camera", seq=0))
    channel.order.end = End(last_seq=0, cause="finished")
    channel.sink.full = 1  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="No space"):
        channel.finish()
    # Else nobody would try again, and the run would end without this output.
    assert not channel.is_finished
    channel.needs_going_back = True
    channel.finish()
    assert channel.have.ended
    assert (tmp_path / "diary").read_text().split() == ["0", "end"]


def test_more_names_than_the_progress_has_room_for_are_counted_as_other(channel: Channel) -> None:
    for seq in range(600):
        packet = Packet(source="camera", seq=seq)
        packet.count("plates", f"plate \N{SNOWMAN} {seq:08}")
        packet.count("garments", "Coat")
        channel.write(packet)
    counts = channel.tally.counts
    assert counts["garments"] == {"Coat": 600}
    assert sum(counts["plates"].values()) == 600
    assert counts["plates"]["other"] > 300
    assert len(counts["plates"]) > 100
    packet = Packet(source="camera", seq=600)
    packet.count("x" * 3000, "y")
    channel.write(packet)
    assert channel.tally.counts["other"] == {"other": 1}


def test_a_sink_without_a_file_waits_for_no_gap_of_a_frame_it_is_to_go_on_after() -> None:
    known: dict[str, Any] = {field.name: "" for field in dataclasses.fields(ChildConfig)}
    config = ChildConfig(**{**known, "common": ProcessCommon(), "summed": {}})
    channel = Channel(config, "camera", Sink(NoOptions(), Context(name="crops")))
    for seq, still in ((9, True), (10, False)):
        channel.awaits_gap, channel.try_again_s = 10, float("inf")
        assert channel.start_after(seq)
        assert (channel.awaits_gap == 10, channel.try_again_s == float("inf")) == (still, still)


def test_items_of_a_list_are_summed_where_the_frame_was_analysed(channel: Channel) -> None:
    channel.write(Packet(source="camera", seq=0, meta={"words": ["a", "b"], "others": [1]}))
    channel.write(Packet(source="camera", seq=1, meta={"words": []}))
    channel.write(Packet(source="camera", seq=2, meta={"words": ["c"]}, status="failed(read)"))
    assert channel.tally.summed == {"words": [2, 1]}
