"""Records in many files: when one begins, what it begins with, how many are kept, and deaths at any moment."""

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

from fashion_pipeline.stages.csv_sink import CsvSink
from fashion_pipeline.stages.json_sink import JsonSink
from fashion_pipeline.stages.recording.rotated import RotatedSink, limit_of
from fashion_pipeline.stages.recording.segment_names import SegmentNames
from fashion_pipeline.stages.records.table import COLUMNS
from framegraph.errors import GraphError
from framegraph.packet import Packet
from framegraph.stage import Cut
from framegraph.testing import make_packet, make_stage

NS = 10**9
CAPTURE_NS = 1_790_000_000 * NS  # 2026-09-21 14:13:20 UTC
FRAME_NS = 40_000_000
SINKS = {"jsonl": JsonSink, "csv": CsvSink}

COAT = {"label": "Coat", "score": 0.91, "region": "upper", "box": [1.0, 2.0, 3.0, 4.0], "threshold": 0.4}
BAG = {"label": "Bag", "score": 0.5, "region": "hands", "threshold": 0.3, "color": "navy"}
SHIRT = {"label": "Shirt", "score": 0.2, "region": "upper", "threshold": 0.35}


def packet(seq: int, *, running_ns: int | None = None, **more: Any) -> Packet:
    person = {"box": [1.0, 2.0, 30.0, 40.0], "score": 0.9, "garments": [COAT, BAG], "unsure": [SHIRT]}
    made = make_packet(seq=seq, people=[person], **more)
    made.running_ns = seq * FRAME_NS if running_ns is None else running_ns
    made.capture_time_ns = CAPTURE_NS + seq * FRAME_NS
    return made


class Committed:
    """Drives a sink as the machine does: each frame, then its progress, then word that it is committed."""

    def __init__(self, location: Path, **properties: object) -> None:
        self.location = location
        self.stage: type[RotatedSink] = SINKS[location.suffix[1:]]
        self.properties = {"location": str(location), **properties}
        self.cut: Cut | None = None
        self.sink: RotatedSink | None = None
        self.begin()

    def begin(self) -> None:
        """A new process, that knows what the progress says; with the one before its descriptors are gone."""
        if self.sink is not None:
            self.sink.close()
        self.sink = make_stage(self.stage, self.properties, source="camera")
        self.sink.open()
        self.sink.open_at(self.location, self.cut)
        self.cut = self.sink.position()

    def write(self, made: Packet) -> None:
        self.sink.process(made)
        self.cut = self.sink.position()
        self.sink.committed()

    def write_all(self, count: int, first: int = 0) -> None:
        for seq in range(first, first + count):
            self.write(packet(seq))

    def finish(self) -> list[str]:
        self.sink.finish()
        self.cut = self.sink.position()
        self.sink.committed()
        remarks = self.sink.remarks()
        self.sink.close()
        return remarks


def seqs_of(path: Path) -> list[int]:
    """The frames in one file; a file of another form fails."""
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            rows = csv.DictReader(file)
            assert tuple(rows.fieldnames or ()) == COLUMNS, f"{path.name} has no head"
            return [int(row["seq"]) for row in rows]
        return [json.loads(line)["seq"] for line in file]


def files(run: Committed) -> list[Path]:
    """All files, oldest first; nothing else may be left in the folder."""
    found = SegmentNames(run.location).on_disk()
    assert {path.name for path in run.location.parent.iterdir()} == {path.name for path in found}
    return found


