"""A sink's output when the disk is full at the worst moment: at the sync, when a frame seems to be written."""

import dataclasses
import errno
from pathlib import Path
from typing import Any

import pytest

from framegraph.delivery.file_output import FileLane
from framegraph.delivery.order import End
from framegraph.delivery.output import OutputLane
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
def lane(tmp_path: Path) -> Any:
    known: dict[str, Any] = {field.name: "" for field in dataclasses.fields(ChildConfig)}
    known |= {
        "incarnation": 0,
        "common": ProcessCommon(fsync="fragment"),
        "summed": {"camera": ["words"]},
        "locations": {"camera": str(tmp_path / "diary")},
    }
    made = FileLane(ChildConfig(**known), "camera", Diary(NoOptions(), Context(name="diary")))
    made.open()
    yield made
    made.close()


def again_when_there_is_room(lane: FileLane, what: Any, *arguments: Any) -> None:
    """Do as the sink's host does: go back, and try again."""
    lane.sink.full = 1  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="No space"):
        what(*arguments)
    lane.needs_going_back = True
    what(*arguments)


def test_a_frame_whose_sync_found_no_room_is_there_once_and_counted_once(
    lane: FileLane, tmp_path: Path
) -> None:
    lane.write(Packet(source="camera", seq=0))
    again_when_there_is_room(lane, lane.write, Packet(source="camera", seq=1))
    lane.write(Packet(source="camera", seq=2))
    assert (tmp_path / "diary").read_text().split() == ["0", "1", "2"]
    assert lane.tally.frames == 3


def test_an_end_whose_sync_found_no_room_is_written_again(lane: FileLane, tmp_path: Path) -> None:
    lane.write(Packet(source="camera", seq=0))
    lane.order.end = End(last_seq=0, cause="finished")
    lane.sink.full = 1  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="No space"):
        lane.finish()
    # Else nobody would try again, and the run would end without this output.
    assert not lane.is_finished
    lane.needs_going_back = True
    lane.finish()
    assert lane.acknowledgement.ended
    assert (tmp_path / "diary").read_text().split() == ["0", "end"]


def test_more_names_than_the_progress_has_room_for_are_counted_as_other(lane: FileLane) -> None:
    for seq in range(600):
        packet = Packet(source="camera", seq=seq)
        packet.count("plates", f"plate \N{SNOWMAN} {seq:08}")
        packet.count("garments", "Coat")
        lane.write(packet)
    counts = lane.tally.counts
    assert counts["garments"] == {"Coat": 600}
    assert sum(counts["plates"].values()) == 600
    assert counts["plates"]["other"] > 300
    assert len(counts["plates"]) > 100
    packet = Packet(source="camera", seq=600)
    packet.count("x" * 3000, "y")
    lane.write(packet)
    assert lane.tally.counts["other"] == {"other": 1}


def test_a_sink_without_a_file_waits_for_no_gap_of_a_frame_it_is_to_go_on_after() -> None:
    known: dict[str, Any] = {field.name: "" for field in dataclasses.fields(ChildConfig)}
    config = ChildConfig(**{**known, "common": ProcessCommon(), "summed": {}})
    lane = OutputLane(config, "camera", Sink(NoOptions(), Context(name="crops")))
    lane.open()
    for seq, still in ((9, True), (10, False)):
        lane.awaits_gap = 10
        assert lane.start_after(seq)
        assert (lane.awaits_gap == 10) is still


def test_items_of_a_list_are_summed_where_the_frame_was_analysed(lane: FileLane) -> None:
    lane.write(Packet(source="camera", seq=0, meta={"words": ["a", "b"], "others": [1]}))
    lane.write(Packet(source="camera", seq=1, meta={"words": []}))
    lane.write(Packet(source="camera", seq=2, meta={"words": ["c"]}, status="failed(read)"))
    assert lane.tally.summed == {"words": [2, 1]}
