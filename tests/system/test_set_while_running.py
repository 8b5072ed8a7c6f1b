"""What is set in a running graph counts from the next frame on: who is found, and what they are said to wear."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.model_lookup import find_street_model
from fashion_pipeline.fashion.street import StreetFacts, read_facts, shifted
from framegraph.errors import GraphError
from framegraph.graph.change import with_property
from framegraph.graph.reader import read_graph_argument
from tests.controlling import Remote, launcher
from tests.launching import PROJECT, Launched, lines, wait_for

Record = dict[str, Any]
GRAPH = """\
stages:
  camera: {type: source, uri: samples/plaza.mp4, duration: 1s, loop: true, max-fps: 8, pace: realtime}
  detect: {type: detect, model: ssdlite, confidence: 0.3, nms: 0.9, max-people: 6}
  crop: {type: crop}
  classify: {type: classify}
  results: {type: json_sink, location: out/results.jsonl}
links: [camera ! detect ! crop ! classify ! results]
"""
FRAMES = 3


class Plaza:
    """A run of the sample film without an end, and what its records say from a moment on."""

    def __init__(self, run: Launched, folder: Path) -> None:
        self.run = run
        self.remote = Remote(run)
        self._results = folder / "out/results.jsonl"

    def set(self, assignment: str) -> None:
        done = launcher(self.run, "set", assignment)
        assert done.returncode == 0, done.stderr
        name, _equals, value = assignment.partition("=")
        assert done.stdout == f"{name} is now {value}\n"

    def later(self) -> list[Record]:
        """Some frames that were not captured yet when this was called."""
        first = self.remote.source("camera")["ledger"]["captured"]

        def fresh() -> list[Record]:
            return [record for record in lines(self._results) if record["seq"] >= first]

        found: list[Record] = wait_for(
            lambda: (some := fresh())[FRAMES - 1 :] and some, "later records", self.run
        )
        assert {record["status"] for record in found} == {"ok"}
        return found


@pytest.fixture(scope="module")
def plaza(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    folder = tmp_path_factory.mktemp("set")
    (folder / "samples").symlink_to(PROJECT / "samples")
    (folder / "graph.yaml").write_text(GRAPH)
    with Launched(folder / "graph.yaml", "--quiet", folder=folder) as run:
        yield Plaza(run, folder)


@pytest.fixture(scope="module")
def facts() -> StreetFacts:
    path = find_street_model("street")
    assert path is not None
    return read_facts(path)


def overlap(one: list[float], other: list[float]) -> float:
    """How much two boxes have in common of what they cover together."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    common = max(0.0, wide) * max(0.0, high)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return common / (sum(areas) - common)


def most_overlap(records: list[Record]) -> float:
    boxes = [[person["box"] for person in record["people"]] for record in records]
    return max((overlap(*pair) for each in boxes for pair in itertools.combinations(each, 2)), default=0.0)


def people(records: list[Record]) -> list[Record]:
    return [person for record in records for person in record["people"]]


@pytest.mark.slow
def test_of_boxes_that_overlap_fewer_stay(plaza: Plaza) -> None:
    before = plaza.later()
    plaza.set("detect.nms=0.05")
    after = plaza.later()
    # Edges are rounded to a tenth of a pixel.
    assert most_overlap(after) < 0.06 < most_overlap(before)
    assert len(people(after)) / len(after) < len(people(before)) / len(before)


@pytest.mark.slow
def test_fewer_labels_are_told_and_their_thresholds_stand_beside_them(
    plaza: Plaza, facts: StreetFacts
) -> None:
    before = plaza.later()
    plaza.set("classify.shift=3")
    after = plaza.later()
    for records, shift in ((before, 0.0), (after, 3.0)):
        expected = dict(zip(LABELS, shifted(facts, shift).thresholds, strict=True))
        for person in people(records):
            for garment in person["garments"]:
                assert garment["threshold"] == expected[garment["label"]]
                assert garment["score"] >= garment["threshold"]
            assert all(garment["score"] < garment["threshold"] for garment in person["unsure"])
    assert labels_each(after) < labels_each(before) / 2


