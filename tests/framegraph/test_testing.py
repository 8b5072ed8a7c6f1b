"""The test kit lets right stages pass and says what is wrong with wrong ones."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion_pipeline.stages.json_sink import JsonSink
from framegraph.errors import GraphError
from framegraph.files import CutFile
from framegraph.packet import Packet
from framegraph.properties import REQUIRED, Seconds, prop
from framegraph.stage import Cut, FileSink, Frame, Ordered, Resume, Sink, Source, Stage
from framegraph.testing import make_packet, run_sink, run_source, run_stage


class Mark(Stage):
    takes = ("people",)
    gives = ("people/mark", "batch")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        mark: str = prop("x", "what to write", choices=("x", "y"))
        wait: Seconds = prop(0.0, "how long")

    def process_batch(self, packets: list[Packet]) -> list[Packet]:
        for packet in packets:
            packet.meta["batch"] = len(packets)
            for person in packet.meta["people"]:
                person["mark"] = self.options.mark
        return packets


class Count(Ordered):
    def open(self) -> None:
        self.seen: list[int] = []

    def process(self, packet: Packet) -> Packet:
        self.seen.append(packet.seq)
        packet.meta["seen"] = self.seen
        return packet

    def gap(self, packet: Packet) -> None:
        self.seen.append(-packet.seq)


class Lines(FileSink):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop(REQUIRED, "the file")

    def open_at(self, location: Path, cut: Cut | None) -> None:
        self.file = CutFile(location, cut)

    def process(self, packet: Packet) -> Packet:
        self.file.write(f"{packet.seq} {packet.status}\n".encode())
        return packet

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        self.file.write(f"{from_seq}-{to_seq} {reason}\n".encode())

    def position(self) -> Cut:
        return Cut(size_bytes=self.file.size_bytes, notes={})

    def finish(self) -> None:
        self.file.write(b"end\n")

    def remarks(self) -> list[str]:
        return ["a remark"]

    def close(self) -> None:
        self.file.close()


class Steps(Source):
    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        picture = np.zeros((2, 2, 3), np.uint8)
        for number in range(resume.captured if resume else 0, 5):
            picture[:] = number
            yield Frame(payload=picture, pts_ns=number, running_ns=number)


def people() -> list[dict[str, Any]]:
    return [{"box": [0, 0, 1, 1]}]


def test_a_worker_answers_in_batches_with_properties_as_in_yaml() -> None:
    packets = [make_packet(seq=seq, people=people()) for seq in range(3)]
    answers = run_stage(Mark, packets, {"mark": "y", "wait": "500ms"}, batch=2)
    assert [answer.seq for answer in answers] == [0, 1, 2]
    assert [answer.meta["batch"] for answer in answers] == [2, 2, 1]
    assert answers[0].meta["people"] == [{"box": [0, 0, 1, 1], "mark": "y"}]
    assert packets[0].meta["people"] == people(), "what the test made stays as it was"


def test_no_packets_give_no_answers() -> None:
    assert run_stage(Mark, []) == []
    assert run_stage(Count, []) == []


def test_a_wrong_property_is_refused() -> None:
    with pytest.raises(GraphError, match="unknown property 'marc'; did you mean 'mark'"):
        run_stage(Mark, [], {"marc": "x"})


def test_a_packet_without_what_the_stage_takes_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"Mark takes 'people', which \('camera', 4\) does not have"):
        run_stage(Mark, [make_packet(seq=4)])


def answer_nothing(stage: Stage, packets: list[Packet]) -> list[Packet]:
    return []


def answer_in_reverse(stage: Stage, packets: list[Packet]) -> list[Packet]:
    return packets[::-1]


def give_no_mark(stage: Stage, packets: list[Packet]) -> list[Packet]:
    for packet in packets:
        packet.meta["batch"] = 1
    return packets


def give_a_set(stage: Stage, packets: list[Packet]) -> list[Packet]:
    for packet in packets:
        packet.meta |= {"people": [], "batch": {1, 2}}
    return packets


def give_a_numpy_scalar(stage: Stage, packets: list[Packet]) -> list[Packet]:
    for packet in packets:
        packet.meta |= {"people": [], "batch": np.float32(1)}
    return packets


def draw_on_the_frame(stage: Stage, packets: list[Packet]) -> list[Packet]:
    packets[0].image_bgr[:] = 255
    return packets


@pytest.mark.parametrize(
    ("process_batch", "error", "said"),
    [
        (answer_nothing, AssertionError, "Wrong must answer .* in this order"),
        (answer_in_reverse, AssertionError, "Wrong must answer .* in this order"),
        (give_no_mark, AssertionError, "Wrong gives 'people/mark', which its answer .* lacks"),
        (give_a_set, TypeError, "set cannot travel in a packet"),
        (give_a_numpy_scalar, TypeError, r"call \.item\(\) on it"),
        (draw_on_the_frame, ValueError, "read-only"),
    ],
)
def test_what_would_go_wrong_between_processes_goes_wrong_here(
    process_batch: Any, error: type[Exception], said: str
) -> None:
    wrong = type("Wrong", (Mark,), {"process_batch": process_batch})
    with pytest.raises(error, match=said):
        run_stage(wrong, [make_packet(seq=seq, people=people()) for seq in (0, 1)], batch=2)


def test_an_ordered_stage_has_a_memory_per_source_and_hears_of_gaps() -> None:
    answers = run_stage(
        Count,
        [
            make_packet(seq=0),
            make_packet(seq=0, source="other"),
            make_packet(seq=1, status="failed"),
            make_packet(seq=2),
        ],
    )
    assert [(answer.key, answer.meta["seen"]) for answer in answers] == [
        (("camera", 0), [0]),
        (("other", 0), [0]),
        (("camera", 2), [0, -1, 2]),
    ]


@pytest.mark.parametrize("die_after", [None, 0, 2, 4])
def test_a_file_sink_writes_the_same_with_a_death_and_without(tmp_path: Path, die_after: int | None) -> None:
    packets = [make_packet(seq=seq) for seq in range(3)]
    last = make_packet(seq=6, status="failed")
    last.dropped = [(3, 5, "leaky")]
    remarks = run_sink(Lines, [*packets, last], {"location": str(tmp_path / "l")}, die_after=die_after)
    assert (tmp_path / "l").read_text() == "0 ok\n1 ok\n2 ok\n3-5 leaky\n6 failed\nend\n"
    assert remarks == ["a remark"]


def test_a_sink_without_a_file_gets_what_was_not_committed_again() -> None:
    seen: list[int] = []

    class Shown(Sink):
        def process(self, packet: Packet) -> Packet:
            seen.append(packet.seq)
            return packet

        def remarks(self) -> list[str]:
            return [f"{len(seen)} shown"]

    packets = [make_packet(seq=seq) for seq in range(4)]
    assert run_sink(Shown, packets, die_after=2) == ["5 shown"]
    assert seen == [0, 1, 2, 2, 3]


def test_a_source_goes_on_after_the_frames_that_were_captured() -> None:
    whole = run_source(Steps)
    assert [int(frame.image_bgr[0, 0, 0]) for frame in whole] == [0, 1, 2, 3, 4]
    first = run_source(Steps, limit=2)
    rest = run_source(Steps, after=first)
    assert [frame.pts_ns for frame in [*first, *rest]] == [frame.pts_ns for frame in whole]


@pytest.mark.parametrize(("stage", "function"), [(Steps, "run_source"), (Lines, "run_sink")])
def test_the_wrong_function_names_the_right_one(stage: type[Stage], function: str) -> None:
    with pytest.raises(AssertionError, match=f"run it with {function}"):
        run_stage(stage, [])


def test_the_projects_own_sink_passes_the_kit(tmp_path: Path) -> None:
    packets = [make_packet(seq=seq, people=[]) for seq in range(3)]
    run_sink(JsonSink, packets, {"location": str(tmp_path / "r.jsonl")}, die_after=1)
    records = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [record["seq"] for record in records] == [0, 1, 2]
