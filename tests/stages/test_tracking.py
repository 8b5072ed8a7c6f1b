"""Who is who: the tracker on boxes alone."""

import numpy as np
import pytest

from stages.media.tracking import NOBODY, PeopleTracker

RATE_HZ = 10.0


def follow(frames, *, forget_s=1.0, highest_number=0):
    """Return the numbers of each frame; a frame is a list of (x, y, score) of people of 30 x 80 pixels."""
    tracker = PeopleTracker(
        start_score=0.5, forget_s=forget_s, rate_hz=RATE_HZ, highest_number=highest_number
    )
    found = []
    for number, people in enumerate(frames):
        boxes = np.array([(x, y, x + 30, y + 80) for x, y, _score in people], float).reshape(-1, 4)
        scores = np.array([score for _x, _y, score in people])
        found.append(tracker.update(boxes, scores, number / RATE_HZ).tolist())
    return found


def test_nobody_is_nobody() -> None:
    assert follow([[], [], []]) == [[], [], []]


def test_everybody_has_a_number_from_the_first_sight_on() -> None:
    assert follow([[(0, 0, 0.9), (100, 0, 0.8)]]) == [[1, 2]]


def test_numbers_stay_when_people_walk_and_the_detector_changes_their_order() -> None:
    frames = [[(4 * t, 0, 0.9), (200 - 4 * t, 0, 0.8)][:: 1 if t % 2 else -1] for t in range(10)]
    assert follow(frames) == [[1, 2] if t % 2 == 0 else [2, 1] for t in range(10)]


def test_who_is_hidden_for_a_moment_comes_back_as_the_same() -> None:
    frames = [[(4 * t, 0, 0.9)] if not 5 <= t < 9 else [] for t in range(14)]
    assert [numbers for numbers in follow(frames) if numbers] == [[1]] * 10


def test_who_stays_away_for_long_is_a_new_person() -> None:
    frames = [[(0, 0, 0.9)], *[[]] * 15, [(0, 0, 0.9)]]
    assert follow(frames)[-1] == [2]


@pytest.mark.parametrize(("scores", "expected"), [((0.9, 0.3), [[1], [1]]), ((0.3, 0.3), [[NOBODY]] * 2)])
def test_who_is_unsure_only_continues_a_track(scores, expected) -> None:
    assert follow([[(0, 0, score)] for score in scores]) == expected


def test_numbers_go_on_after_those_given_before() -> None:
    assert follow([[(0, 0, 0.9)]], highest_number=41) == [[42]]
