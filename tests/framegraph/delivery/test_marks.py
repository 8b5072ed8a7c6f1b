"""A sink that requires marks never gets a payload without them, also when a frame is tried again."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framegraph.delivery.output import OutputLane
from framegraph.delivery.quarantine import keep_frame
from framegraph.properties import NoOptions
from framegraph.stage import Context, Sink, Source
from framegraph.testing import make_packet
from framegraph.wire.config import ChildConfig, ProcessCommon


class Strict(Sink[Any]):
    """Keeps the sums of payloads, and fails at its first frame once."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.kept: list[int] = []
        self.fails = True

    @classmethod
    def required_marks(cls, options: Any) -> tuple[str, ...]:
        return ("covered",)

    def conceal(self, packet: Any) -> None:
        packet.payload = np.zeros_like(packet.payload)

    def process(self, packet: Any) -> Any:
        if self.fails:
            self.fails = False
            raise ValueError("once")
        self.kept.append(int(packet.payload.sum()))
        return packet


def lane_of(sink: Sink[Any]) -> OutputLane:
    known: dict[str, Any] = {field.name: "" for field in dataclasses.fields(ChildConfig)}
    known |= {"incarnation": 0, "common": ProcessCommon(), "summed": {}, "locations": {}}
    return OutputLane(ChildConfig(**known), "camera", sink)


def test_an_unmarked_payload_is_concealed_and_counted_once() -> None:
    sink = Strict(NoOptions(), Context(name="strict"))
    lane = lane_of(sink)
    ones = np.ones((2, 2, 3), np.uint8)
    marked, unmarked, failed = (
        make_packet(ones),
        make_packet(ones, seq=1),
        make_packet(ones, seq=2, status="x"),
    )
    marked.mark("other", "covered")
    unmarked.mark("other")
    with pytest.raises(ValueError, match="once"):
        lane.write(unmarked)
    for packet in (unmarked, failed, marked):
        lane.write(packet)
    assert sink.kept == [0, 0, 12]
    assert lane.tally.concealed == 2


def test_a_sink_that_cannot_conceal_fails_the_frame() -> None:
    class Careless(Strict):
        conceal = Sink.conceal

    lane = lane_of(Careless(NoOptions(), Context(name="careless")))
    with pytest.raises(NotImplementedError, match="cannot conceal"):
        lane.write(make_packet())


def test_quarantine_keeps_what_is_known_without_the_payload(tmp_path: Path) -> None:
    keep_frame(tmp_path, Source, make_packet(), None, "it failed")
    assert [path.name for path in tmp_path.iterdir()] == ["camera-00000000.json"]
