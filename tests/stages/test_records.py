"""What a record says is described in the schema of records, and the schema in docs/records.md: word for word."""

import functools
import itertools
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fashion_pipeline.stages.classify import Classify
from fashion_pipeline.stages.crop import Crop
from fashion_pipeline.stages.events_sink import EventsSink
from fashion_pipeline.stages.json_sink import JsonSink
from fashion_pipeline.stages.records.reference import TABLES, read_schema, reference
from framegraph.frames.layout import REASONS
from framegraph.testing import make_packet, run_sink, run_stage
from tests.launching import PROJECT, Launched, lines, wait_for
from tests.system.graphs import CHEAP

Record = dict[str, Any]
SCHEMA = read_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

GRAPH = """\
stages:
  camera: {type: source, uri: samples/plaza.mp4, duration: 2s}
  detect: {type: detect, confidence: 0.35, interval: 2}
  track: {type: track}
  crop: {type: crop}
  classify: {type: classify}
  settle: {type: settle}
  tracked: {type: json_sink, location: out/tracked.jsonl}
  classified: {type: json_sink, location: out/classified.jsonl}
  results: {type: json_sink, location: out/results.jsonl}
  told: {type: json_sink, location: out/told.jsonl, detail: told}
  events: {type: events_sink, location: out/events.jsonl, steady: 0.2}
links:
  - camera ! detect ! track ! crop ! classify ! settle ! results
  - track ! tracked
  - classify ! classified
  - settle ! told
  - settle ! events
"""


@functools.cache
def validator(kind: str) -> jsonschema.Draft202012Validator:
    """For one kind of line: its mistakes are told better than those of five kinds at once."""
    return jsonschema.Draft202012Validator({**SCHEMA, "oneOf": [{"$ref": f"#/$defs/{kind}"}]})


def kind_of(record: Record) -> str:
    return record.get("event", "range" if "from_seq" in record else "frame")


def mistake_in(record: Record) -> str:
    """Return what is wrong in a line, and where; "" if nothing is. Its schema and itself are thousands of lines."""
    found = jsonschema.exceptions.best_match(validator(kind_of(record)).iter_errors(record))
    return "" if found is None else f"{found.json_path}: {found.message}"


def assert_described(record: Record) -> None:
    """Hold a line against the schema, and see that each of its keys stands there."""
    assert not mistake_in(record)
    assert VALIDATOR.is_valid(record)
    assert_known(record, kind_of(record))
    for person in record.get("people", ()):
        assert_known(person, "person")
    worn = [person.get(group, ()) for person in record.get("people", ()) for group in ("garments", "unsure")]
    for garment in itertools.chain(record.get("garments", ()), *worn):
        assert_known(garment, "garment")


def assert_known(value: Record, table: str) -> None:
    unknown = value.keys() - SCHEMA["$defs"][table]["properties"].keys()
    assert not unknown, f"{table}: {sorted(unknown)} are not described"


def written(folder: Path, *packets: Any, **properties: Any) -> list[Record]:
    run_sink(JsonSink, packets, {"location": str(folder / "records.jsonl"), **properties})
    return lines(folder / "records.jsonl")


# The schema itself


def test_it_is_a_schema_of_the_draft_that_it_names() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_document_is_made_of_it() -> None:
    assert (PROJECT / "docs/records.md").read_text(encoding="utf-8") == reference(SCHEMA), "make docs"


def test_every_kind_of_line_and_of_what_is_in_it_has_its_table_and_every_field_its_words() -> None:
    kinds = [each["$ref"].rpartition("/")[2] for each in SCHEMA["oneOf"]]
    assert set(TABLES) == {*kinds, "person", "garment"}
    text = reference(SCHEMA)
    for table in TABLES:
        described = SCHEMA["$defs"][table]
        assert f"\n## {described['title']}\n" in text
        assert set(described["required"]) <= described["properties"].keys()
        for field in described["properties"]:
            assert f"| `{field}` |" in text


def test_it_knows_every_reason_for_which_a_frame_is_dropped() -> None:
    assert SCHEMA["$defs"]["range"]["properties"]["status"]["enum"] == list(REASONS)


# Lines of real runs


