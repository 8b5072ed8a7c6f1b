"""Who is who: the tracker on boxes alone."""

import numpy as np
import pytest

from fashion_pipeline.stages.people.tracking import NOBODY, PeopleTracker

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


def test_who_was_not_in_the_last_update_is_expected_nowhere() -> None:
    tracker = PeopleTracker(start_score=0.5, forget_s=1.0, rate_hz=RATE_HZ)
    assert tracker.predict(0.0) == {}
    two = np.array([[0.0, 0, 30, 80], [100.0, 0, 130, 80]])
    tracker.update(two, np.array([0.9, 0.9]), 0.0)
    assert set(tracker.predict(0.1)) == {1, 2}
    tracker.update(two[1:], np.array([0.9]), 0.2)
    assert tracker.alive == {1, 2}
    assert set(tracker.predict(0.3)) == {2}


def test_to_ask_where_somebody_should_be_changes_nothing() -> None:
    def follow_walker(*, asks: bool) -> tuple[list[list[int]], dict[int, np.ndarray]]:
        tracker = PeopleTracker(start_score=0.5, forget_s=1.0, rate_hz=RATE_HZ)
        numbers = []
        for second in range(6):
            boxes = np.array([[8.0 * second, 0, 8.0 * second + 30, 80]])
            numbers.append(tracker.update(boxes, np.array([0.9]), second / 5).tolist())
            for _time in range(3 if asks else 0):
                tracker.predict((second + 0.5) / 5)
        return numbers, tracker.predict(1.1)

    (numbers, box), (others, other_box) = follow_walker(asks=False), follow_walker(asks=True)
    assert numbers == others == [[1]] * 6
    np.testing.assert_array_equal(box[1], other_box[1])
    np.testing.assert_allclose(box[1], [44, 0, 74, 80], atol=2)


@pytest.mark.parametrize(("rate_hz", "expected"), [(10.0, [[1], [2]]), (2.0, [[1], [1]])])
def test_how_far_somebody_can_have_come_depends_on_the_time_between(rate_hz: float, expected: list) -> None:
    tracker = PeopleTracker(start_score=0.5, forget_s=1.0, rate_hz=rate_hz)
    boxes = np.array([[0.0, 0, 30, 80]]), np.array([[50.0, 0, 80, 80]])
    found = [tracker.update(box, np.array([0.9]), n / rate_hz).tolist() for n, box in enumerate(boxes)]
    assert found == expected


def looks_of(*places: int) -> np.ndarray:
    """Looks of people who have nothing in common if their places differ."""
    return np.eye(8, dtype=np.float32)[list(places)]


def test_two_who_meet_are_told_apart_by_how_they_look() -> None:
    """They come together, stand in one another's place, and go back: places alone would swap them."""
    walk = [*range(15, 54, 6), 53, 53, 53, *range(51, 10, -6)]

    def numbers(with_looks: bool) -> list[int]:
        tracker = PeopleTracker(start_score=0.5, forget_s=1.0, rate_hz=RATE_HZ)
        for n, x in enumerate(walk):
            boxes = np.array([[x, 0.0, x + 30, 80], [110.0 - x, 4, 140.0 - x, 84]])
            looks = looks_of(0, 1) if with_looks else None
            found = tracker.update(boxes, np.array([0.9, 0.9]), n / RATE_HZ, looks=looks)
        return found.tolist()

    assert numbers(with_looks=True) == [1, 2]
    assert numbers(with_looks=False) == [2, 1]


@pytest.mark.parametrize(
    ("looks", "away_s", "is_sliver", "expected"),
    [
        pytest.param(0, 1.0, False, 1, id="looks the same"),
        pytest.param(1, 1.0, False, 3, id="looks like somebody else"),
        pytest.param(0, 4.0, False, 1, id="the same after long"),
        pytest.param(0, 4.0, True, 3, id="too little to be seen after long"),
        pytest.param(0, 1.0, True, 1, id="too little to be seen, but just gone"),
        pytest.param(0, 7.0, False, 3, id="forgotten"),
    ],
)
def test_who_comes_back_and_looks_the_same_has_the_number_again(
    looks: int, away_s: float, is_sliver: bool, expected: int
) -> None:
    tracker = PeopleTracker(start_score=0.5, forget_s=6.0, rate_hz=RATE_HZ)
    two = np.array([[0.0, 0, 30, 80], [400.0, 0, 430, 80]])
    for n in range(5):
        tracker.update(two, np.array([0.9, 0.9]), n / RATE_HZ, looks=looks_of(0, 2))
    # Somebody is there all the time, so that frames go on.
    for n in range(5, round(10 * (0.4 + away_s))):
        tracker.update(two[1:], np.array([0.9]), n / RATE_HZ, looks=looks_of(2))
    back = np.array([[0.0, 90, 30, 170]])
    found = tracker.update(
        back, np.array([0.9]), 0.4 + away_s, looks=looks_of(looks), is_sliver=np.array([is_sliver])
    )
    assert found.tolist() == [expected]


def test_who_left_at_one_end_does_not_come_back_at_the_other() -> None:
    tracker = PeopleTracker(start_score=0.5, forget_s=6.0, rate_hz=RATE_HZ)
    tracker.update(np.array([[0.0, 0, 30, 80]]), np.array([0.9]), 0.0, looks=looks_of(0))
    far = np.array([[900.0, 0, 930, 80]])
    assert tracker.update(far, np.array([0.9]), 1.0, looks=looks_of(0)).tolist() == [2]
