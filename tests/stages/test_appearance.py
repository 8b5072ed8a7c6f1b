"""How people look, and how the camera moves: numbers from pixels."""

import cv2
import numpy as np
import pytest

from fashion_pipeline.stages.people.appearance import LENGTH, appearance, appearances, slivers
from fashion_pipeline.stages.people.camera_motion import CameraMotion


def person(upper_bgr, lower_bgr, *, seed=0):
    picture = np.full((200, 120, 3), 128.0)
    picture[20:100, 30:90], picture[100:180, 30:90] = upper_bgr, lower_bgr
    noise = np.random.default_rng(seed).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


BOX = [30.0, 20.0, 90.0, 180.0]
RED, BLUE, GREEN = (40, 30, 200), (150, 80, 50), (60, 140, 40)


def test_the_same_clothes_look_alike_and_others_do_not() -> None:
    red, again, turned, green = (
        appearance(picture, BOX)
        for picture in (
            person(RED, BLUE),
            person(RED, BLUE, seed=1),
            person(BLUE, RED),
            person(GREEN, BLUE),
        )
    )
    assert red @ red == pytest.approx(1, abs=1e-5)
    assert red @ again > 0.85
    assert red @ turned < 0.5
    assert red @ green < 0.7


@pytest.mark.parametrize("box", [[500.0, 20, 560, 90], [-80.0, -90, -10, -5], [30.0, 20, 30, 20]])
def test_who_is_outside_the_picture_looks_like_nobody(box) -> None:
    assert not appearance(person(RED, BLUE), box).any()


def test_nobody_has_no_looks() -> None:
    assert appearances(person(RED, BLUE), np.zeros((0, 4))).shape == (0, LENGTH)


def test_slivers_are_narrow_and_at_the_side() -> None:
    boxes = np.array([[0.0, 0, 30, 90], [0.0, 0, 60, 90], [100.0, 0, 120, 90], [615.0, 0, 640, 90]])
    assert slivers(boxes, 640).tolist() == [True, False, False, True]


def ground(size_wh=(640, 480), seed=3):
    noise = np.random.default_rng(seed).integers(0, 255, (size_wh[1], size_wh[0], 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 5), None, 0, 255, cv2.NORM_MINMAX)


def moved(picture, x, y):
    return cv2.warpAffine(
        picture, np.float32([[1, 0, x], [0, 1, y]]), picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT
    )


NOBODY = np.zeros((0, 4))


def test_the_shift_of_a_camera_adds_up() -> None:
    motion = CameraMotion()
    for x, y in ((0, 0), (12, -8), (30, -20), (5, 10)):
        shift_xy = motion.see(moved(ground(), x, y), NOBODY)
        np.testing.assert_allclose(shift_xy, [x, y], atol=2.5)


def test_a_still_camera_moves_by_nothing_whatever_goes_through_the_picture() -> None:
    motion = CameraMotion()
    for n in range(10):
        picture = ground().copy()
        x = 40 * n
        picture[100:400, x : x + 200] = ground((200, 300), seed=9)
        motion.see(picture, np.array([[x, 100.0, x + 200, 400]]))
    assert motion.shift_xy.tolist() == [0, 0]


def test_another_size_of_picture_begins_again() -> None:
    motion = CameraMotion()
    motion.see(ground(), NOBODY)
    motion.see(ground((320, 200)), NOBODY)
    np.testing.assert_allclose(motion.see(moved(ground((320, 200)), 10, 0), NOBODY), [10, 0], atol=2)


def test_where_people_fill_the_picture_nothing_is_believed() -> None:
    motion = CameraMotion()
    everywhere = np.array([[0.0, 0, 640, 480]])
    motion.see(ground(), everywhere)
    assert motion.see(moved(ground(), 30, 0), everywhere).tolist() == [0, 0]
