"""Events as lines in a file: who appears, wears, leaves; nothing from frames that were not analysed; deaths."""

import json
from pathlib import Path
from typing import Any

import pytest

from fashion_pipeline.stages.events_sink import EventsSink
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.testing import make_packet, make_stage, run_sink

COAT = {"label": "Coat", "score": 0.8, "region": "upper", "color": "navy"}
BAG = {"label": "Bag", "score": 0.7, "region": "hand"}
FAST = {"leave-after": 0.2, "steady": 0.08}


def somebody(track: int, *garments: dict[str, Any], **more: Any) -> dict[str, Any]:
    person = {"track": track, "series": 0, "box": [1.0, 2.0, 30.0, 40.0], "score": 0.9}
    return {**person, "garments": list(garments), "settled": bool(garments), **more}


def frame(seq: int, *people: dict[str, Any], status: str = "ok") -> Packet:
    return make_packet(seq=seq, status=status, people=list(people))


def events(packets: list[Packet], folder: Path, **properties: Any) -> list[dict[str, Any]]:
    run_sink(EventsSink, packets, {"location": str(folder / "events.jsonl"), **FAST, **properties})
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def told(found: list[dict[str, Any]]) -> list[tuple[int, str, int]]:
    return [(event["seq"], event["event"], event["track"]) for event in found]


def test_somebody_appears_wears_and_leaves(tmp_path: Path) -> None:
    packets = [frame(seq, somebody(7, COAT)) for seq in range(5)] + [frame(seq) for seq in range(5, 15)]
    found = events(packets, tmp_path)
    # Steady for 80 ms: since frame 0. Missing since frame 5, for 200 ms.
    assert told(found) == [(0, "appeared", 7), (2, "wears", 7), (10, "left", 7)]
    appeared, wears, left = found
    assert {name: appeared[name] for name in ("version", "run", "source", "series", "pts_ns", "box", "score")} == {
        "version": 1, "run": "test", "source": "camera", "series": 0, "pts_ns": 0,
        "box": [1.0, 2.0, 30.0, 40.0], "score": 0.9,
    }  # fmt: skip
    assert wears["garments"] == [COAT]
    assert (left["reason"], left["first_seq"], left["last_seq"]) == ("unseen", 0, 4)
    assert not list(tmp_path.glob(".*"))


def test_what_is_worn_is_told_when_it_is_known_and_when_it_changes(tmp_path: Path) -> None:
    worn = [()] * 2 + [(COAT,)] * 4 + [(BAG,)] + [(COAT,)] * 3 + [(COAT, BAG)] * 5
    packets = [frame(seq, somebody(1, *garments)) for seq, garments in enumerate(worn)]
    found = events(packets, tmp_path)
    # One frame of something else is no change.
    assert told(found)[:-1] == [(0, "appeared", 1), (4, "wears", 1), (12, "wears", 1)]
    assert [garment["label"] for garment in found[2]["garments"]] == ["Coat", "Bag"]
    assert (found[-1]["event"], found[-1]["reason"]) == ("left", "eos")


def test_another_order_or_score_of_the_same_garments_is_no_change(tmp_path: Path) -> None:
    packets = [frame(seq, somebody(1, *((COAT, BAG) if seq % 2 else (BAG, COAT)))) for seq in range(9)]
    assert [event["event"] for event in events(packets, tmp_path)] == ["appeared", "wears", "left"]


def test_frames_that_were_not_analysed_make_nobody_leave(tmp_path: Path) -> None:
    packets = [frame(0, somebody(1))]
    packets += [frame(seq, status="failed(detect)") for seq in range(1, 50)]
    packets += [frame(50), frame(51, somebody(1)), frame(52)]
    assert told(events(packets, tmp_path)) == [(0, "appeared", 1), (52, "left", 1)]


def test_somebody_who_is_hidden_for_a_moment_stays(tmp_path: Path) -> None:
    packets = [frame(seq, *([] if seq % 5 else [somebody(1)])) for seq in range(21)]
    assert told(events(packets, tmp_path)) == [(0, "appeared", 1), (20, "left", 1)]


def test_who_is_only_expected_is_there_but_was_found_last_before(tmp_path: Path) -> None:
    packets = [frame(0, somebody(7, COAT)), *(frame(n, somebody(7, COAT, detected_at_seq=0)) for n in (1, 2))]
    packets += [frame(seq) for seq in range(3, 12)]
    found = events(packets, tmp_path)
    # Missing since frame 3, for 200 ms.
    assert told(found) == [(0, "appeared", 7), (2, "wears", 7), (8, "left", 7)]
    assert (found[-1]["first_seq"], found[-1]["last_seq"]) == (0, 0)


def test_somebody_who_comes_back_appears_again(tmp_path: Path) -> None:
    packets = [frame(seq, *([somebody(1)] if seq in (0, 20) else [])) for seq in range(21)]
    assert told(events(packets, tmp_path)) == [
        (0, "appeared", 1), (6, "left", 1), (20, "appeared", 1), (20, "left", 1),
    ]  # fmt: skip


def busy_street(count: int) -> list[Packet]:
    """Forty people who come, change and go, and frames that fail."""
    packets = []
    for seq in range(count):
        people = [
            somebody(track, *((COAT,) if (seq + track) // 9 % 2 else (COAT, BAG)))
            for track in range(1, 41)
            if (seq + 3 * track) // 11 % 3
        ]
        packets.append(frame(seq, *people) if seq % 7 != 6 else frame(seq, status="failed(detect)"))
    return packets


@pytest.mark.parametrize("die_after", [0, 1, 2, 6, 7, 8, 30, 59])
def test_after_a_death_at_any_frame_the_lines_are_those_of_an_unbroken_run(
    tmp_path: Path, die_after: int
) -> None:
    packets = busy_street(60)
    calm, torn = tmp_path / "calm.jsonl", tmp_path / "torn.jsonl"
    run_sink(EventsSink, packets, {"location": str(calm), **FAST})
    run_sink(EventsSink, packets, {"location": str(torn), **FAST}, die_after=die_after)
    assert torn.read_text() == calm.read_text()
    assert len(calm.read_text().splitlines()) > 300
    EventsSink.count(torn)


def test_people_without_a_track_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="have no 'track'; put a stage of type track before"):
        events([make_packet(people=[{"box": [0, 0, 1, 1], "score": 1.0}])], tmp_path)


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"broker": "localhost"}, "expected mqtt://HOST"),
        ({"broker": "http://localhost"}, "expected mqtt://HOST"),
        ({"broker": "mqtt://user:secret/word@host"}, "is not a number"),
        ({"broker": "mqtt://user:secretword@host:1/x"}, "written %2F"),
        ({"topic": "people/#"}, "contain # or +"),
        ({"topic": ""}, "must not be empty"),
    ],
)
def test_a_wrong_address_or_topic_is_refused_without_showing_a_password(
    properties: dict[str, str], said: str
) -> None:
    with pytest.raises(GraphError) as refused:
        make_stage(EventsSink, {"location": "events.jsonl", **properties})
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)