@pytest.fixture(params=SINKS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# When a file begins


def test_a_file_begins_after_so_much_time_of_the_stream(tmp_path: Path, kind: str) -> None:
    run = Committed(tmp_path / f"r-{{time}}-{{index}}.{kind}", rotate="400ms")
    run.write_all(25)
    assert run.finish() == [f"3 files; the last is r-20260921T141320Z-00002.{kind}"]
    assert [path.name for path in files(run)] == [f"r-20260921T141320Z-0000{n}.{kind}" for n in range(3)]
    assert [seqs_of(path) for path in files(run)] == [
        [*range(10)],
        [*range(10, 20)],
        [*range(20, 25)],
    ]
    assert run.stage.count(run.location) == 25


def test_the_time_of_a_file_counts_from_its_first_frame_and_not_from_the_clock(
    tmp_path: Path, kind: str
) -> None:
    run = Committed(tmp_path / f"r-{{index}}.{kind}", rotate="1s")
    for seq, running_s in enumerate([0, 0.9, 5, 5.5, 5.99, 6, 100]):
        run.write(packet(seq, running_ns=round(running_s * NS)))
    run.finish()
    assert [seqs_of(path) for path in files(run)] == [[0, 1], [2, 3, 4], [5], [6]]


def test_a_file_begins_after_so_many_bytes_and_never_within_a_frame(tmp_path: Path, kind: str) -> None:
    run = Committed(tmp_path / f"r-{{index}}.{kind}", rotate="2kB")
    run.write_all(60)
    run.finish()
    sizes = [path.stat().st_size for path in files(run)]
    assert len(sizes) > 3
    # A file is full once it is as large as it was to be: one frame more, and no head without a frame.
    assert all(2000 <= size < 2700 for size in sizes[:-1])
    assert [seq for path in files(run) for seq in seqs_of(path)] == list(range(60))
    assert all(seqs_of(path) for path in files(run))
    assert run.stage.count(run.location) == 60


def test_a_stretch_of_dropped_frames_may_begin_a_file_too(tmp_path: Path, kind: str) -> None:
    run = Committed(tmp_path / f"r-{{index}}.{kind}", rotate="400ms")
    run.write_all(10)
    late = packet(15)
    run.sink.dropped(late, 10, 14, "leaky")
    run.write(late)
    end = Packet(source="camera", seq=20, running_ns=NS)
    run.sink.dropped(end, 16, 19, "flushed")
    run.finish()
    texts = [path.read_text().splitlines() for path in files(run)]
    heads = 1 if kind == "csv" else 0
    assert [len(text) - heads for text in texts] == [10, 2, 1]
    assert ("10-14" if kind == "csv" else '"from_seq":10,"to_seq":14') in texts[1][heads]
    assert "flushed" in texts[2][heads]
    assert run.stage.count(run.location) == 11


def test_drops_that_nothing_came_before_begin_the_first_file(tmp_path: Path, kind: str) -> None:
    run = Committed(tmp_path / f"r-{{time}}.{kind}", rotate="1h")
    run.sink.dropped(Packet(source="camera", seq=3), 0, 2, "flushed")
    assert run.finish()[0].startswith("1 files; the last is r-2")
    [path] = files(run)
    # Nobody captured that packet: the file is called by the time of the day, and not by 1970.
    assert "r-1970" not in path.name
    assert run.stage.count(run.location) == 0


def test_without_a_frame_there_is_no_file(tmp_path: Path, kind: str) -> None:
    run = Committed(tmp_path / f"r-{{time}}.{kind}", rotate="1h")
    assert run.finish() == ["0 files"]
    assert files(run) == []
    assert run.stage.count(run.location) == 0


# Which files are kept


def test_the_oldest_files_are_removed_those_of_an_earlier_run_too(tmp_path: Path, kind: str) -> None:
    for first in (0, 25):
        run = Committed(tmp_path / f"r-{{index}}.{kind}", rotate="400ms", keep=4)
        run.write_all(25, first)
        run.finish()
    assert [path.stem for path in files(run)] == ["r-00002", "r-00003", "r-00004", "r-00005"]
    assert [seqs_of(path)[0] for path in files(run)] == [20, 25, 35, 45]


def test_files_of_another_name_are_not_taken_for_old_ones(tmp_path: Path, kind: str) -> None:
    others = [f"r.{kind}", f"r-notes.{kind}", f"r-00001.{kind}.bak", f"other-00000.{kind}", f"r-1.{kind}"]
    for name in others:
        (tmp_path / name).write_text("kept\n")
    run = Committed(tmp_path / f"r-{{index}}.{kind}", rotate="200ms", keep=1)
    run.write_all(30)
    run.finish()
    assert [(tmp_path / name).read_text() for name in others] == ["kept\n"] * len(others)
    assert [seqs_of(path) for path in SegmentNames(run.location).on_disk()] == [[*range(25, 30)]]


def test_a_new_run_writes_over_no_file_of_an_earlier_one(tmp_path: Path, kind: str) -> None:
    for _run in range(3):
        run = Committed(tmp_path / f"r-{{time}}.{kind}", rotate="1h")
        run.write_all(3)
        run.finish()
    names = [path.stem for path in files(run)]
    assert names == ["r-20260921T141320Z", "r-20260921T141320Z-2", "r-20260921T141320Z-3"]
    assert [seqs_of(path) for path in files(run)] == [[0, 1, 2]] * 3


# Deaths


@pytest.mark.parametrize("rotate", ["200ms", "1500B"])
@pytest.mark.parametrize("moment", ["before it is committed", "before it has its name"])
def test_a_death_at_any_frame_leaves_each_record_once(
    tmp_path: Path, kind: str, rotate: str, moment: str
) -> None:
    calm = Committed(tmp_path / "calm" / f"r-{{index}}.{kind}", rotate=rotate)
    calm.write_all(23)
    calm.finish()
    for die_after in range(23):
        run = Committed(tmp_path / str(die_after) / f"r-{{index}}.{kind}", rotate=rotate)
        run.write_all(die_after)
        # The next frame is written, by a process that dies before, or right after, its progress is.
        run.sink.process(packet(die_after))
        if moment == "before it has its name":
            run.cut = run.sink.position()
        run.begin()
        done = die_after + (moment == "before it has its name")
        for seq in range(done, 23):
            redone = packet(seq)
            redone.capture_time_ns += 90 * NS  # of a source that was resumed: it is captured anew
            run.write(redone)
        run.finish()
        assert [seqs_of(path) for path in files(run)] == [seqs_of(path) for path in files(calm)]


@pytest.mark.parametrize("seed", range(15))
def test_deaths_at_any_moments_leave_each_record_once(tmp_path: Path, kind: str, seed: int) -> None:
    """Also deaths of those who have only just begun, errors that take a frame back, and full disks."""
    rng = random.Random(seed)
    rotate = rng.choice(["80ms", "200ms", "900B", "3kB"])
    run = Committed(tmp_path / f"r-{{time}}.{kind}", rotate=rotate)
    seq = 0
    while seq < 60:
        fault = rng.choice(["none"] * 6 + ["written", "committed", "begun", "taken back"])
        if fault == "none":
            run.write(packet(seq))
            seq += 1
            continue
        run.sink.process(packet(seq))
        if fault == "committed":
            run.cut = run.sink.position()
            seq += 1
        if fault == "taken back":
            run.sink.open_at(run.location, run.cut)
        else:
            run.begin()
        if fault == "begun":
            run.begin()
    run.finish()
    run.begin()  # a process that died right after the end says the same again
    run.finish()
    assert [number for path in files(run) for number in seqs_of(path)] == list(range(60))
    assert run.stage.count(run.location) == 60


def test_a_file_that_was_begun_and_never_committed_is_no_file(tmp_path: Path, kind: str) -> None:
    run = Committed(tmp_path / f"r-{{index}}.{kind}", rotate="1h")
    run.sink.process(packet(0))
    assert SegmentNames(run.location).on_disk() == []
    run.begin()
    run.finish()
    assert files(run) == []


def test_nothing_is_left_of_a_file_that_was_begun_when_the_stream_ends_before_it(
    tmp_path: Path, kind: str
) -> None:
    run = Committed(tmp_path / f"r-{{index}}.{kind}", rotate="400ms")
    run.write_all(10)
    run.sink.process(packet(10))
    run.begin()
    run.finish()
    assert [seqs_of(path) for path in files(run)] == [[*range(10)]]


def test_frames_that_are_doubled_or_out_of_order_are_found_over_all_files(tmp_path: Path, kind: str) -> None:
    run = Committed(tmp_path / f"r-{{index}}.{kind}", rotate="80ms")
    run.write_all(6)
    run.finish()
    first, *_middle, last = files(run)
    first.write_bytes(last.read_bytes())
    with pytest.raises(ValueError, match="out of order"):
        run.stage.count(run.location)


# Properties


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"location": "r-{time}.x", "rotate": 5}, "rotate: expected a time such as 1h or a size such as 100MB, got '5'"),
        ({"location": "r-{time}.x", "rotate": "0.5"}, "expected a time such as 1h or a size such as 100MB, got '0.5'"),
        ({"location": "r-{time}.x", "rotate": "-1h"}, "expected a time such as 1h or a size such as 100MB, got '-1h'"),
        ({"location": "r-{time}.x", "rotate": "0s"}, "expected a time such as 1h or a size such as 100MB, got '0s'"),
        ({"location": "r-{time}.x", "rotate": "0B"}, "expected a time such as 1h or a size such as 100MB, got '0B'"),
        ({"location": "r-{time}.x", "rotate": "hourly"}, "expected a time such as 1h or a size such as 100MB, got 'hourly'"),
        ({"location": "r-{time}.x", "rotate": "1 fortnight"}, "or a size such as 100MB, got '1 fortnight'"),
        ({"location": "r-{time}.x", "rotate": "1h", "keep": -1}, "property 'keep': must be at least 0, got -1"),
        (
            {"location": "out/r.x", "rotate": "1h"},
            "rotate is set, but the file name in location 'out/r.x' has no place that tells its files apart; "
            "put {time} or {index} into it, e.g. out/r-{time}.x",
        ),
        ({"location": "{time}/r.x", "rotate": "1h"}, "has no place that tells its files apart"),
        ({"location": "r-{source}.x", "rotate": "1h"}, "has no place that tells its files apart"),
        ({"location": "r-{time}.x"}, "has a place for many files, but rotate is not set; set it, e.g. rotate: 1h"),
        ({"location": "r.x", "keep": 3}, "keep counts files, but rotate is not set; set it, e.g. rotate: 1h"),
    ],
    ids=lambda value: " ".join(str(part) for part in value.values()) if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_does_not_fit_is_refused(kind: str, properties: dict[str, object], said: str) -> None:
    with pytest.raises(GraphError) as refused:
        make_stage(SINKS[kind], properties)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("rotate", "limit"),
    [
        ("1h", (3600.0, 0)),
        ("90 s", (90.0, 0)),
        ("500ms", (0.5, 0)),
        ("1.5min", (90.0, 0)),
        ("100MB", (0.0, 100_000_000)),
        ("2KiB", (0.0, 2048)),
        ("1.5 kB", (0.0, 1500)),
    ],
)
def test_a_time_is_told_from_a_size(rotate: str, limit: tuple[float, int]) -> None:
    assert limit_of(rotate) == limit