def labels_each(records: list[Record]) -> float:
    found = people(records)
    return sum(len(person["garments"]) for person in found) / len(found)


@pytest.mark.slow
def test_fewer_people_are_found_and_more_again(plaza: Plaza) -> None:
    before = plaza.later()
    plaza.set("detect.confidence=0.7")
    after = plaza.later()
    assert min(person["score"] for person in people(before)) < 0.5
    assert min(person["score"] for person in people(after)) >= 0.7
    assert 0 < len(people(after)) / len(after) < len(people(before)) / len(before)
    plaza.set("detect.confidence=0.3")
    assert min(person["score"] for person in people(plaza.later())) < 0.5


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("detect.confidence=2", "set detect.confidence: must be at most 1, got 2"),
        ("detect.confidence=high", "set detect.confidence: expected a number, got 'high'"),
        ("classify.shift=9", "set classify.shift: must be at most 8, got 9"),
        (
            "detect.model=yolov3",
            "'model' cannot be set while the graph runs; start anew with --set detect.model=",
        ),
        ("detect.confidance=0.5", "unknown property 'confidance'; did you mean 'confidence'?"),
    ],
)
def test_what_cannot_be_set_leaves_all_as_it_was(plaza: Plaza, assignment: str, said: str) -> None:
    name, _equals, text = assignment.partition("=")
    stage, _dot, word = name.partition(".")
    value: Any = int(text) if text.isdecimal() else text
    assert said in plaza.remote.refused("set", stage=stage, property=word, value=value)
    assert plaza.run.process.poll() is None


@pytest.mark.slow
def test_a_run_whose_properties_were_set_ends_as_any_other(plaza: Plaza) -> None:
    """The last of those with the run."""
    assert launcher(plaza.run, "stop").returncode == 0
    assert plaza.run.wait() == 0, plaza.run.stderr
    assert "started again" not in plaza.run.stdout


# Without a run


def test_a_model_of_one_label_has_no_threshold_to_shift(tmp_path: Path) -> None:
    text = (
        f"source uri={PROJECT}/samples/plaza.mp4 ! detect ! crop model=v1 ! classify model=v1 name=classify ! "
        f"json_sink location={tmp_path}/out.jsonl"
    )
    graph = read_graph_argument(text)
    with pytest.raises(
        GraphError, match="model 'v1' gives one label per person, and has no threshold to shift"
    ):
        with_property(graph, "classify", "shift", 1)
    assert with_property(graph, "classify", "shift", 0).stages["classify"].options.shift == 0
    with pytest.raises(GraphError, match="has no threshold to shift"):
        read_graph_argument(text, ["classify.shift=-1"])


def test_thresholds_that_are_not_shifted_are_those_of_the_model(facts: StreetFacts) -> None:
    assert shifted(facts, 0.0) == facts


@pytest.mark.parametrize("shift", [-8.0, -1.0, 0.25, 1.0, 3.0, 8.0])
def test_thresholds_are_shifted_in_logits(facts: StreetFacts, shift: float) -> None:
    moved = shifted(facts, shift)
    for before, after in (
        *zip(facts.thresholds, moved.thresholds, strict=True),
        *zip(facts.unsure_above, moved.unsure_above, strict=True),
    ):
        odds = before / (1 - before) * math.exp(shift)
        assert after == pytest.approx(odds / (1 + odds), abs=1e-4)
    assert moved.look == facts.look


def test_the_higher_the_shift_the_higher_every_threshold(facts: StreetFacts) -> None:
    all_moved = [shifted(facts, number / 2) for number in range(-16, 17)]
    for lower, higher in itertools.pairwise(all_moved):
        assert all(a <= b for a, b in zip(lower.thresholds, higher.thresholds, strict=True))
        assert all(a <= b for a, b in zip(lower.unsure_above, higher.unsure_above, strict=True))
    for moved in all_moved:
        assert all(0 <= part <= 1 for part in (*moved.thresholds, *moved.unsure_above))
        assert all(u <= t for u, t in zip(moved.unsure_above, moved.thresholds, strict=True))
    # Where they are not at an end of the scale they differ.
    assert len({moved.thresholds for moved in all_moved}) == len(all_moved)
