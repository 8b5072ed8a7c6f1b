"""Who may be in a frame though nobody is found there: what `track` tells stages that must overlook nobody."""

from typing import Any

import numpy as np
import pytest

from fashion_pipeline.stages.track import Track
from framegraph.packet import Packet
from framegraph.testing import make_packet, make_stage, run_stage

STANDING = [100.0, 40.0, 140.0, 160.0]


def person(box: list[float]) -> dict[str, Any]:
    return {"box": box, "score": 0.9}


def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)


def tracked(*frames: list[dict[str, Any]] | None, properties: dict[str, Any] | None = None) -> list[Packet]:
    """Frames of a film; None: not searched."""
    packets = []
    for seq, people in enumerate(frames):
        meta: dict[str, Any] = {"people": []} if people is None else {"people": people}
        packets.append(
            make_packet(noise(), seq=seq, **meta, **({"is_predicted": True} if people is None else {}))
        )
    return run_stage(Track, packets, properties)


def possible(packet: Packet) -> list[tuple[list[float], int]]:
    return [(each["box"], each["unseen_frames"]) for each in packet.meta.get("possible_people", [])]


def moving(step: int) -> list[dict[str, Any]]:
    return [person([100.0 + 4 * step, 40.0, 140.0 + 4 * step, 160.0])]


def test_somebody_lost_is_possible_where_they_were_going() -> None:
    answers = tracked(*(moving(step) for step in range(10)), [], [], [])
    assert [possible(answer) for answer in answers[:10]] == [[]] * 10
    found = [possible(answer)[0] for answer in answers[10:]]
    assert [unseen for _box, unseen in found] == [1, 2, 3]
    assert [box[0] for box, _unseen in found] == pytest.approx([140, 144, 148], abs=3)


def test_somebody_with_a_low_score_is_possible_at_once_and_lost_later() -> None:
    faint = [{"box": STANDING, "score": 0.3}]
    answers = tracked(faint, [], faint)
    assert [answer.meta["people"] for answer in answers] == [[], [], []]
    assert [possible(answer) for answer in answers] == [[(STANDING, 0)], [(STANDING, 1)], [(STANDING, 0)]]


def test_who_cannot_be_predicted_any_more_makes_the_frame_unknown() -> None:
    answers = tracked(moving(0), *[None] * 60)
    unknown = ["is_unknown" in answer.meta for answer in answers]
    assert unknown[:10] == [False] * 10
    assert unknown[-1]


def test_a_frame_not_searched_before_any_that_was_is_unknown() -> None:
    assert [answer.meta.get("is_unknown") for answer in tracked(None, [], None)] == [True, None, None]


def test_a_track_that_died_still_knows_where_people_were() -> None:
    [first] = tracked(moving(0))
    stage = make_stage(Track)
    stage.open()
    stage.recall([first.meta])
    answer = stage.process(make_packet(noise(), seq=1, people=[]))
    assert possible(answer) == [([100.0, 40.0, 140.0, 160.0], 1)]
