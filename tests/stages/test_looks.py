"""Whom to look at: decisions on histories."""

import numpy as np

from fashion_pipeline.stages.people.looks import Policy, Seen, choose, wants
from fashion_pipeline.stages.people.views import LEAST, view_quality

POLICY = Policy(looks=3, spacing_s=0.3, better=1.5, again_s=10.0, most=2)


def seen(looks: int, *, last_s: float = 0.0, best: float = 0.4) -> Seen:
    return Seen(first_seq=0, looks=looks, last_look_s=last_s, best_quality=best)


def test_nobody_wants_nothing() -> None:
    assert choose([], POLICY, 0.0) == []


def test_a_new_person_is_looked_at_however_bad_the_view() -> None:
    assert wants(Seen(0), 0.01, POLICY, 0.0)


def test_an_unsettled_person_is_looked_at_again_but_not_at_once() -> None:
    assert not wants(seen(1), 0.4, POLICY, 0.2)
    assert wants(seen(1), 0.4, POLICY, 0.3)


def test_a_settled_person_is_looked_at_only_for_a_better_view_or_after_long() -> None:
    assert not wants(seen(3), 0.5, POLICY, 5.0)
    assert wants(seen(3), 0.61, POLICY, 5.0)
    assert wants(seen(3), 0.1, POLICY, 10.0)


def test_looks_of_a_frame_are_bounded_and_the_new_come_first() -> None:
    wishes = [(seen(2), 0.9), (Seen(0), 0.1), (seen(1), 0.9), (Seen(0), 0.2)]
    assert choose(wishes, POLICY, 1.0) == [1, 3]


def test_of_equals_the_best_view_is_taken_and_waiting_helps() -> None:
    policy = Policy(looks=3, spacing_s=0.3, better=1.5, again_s=10.0, most=1)
    assert choose([(seen(1), 0.3), (seen(1), 0.5)], policy, 1.0) == [1]
    assert choose([(seen(1, last_s=0.0), 0.3), (seen(1, last_s=19.5), 0.5)], policy, 20.0) == [0]


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (400, 300, 3), np.uint8)


def test_a_larger_sharper_whole_and_uncovered_view_is_better() -> None:
    import cv2

    image_bgr = picture()
    box = [50.0, 50.0, 150.0, 250.0]
    good = view_quality(image_bgr, box)
    assert 0.5 < good <= 1
    assert view_quality(image_bgr, [50.0, 50.0, 80.0, 110.0]) < good / 2
    assert view_quality(cv2.GaussianBlur(image_bgr, (0, 0), 6), box) < good / 2
    assert view_quality(image_bgr, [0.0, 50.0, 100.0, 250.0]) < 0.6 * good
    assert view_quality(image_bgr, box, [[50.0, 150.0, 150.0, 350.0]]) < 0.6 * good
    # Somebody behind covers nothing.
    assert view_quality(image_bgr, box, [[50.0, 10.0, 150.0, 200.0]]) == good


def test_a_view_of_nothing_is_the_worst() -> None:
    assert view_quality(picture(), [400.0, 500.0, 401.0, 501.0]) == LEAST
