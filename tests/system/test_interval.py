"""`detect.interval` in a running graph: every frame comes, and it is said which boxes are predicted."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.launching import PROJECT, Launched, lines, seqs, wait_for

INTERVAL = 3
GRAPH = """\
stages:
  camera: {type: source, uri: samples/plaza.mp4, duration: 4s}
  every: {type: detect}
  detect: {type: detect, interval: 3, replicas: 2}
  track: {type: track}
  table: {type: csv_sink, location: out/table.csv}
  known: {type: json_sink, location: out/known.jsonl}
  results: {type: json_sink, location: out/results.jsonl}
links:
  - camera ! every ! known
  - camera ! detect ! track ! results
  - track ! table
ledger: out/ledger.json
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "samples").symlink_to(PROJECT / "samples")
    return tmp_path


def boxes(people: list[dict[str, Any]]) -> list[tuple[list[float], float]]:
    return [(person["box"], person["score"]) for person in people]


@pytest.mark.slow
def test_each_third_frame_has_what_detect_finds_and_the_others_say_that_they_are_predicted(
    folder: Path,
) -> None:
    (folder / "graph.yaml").write_text(GRAPH)
    with Launched(folder / "graph.yaml", folder=folder) as run:
        assert run.wait() == 0, run.stderr
        assert "boxes: predicted" in run.stdout
    known, results = (lines(folder / "out" / f"{name}.jsonl") for name in ("known", "results"))
    assert seqs(results) == seqs(known) == list(range(40))
    expected = 0
    for one, record in zip(known, results, strict=True):
        people = record["people"]
        if record["seq"] % INTERVAL == 0:
            # Less sure than `start-score` is who only continues a track.
            found = boxes(one["people"])
            assert set(map(str, boxes(people))) <= set(map(str, found))
            assert [each for each in found if each[1] >= 0.6] == [
                each for each in boxes(people) if each[1] >= 0.6
            ]
            assert "is_predicted" not in record
            assert not any("detected_at_seq" in person for person in people)
        else:
            assert record["is_predicted"] is True
            assert "model" not in record
            last = results[record["seq"] // INTERVAL * INTERVAL]
            assert {person["detected_at_seq"] for person in people} <= {last["seq"]}
            assert {person["track"] for person in people} <= {person["track"] for person in last["people"]}
            expected += len(people)
    assert expected > 40
    table = (folder / "out/table.csv").read_text()
    assert table.count(",predicted,") >= expected


def has_lines(results: Path, count: int) -> bool:
    return len(lines(results)) >= count


@pytest.mark.slow
def test_whoever_dies_every_frame_comes_once_and_marked_as_it_should_be(folder: Path) -> None:
    described = yaml.safe_load((PROJECT / "pipeline.yaml").read_text())
    described["stages"]["detect"] |= {"interval": INTERVAL, "replicas": 2}
    described["stages"]["sheet"] = {"type": "contact_sheet", "location": "out/people.png"}
    described["stages"]["events"] = {"type": "events_sink", "location": "out/events.jsonl"}
    described["links"] += ["settle ! sheet", "settle ! events"]
    (folder / "graph.yaml").write_text(yaml.safe_dump(described))
    results = folder / "out/results.jsonl"
    with Launched(folder / "graph.yaml", "--set", "film.preset=ultrafast", folder=folder) as run:
        for name, count in (("detect.0", 25), ("track.0", 60), ("detect.1", 90), ("settle.0", 110)):
            wait_for(partial(has_lines, results, count), f"frame {count}", run)
            run.child(name).kill()
        assert run.wait() == 0, run.stderr
    records = lines(results)
    assert seqs(records) == list(range(160))
    series: dict[int, int] = {}
    for record in records:
        is_predicted = record["seq"] % INTERVAL != 0
        assert record["status"] == "ok"
        assert record.get("is_predicted", False) is is_predicted
        for person in record["people"]:
            assert ("detected_at_seq" in person) is is_predicted
            assert series.setdefault(person["track"], person["series"]) == person["series"]
    assert len(set(series.values())) == 2
    appeared = [event for event in lines(folder / "out/events.jsonl") if event["event"] == "appeared"]
    assert {event["track"] for event in appeared} == set(series)
    assert all(event["seq"] % INTERVAL == 0 for event in appeared)