@pytest.fixture(scope="module")
def default_stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the default stages over two seconds of the sample film."""
    folder = tmp_path_factory.mktemp("records")
    (folder / "samples").symlink_to(PROJECT / "samples")
    (folder / "graph.yaml").write_text(GRAPH)
    with Launched(folder / "graph.yaml", "--quiet", folder=folder) as run:
        assert run.wait() == 0, run.stderr
    return folder


@pytest.mark.parametrize("name", ["tracked", "classified", "results", "told", "events"])
def test_each_line_of_the_default_stages_is_described(default_stages: Path, name: str) -> None:
    records = lines(default_stages / f"out/{name}.jsonl")
    for record in records:
        assert_described(record)
    if name == "events":
        assert {record["event"] for record in records} == {"appeared", "wears", "left"}
    else:
        assert len(records) == 20
        assert {record.get("is_predicted") for record in records} == {None, True}


def test_the_default_stages_leave_few_fields_without_use(default_stages: Path) -> None:
    """A field that no stage writes any more is to leave the schema."""
    names = ("tracked", "classified", "results", "told")
    records = [record for name in names for record in lines(default_stages / f"out/{name}.jsonl")]
    people = [person for record in records for person in record["people"]]
    garments = [garment for person in people for garment in person.get("garments", [])]
    for table, found, elsewhere in (
        ("frame", records, {"flags", "pixel_aspect_ratio"}),
        ("person", people, set[str]()),
        ("garment", garments, set[str]()),
    ):
        used = {key for one in found for key in one}
        assert SCHEMA["$defs"][table]["properties"].keys() - used == elsewhere


@pytest.fixture(scope="module")
def live_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a live run that drops frames, fails on some, and is stopped."""
    folder = tmp_path_factory.mktemp("live")
    (folder / "cheap_stages.py").write_text((CHEAP / "cheap_stages.py").read_text())
    (folder / "graph.yaml").write_text(
        "stages:\n"
        "  tick: {type: cheap_stages.Ticker, fps: 500, drain: 0.05}\n"
        "  work: {type: cheap_stages.Work, sleep-ms: 20, raise-every: 5}\n"
        "  results: {type: json_sink, location: out/results.jsonl}\n"
        "links: [tick ! work ! results]\n"
    )
    with Launched(folder / "graph.yaml", "--quiet", folder=folder) as run:
        wait_for(lambda: statuses(folder) >= {"ok", "failed(work)", "leaky"}, "frames of all kinds", run)
        run.signal(signal.SIGINT)
        assert run.wait() == 130, run.stderr
    return folder


def statuses(folder: Path) -> set[str]:
    return {record["status"] for record in lines(folder / "out/results.jsonl")}


def test_lines_of_frames_that_failed_and_of_dropped_ones_are_described(live_run: Path) -> None:
    records = lines(live_run / "out/results.jsonl")
    for record in records:
        # "number" is of a stage of the user's own.
        assert_described({key: value for key, value in record.items() if key != "number"})
        assert not mistake_in(record)
    assert statuses(live_run) >= {"ok", "failed(work)", "leaky"}
    assert {kind_of(record) for record in records} == {"frame", "range"}
    assert all("people" not in record for record in records if record["status"] != "ok")


# Lines of frames that are rare


def test_an_anamorphic_frame_of_a_camera_is_described(tmp_path: Path) -> None:
    made = make_packet(people=[{"box": [0.0, 0.0, 8.0, 8.0], "score": 1.0}])
    made.pixel_aspect_ratio, made.flags = (64, 45), ["LIVE", "DISCONT", "CORRUPTED"]
    [record] = written(tmp_path, made)
    assert_described(record)
    assert (record["pixel_aspect_ratio"], len(record["flags"])) == ([64, 45], 3)


@pytest.mark.parametrize("reason", REASONS)
def test_a_dropped_stretch_is_described_whatever_its_reason(tmp_path: Path, reason: str) -> None:
    made = make_packet(seq=9, status="failed(detect)")
    made.dropped = [(2, 8, reason)]
    range, frame = written(tmp_path, made)
    assert_described(range)
    assert_described(frame)
    assert (range["status"], frame["status"]) == (reason, "failed(detect)")


