"""Tracks and settled answers in the running default graph, while their processes die."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml

from tests.launching import PROJECT, Launched, lines, seqs, wait_for

FRAMES = 160


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Launched]:
    (tmp_path / "samples").symlink_to(PROJECT / "samples")
    described = yaml.safe_load((PROJECT / "pipeline.yaml").read_text())
    described["stages"]["sheet"] = {"type": "contact_sheet", "location": "out/people.png"}
    described["links"].append("settle ! sheet")
    (tmp_path / "graph.yaml").write_text(yaml.safe_dump(described))
    with Launched(tmp_path / "graph.yaml", "--set", "film.preset=ultrafast", folder=tmp_path) as launched:
        yield launched


def kill_at(run: Launched, folder: Path, name: str, frame: int) -> None:
    results = folder / "out/results.jsonl"
    wait_for(lambda: results.exists() and len(lines(results)) >= frame, f"frame {frame}", run)
    run.child(name).kill()


def people_of(folder: Path) -> list[tuple[int, dict[str, Any]]]:
    records = lines(folder / "out/results.jsonl")
    assert seqs(records) == list(range(FRAMES))
    assert {record["status"] for record in records} == {"ok"}
    return [(record["seq"], person) for record in records for person in record["people"]]


@pytest.mark.slow
def test_answers_outlive_the_process_that_settles_them(run: Launched, tmp_path: Path) -> None:
    for frame in (30, 70):
        kill_at(run, tmp_path, "settle.0", frame)
    assert run.wait() == 0, run.stderr
    looks: dict[int, int] = {}
    last_seq: dict[int, int] = {}
    for seq, person in people_of(tmp_path):
        number = person["track"]
        # Who was away while it died may be forgotten; nobody in sight is.
        if last_seq.get(number) == seq - 1:
            assert person["looks"] >= looks[number]
        looks[number], last_seq[number] = person["looks"], seq
    summary = run.stdout + run.stderr
    assert f"distinct people, by track number: classified {len(looks)}\n" in summary
    assert f"{len(looks)} people on the sheet" in summary
    assert cv2.imread(str(tmp_path / "out/people.png")) is not None


@pytest.mark.slow
def test_numbers_go_on_over_the_death_of_the_tracker_in_a_new_series(run: Launched, tmp_path: Path) -> None:
    kill_at(run, tmp_path, "track.0", 40)
    assert run.wait() == 0, run.stderr
    people = people_of(tmp_path)
    series = {person["track"]: person["series"] for _seq, person in people}
    assert all(series[person["track"]] == person["series"] for _seq, person in people)
    first, second = sorted(set(series.values()))
    assert max(track for track, of in series.items() if of == first) == second
    assert min(track for track, of in series.items() if of == second) == second + 1