# What a record says


def test_told_is_without_what_is_unsure_and_without_thresholds(tmp_path: Path) -> None:
    for detail in ("full", "told"):
        run = Committed(tmp_path / f"{detail}.jsonl", detail=detail)
        made = packet(0)
        made.meta["people"] += [{"box": [0, 0, 1, 1], "score": 0.8}]
        run.write(made)
        run.finish()
    full, told = (json.loads((tmp_path / f"{detail}.jsonl").read_text()) for detail in ("full", "told"))
    assert full["people"][0]["unsure"] == [SHIRT]
    assert full["people"][0]["garments"] == [COAT, BAG]
    assert "unsure" not in told["people"][0]
    assert told["people"][0]["garments"] == [
        {key: value for key, value in garment.items() if key != "threshold"} for garment in (COAT, BAG)
    ]
    assert told["people"][1] == full["people"][1] == {"box": [0, 0, 1, 1], "score": 0.8}
    assert told.keys() == full.keys()
    # The packet goes on to other sinks: what one leaves out is left in it.
    assert made.meta["people"][0]["unsure"] == [SHIRT]
    assert made.meta["people"][0]["garments"][0]["threshold"] == 0.4


def test_a_row_has_all_garments_with_scores_regions_and_colours(tmp_path: Path) -> None:
    run = Committed(tmp_path / "r.csv")
    run.write(packet(0))
    bare = packet(1)
    bare.meta["people"][0].update(garments=[], unsure=[])
    run.write(bare)
    run.finish()
    with (tmp_path / "r.csv").open(newline="") as file:
        row, empty = csv.DictReader(file)
    assert {name: row[name] for name in COLUMNS[COLUMNS.index("label") :]} == {
        "label": "Coat",
        "label_score": "0.91",
        "region": "upper",
        "color": "",
        "garments": "Coat;Bag",
        "garment_scores": "0.91;0.5",
        "garment_regions": "upper;hands",
        "garment_colors": ";navy",
        "unsure": "Shirt",
    }
    assert {empty[name] for name in COLUMNS[COLUMNS.index("label") :]} == {""}
