"""A lane with transactions: whatever fails or dies, each frame is in the database once, in order."""

import contextlib
import dataclasses
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framegraph.delivery.order import End
from framegraph.delivery.transactions import TransactionLane
from framegraph.errors import UnavailableError
from framegraph.packet import Packet
from framegraph.stage import Context
from framegraph.wire.config import ChildConfig, ProcessCommon
from tests.framegraph.transactional import Rows

FRAMES = 12


class Fails(Rows):
    """Fails where it is told to."""

    commit_frames = 4
    at: tuple[str, ...] = ()

    def _maybe(self, what: str) -> None:
        if self.at and self.at[0] == what:
            self.at = self.at[1:]
            raise UnavailableError("away")

    def begin(self) -> Any:
        self._maybe("begin")
        return super().begin()

    def process(self, packet: Packet) -> Packet:
        super().process(packet)
        self._maybe("process")
        return packet

    def commit(self, position: dict[str, Any]) -> None:
        self._maybe("no commit")
        super().commit(position)
        self._maybe("lost answer")


def lane_of(database: Path, at: tuple[str, ...] = ()) -> TransactionLane:
    known: dict[str, Any] = {field.name: "" for field in dataclasses.fields(ChildConfig)}
    known |= {"common": ProcessCommon(), "summed": {}, "run": "r1", "digest": "d"}
    options = Fails.Options(database=str(database))
    sink = Fails(options, Context(name="rows", run="r1", source="camera"))
    sink.at = at
    return TransactionLane(ChildConfig(**known), "camera", sink)


def packet(seq: int) -> Packet:
    return Packet(source="camera", seq=seq, prev_seq=seq - 1)


def rows(database: Path, table: str = "frames") -> list[Any]:
    with contextlib.closing(sqlite3.connect(database)) as opened:
        return [row[1] if table == "frames" else row for row in opened.execute(f"SELECT * FROM {table}")]


def again(lane: TransactionLane, action: Any, *arguments: Any) -> None:
    """Do as the sink's node does: keep the frame, go back, try again."""
    while True:
        try:
            action(*arguments)
            return
        except UnavailableError:
            lane.needs_going_back = lane.is_open


@given(
    failures=st.lists(st.sampled_from(["begin", "process", "no commit", "lost answer"]), max_size=6),
    deaths=st.sets(st.integers(0, FRAMES - 1), max_size=4),
)
def test_each_frame_is_there_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, failures: list[str], deaths: set[int]
) -> None:
    database = tmp_path_factory.mktemp("rows") / "rows.db"
    lane = lane_of(database, tuple(failures))
    again(lane, lane.open)
    seq = 0
    while seq < FRAMES:
        again(lane, lane.write, packet(seq))
        assert lane.committed_seq == max(rows(database), default=-1)
        if seq in deaths:
            deaths = deaths - {seq}
            committed = lane.committed_seq
            lane.close()
            lane = lane_of(database)
            again(lane, lane.open)
            assert lane.committed_seq == committed
            seq = committed
        seq += 1
    assert set(lane.received) == set(range(lane.committed_seq + 1, FRAMES))
    lane.order.end = End(last_seq=FRAMES - 1, cause="finished", dropped=((FRAMES, FRAMES + 2, "late"),))
    again(lane, lane.finish)
    assert rows(database) == list(range(FRAMES))
    assert rows(database, "drops") == [("camera", FRAMES, FRAMES + 2)]
    assert len(rows(database, "ends")) == 1
    assert lane.tally.frames == FRAMES
    lane.close()
    successor = lane_of(database)
    successor.open()
    assert successor.is_finished
    successor.close()


def test_frames_are_committed_by_time(tmp_path: Path) -> None:
    lane = lane_of(tmp_path / "rows.db")
    lane.open()
    assert lane.commit_due_s() == float("inf")
    lane.write(packet(0))
    first_s = lane.commit_due_s()
    lane.write(packet(1))
    assert lane.commit_due_s() == first_s < float("inf")
    assert rows(tmp_path / "rows.db") == []
    assert lane.received == (0, 1)
    lane.commit()
    assert rows(tmp_path / "rows.db") == [0, 1]
    assert (lane.committed_seq, lane.commit_due_s()) == (1, float("inf"))
    assert not lane.received
    lane.close()


def test_a_database_that_lacks_what_was_committed_cannot_be_continued(tmp_path: Path) -> None:
    lane = lane_of(tmp_path / "rows.db")
    lane.open()
    assert not lane.start_after(5)
    lane.close()