def test_what_a_model_of_one_label_says_is_described(tmp_path: Path) -> None:
    made = make_packet(people=[{"box": [2.0, 2.0, 40.0, 46.0], "score": 0.9}])
    cut = run_stage(Crop, [made], {"model": "v1"})
    [record] = written(tmp_path, *run_stage(Classify, cut, {"model": "v1"}))
    assert_described(record)
    [garment] = record["people"][0]["garments"]
    assert "threshold" not in garment
    # The document tells the regions that there are.
    assert f" {garment['region']}," in SCHEMA["$defs"]["garment"]["properties"]["region"]["description"]


def test_each_kind_of_event_is_described_also_without_anything_but_a_track(tmp_path: Path) -> None:
    coat = {"label": "Coat", "score": 0.8}
    packets = [make_packet(seq=seq, people=[{"track": 1, "box": [0, 0, 1, 1]}]) for seq in range(2)]
    packets += [make_packet(seq=seq, people=[{"track": 2, "garments": [coat]}]) for seq in range(2, 6)]
    packets += [
        make_packet(seq=seq, people=[{"track": 2, "garments": [], "settled": True}]) for seq in (6, 7, 8)
    ]
    location = tmp_path / "events.jsonl"
    run_sink(EventsSink, packets, {"location": str(location), "steady": 0.04, "leave-after": 0.08})
    found = lines(location)
    for event in found:
        assert_described(event)
    assert [event["event"] for event in found] == ["appeared", "appeared", "wears", "left", "wears", "left"]
    assert {event.get("reason") for event in found} == {None, "unseen", "eos"}


# What is no record


@pytest.fixture
def right(default_stages: Path) -> Iterator[Record]:
    """A frame with people in it, for tests that make it wrong."""
    yield next(record for record in lines(default_stages / "out/results.jsonl") if record["people"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "perhaps"},
        {"status": "failed"},
        {"status": "failed()"},
        {"status": "leaky"},
        {"version": 2},
        {"seq": -1},
        {"seq": 1.5},
        {"size_wh": [768]},
        {"size_wh": [768, 0]},
        {"pixel_aspect_ratio": [0, 1]},
        {"flags": ["ODD"]},
        {"is_predicted": False},
        {"people": None},
        {"model": {"detect": "md5:0"}},
        {"people": [{"box": [0, 0, 1, 1], "score": 1.5}]},
        {"people": [{"box": [0, 0, 1], "score": 0.5}]},
        {"people": [{"box": [0, 0, 1, 1], "score": 0.5, "crops": {}}]},
        {"people": [{"box": [0, 0, 1, 1], "score": 0.5, "garments": [{"label": "Coat"}]}]},
        {"people": [{"box": [0, 0, 1, 1], "score": 0.5, "unsure": [{"label": "Coat", "score": 1, "size": 1}]}]},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_what_is_wrong_in_a_frame_is_found(right: Record, wrong: Record) -> None:
    assert not mistake_in(right)
    assert not VALIDATOR.is_valid(right | wrong)


@pytest.mark.parametrize("missing", SCHEMA["$defs"]["frame"]["required"])
def test_a_frame_that_lacks_what_is_always_there_is_found(right: Record, missing: str) -> None:
    assert not VALIDATOR.is_valid({key: value for key, value in right.items() if key != missing})


def test_a_stretch_or_an_event_with_an_unknown_word_is_found() -> None:
    head = {"version": 1, "run": "r", "source": "camera"}
    range = {**head, "from_seq": 0, "to_seq": 3, "status": "late"}
    where = {"seq": 3, "pts_ns": 0, "capture_time_ns": 0, "track": 1, "series": 0}
    left = {**dict.fromkeys(("first_seq", "first_pts_ns", "last_seq", "last_pts_ns"), 0), "reason": "eos"}
    event = {**head, **where, **left, "event": "left"}
    for right in (range, event):
        assert not mistake_in(right)
        assert not VALIDATOR.is_valid(right | {"extra": 1})
    assert not VALIDATOR.is_valid(range | {"status": "ok"})
    assert not VALIDATOR.is_valid(event | {"reason": "bored"})
    assert not VALIDATOR.is_valid(event | {"event": "came"})
