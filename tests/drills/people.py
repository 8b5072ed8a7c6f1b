"""`python -m tests.drills.people FILM [FILM …]`: what tracks and settled answers are worth, and what they cost.

Each film goes twice through the graph up to the answers: once with every person classified in every frame
(track only says who is who), once as in pipeline.yaml. Printed for both: looks, changes of a person's labels
per second of track, CPU time per person and frame; and numbers per true person where FILM.json, made by
`python -m training.street.film`, says who stands where.
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import av
import psutil

from framegraph.view.observed import children_of

PROJECT = Path(__file__).resolve().parents[2]
STAGES = ("track", "crop", "classify", "settle")
EVERY_FRAME = "{type: track, looks: 1000000, look-spacing: 0, max-looks: 1000}"
GRAPH = """\
stages:
  camera:   {{type: source, uri: {film}}}
  detect:   {{type: detect{detect}}}
  track:    {track}
  crop:     {{type: crop}}
  classify: {{type: classify}}
{settle}  results:  {{type: json_sink, location: {out}/results.jsonl}}
links:
  - camera ! detect ! track ! crop ! classify{link} ! results
ledger: {out}/ledger.json
"""
MAIN_PART = 0.4
"""A box lower than this part of the frame is somebody in the background of a photo, who has no place there."""
SAMPLE_S = 0.05


@dataclasses.dataclass
class Run:
    """What a run came to."""

    records: list[dict[str, Any]]
    cpu_s: dict[str, float]

    @property
    def people(self) -> int:
        return sum(len(record["people"]) for record in self.records)


def run_graph(text: str, out: Path) -> Run:
    """Run a graph; the CPU time of each stage counts from the first result on, without loading."""
    (out / "graph.yaml").write_text(text)
    command = [sys.executable, str(PROJECT / "launcher.py"), str(out / "graph.yaml"), "--quiet"]
    launcher = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    results = out / "results.jsonl"
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    try:
        while launcher.poll() is None:
            for pid, name, _folder in children_of(launcher.pid):
                try:
                    times = psutil.Process(pid).cpu_times()
                except psutil.NoSuchProcess:
                    continue
                last[name.split(".")[0]] = times.user + times.system
            if not first and results.exists() and results.stat().st_size:
                first = dict(last)
            time.sleep(SAMPLE_S)
    finally:
        launcher.kill()
    if launcher.wait() != 0:
        raise SystemExit(f"the run has failed: exit status {launcher.returncode}")
    records = [json.loads(line) for line in results.read_text().splitlines()]
    return Run(records, {name: last[name] - first.get(name, 0.0) for name in STAGES if name in last})


def flips_per_s(records: list[dict[str, Any]], rate_hz: float) -> tuple[float, float]:
    """Return how often a label came or went per second of track, and the seconds of track."""
    worn: dict[int, set[str]] = {}
    seconds: defaultdict[int, int] = defaultdict(int)
    flips = 0
    for record in records:
        for person in record["people"]:
            labels = {garment["label"] for garment in person["garments"]}
            if person.get("looks") == 0:
                continue
            flips += len(labels ^ worn.get(person["track"], labels))
            worn[person["track"]] = labels
            seconds[person["track"]] += 1
    track_s = sum(seconds.values()) / rate_hz
    return flips / track_s, track_s


def looks(records: list[dict[str, Any]]) -> int:
    """Return how many times a person was classified."""
    return sum(
        person["look"] > 0 if "look" in person else person.get("classified_at_seq") == record["seq"]
        for record in records
        for person in record["people"]
    )


def numbers_per_person(records: list[dict[str, Any]], truth: dict[str, Any]) -> tuple[float, int, int]:
    """Return numbers per true person, how many people there are, and how many numbers stand for two."""
    numbers: dict[str, set[int]] = defaultdict(set)
    owners: dict[int, set[str]] = defaultdict(set)
    for record, (left, _top, scale) in zip(records, truth["windows"], strict=True):
        width, height = record["size_wh"]
        for person in record["people"]:
            x0, y0, x1, y1 = person["box"]
            is_cut = x0 < 2 or x1 > width - 2
            if (y1 - y0) * scale < MAIN_PART * height or is_cut:
                continue
            middle = left + scale * (x0 + x1) / 2
            name = next((name for name, begin, end in truth["photos"] if begin <= middle < end), None)
            if name is not None:
                numbers[name].add(person["track"])
                owners[person["track"]].add(name)
    merged = sum(len(names) > 1 for names in owners.values())
    return sum(map(len, numbers.values())) / len(numbers), len(numbers), merged


def measure(film: Path, detect: str) -> None:
    with av.open(str(film)) as opened:
        rate_hz = float(opened.streams.video[0].average_rate or 25)
    truth_path = film.with_suffix(".json")
    ways = {
        "every person in every frame": (EVERY_FRAME, "", ""),
        "track and settle": ("{type: track}", "  settle:   {type: settle}\n", " ! settle"),
    }
    print(f"\n{film.name}, {rate_hz:g} frames a second")
    print("| | persons x frames | looks | flips per track-second | CPU ms per person and frame | of it |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (track, settle, link) in ways.items():
        with tempfile.TemporaryDirectory(prefix="people-") as folder:
            text = GRAPH.format(
                film=film.resolve(), track=track, settle=settle, link=link, out=folder, detect=detect
            )
            run = run_graph(text, Path(folder))
        flips, track_s = flips_per_s(run.records, rate_hz)
        cost = {stage: 1000 * spent_s / run.people for stage, spent_s in run.cpu_s.items()}
        parts = ", ".join(f"{stage} {value:.2f}" for stage, value in cost.items())
        print(
            f"| {name} | {run.people} | {looks(run.records)} | {flips:.2f} in {track_s:.0f} s | "
            f"{sum(cost.values()):.2f} | {parts} |"
        )
    numbers = {person["track"] for record in run.records for person in record["people"]}
    print(f"{len(numbers)} numbers in all")
    if truth_path.exists():
        each, people, merged = numbers_per_person(run.records, json.loads(truth_path.read_text()))
        print(f"{each:.2f} numbers per true person (n = {people}); {merged} numbers stand for two people")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--confidence", type=float, help="of the detector; default: its own")
    options = parser.parse_args()
    for film in options.films:
        measure(film, f", confidence: {options.confidence}" if options.confidence else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
