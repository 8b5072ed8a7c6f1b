"""What a live source says of its pictures and their times: pure rules, with times passed in."""

import itertools

import numpy as np
import pytest

from fashion_pipeline.stages.media.live_clock import LiveClock
from fashion_pipeline.stages.media.picture_watch import PictureWatch, Thresholds
from fashion_pipeline.stages.media.timing import Image

MS = 1_000_000
SECOND = 1000 * MS


def noise(seed: int) -> Image:
    return np.random.default_rng(seed).integers(40, 200, (96, 128, 3), dtype=np.uint8)


def watch(
    pictures: list[Image], *, raw_ms: list[int] | None = None, damaged: frozenset[int] = frozenset()
) -> list[str]:
    """Show a picture a second; return what is said of each."""
    watching = PictureWatch(Thresholds(after_s=5.0))
    stamps = raw_ms or [1000 * number for number in range(len(pictures))]
    return [
        watching.see(picture, stamps[at] * MS, float(at), is_damaged=at in damaged)
        for at, picture in enumerate(pictures)
    ]


def test_pictures_that_change_are_fresh() -> None:
    assert watch([noise(number) for number in range(20)]) == 20 * [""]


def test_a_picture_that_does_not_change_is_frozen_until_it_does() -> None:
    pictures = [noise(0), *8 * [noise(1)], noise(2)]
    assert watch(pictures) == [*6 * [""], *3 * ["the picture is frozen"], ""]


def test_a_flicker_of_the_coder_is_no_change_but_one_thing_that_moves_is() -> None:
    still = [np.clip(noise(1) + number % 2, 0, 255).astype(np.uint8) for number in range(8)]
    assert watch(still)[-1] == "the picture is frozen"
    moving = [picture.copy() for picture in still]
    for number, picture in enumerate(moving):
        picture[10:14, 10 + number : 14 + number] = 255
    assert set(watch(moving)) == {""}


def test_a_black_picture_is_black_even_with_some_noise_in_it() -> None:
    pictures = [(noise(number) // 10).astype(np.uint8) for number in range(8)]
    assert watch([noise(99), *pictures])[-1] == "the picture is black"


def test_time_stamps_that_stand_still_are_told() -> None:
    pictures = [noise(number) for number in range(9)]
    assert watch(pictures, raw_ms=[0, 1, *7 * [2]])[-1] == "the time stamps stand still"


def test_many_decode_errors_are_told_a_few_are_not() -> None:
    pictures = [noise(number) for number in range(30)]
    many = watch(pictures, damaged=frozenset(range(5, 20)))
    assert many[4] == ""
    assert many[14] == "the picture is smeared: many decode errors"
    assert many[29] == ""
    assert set(watch(pictures, damaged=frozenset({6, 13, 20}))) == {""}


def test_units_without_a_picture_count_as_smeared_too() -> None:
    watching = PictureWatch(Thresholds(after_s=5.0))
    for at in range(10):
        watching.damaged(at + 0.5)
        said = watching.see(noise(at), at * SECOND, float(at + 1), is_damaged=False)
    assert said == "the picture is smeared: many decode errors"


def test_thresholds_of_zero_seconds_look_for_nothing() -> None:
    watching = PictureWatch(Thresholds(after_s=0.0))
    assert {watching.see(noise(0), 0, float(at), is_damaged=True) for at in range(99)} == {""}


@pytest.mark.parametrize(
    ("raw_ms", "broken"),
    [
        pytest.param([5000, 5100, 5200, 5300], [], id="as they are"),
        pytest.param([5000, 5100, 5100, 5200], [2], id="one repeats"),
        pytest.param([5000, 5100, 900, 1000], [2], id="they go back"),
        pytest.param([5000, 5100, 99_000, 99_100], [2], id="they jump ahead"),
        pytest.param([None, None, None, None], [], id="there are none"),
        pytest.param([None, 5100, 5200, None], [], id="some are missing"),
    ],
)
def test_running_time_rises_with_the_clock_whatever_the_stamps(
    raw_ms: list[int | None], broken: list[int]
) -> None:
    clock = LiveClock()
    times = [
        clock.stamp(None if raw is None else raw * MS, 77 * SECOND + at * 100 * MS)
        for at, raw in enumerate(raw_ms)
    ]
    assert [time.running_ns for time in times] == [0, 100 * MS, 200 * MS, 300 * MS]
    assert [at for at, time in enumerate(times) if time.is_broken] == broken


def test_a_burst_after_a_hole_keeps_its_own_time() -> None:
    clock = LiveClock()
    clock.stamp(0, 0)
    late = [clock.stamp(100 * MS * number, 3 * SECOND + number).running_ns for number in range(1, 5)]
    assert late == [100 * MS * number for number in range(1, 5)]


def test_a_new_connection_goes_on_where_the_clock_is() -> None:
    clock = LiveClock(begin_ns=50 * SECOND)
    first = clock.stamp(7 * SECOND, 0)
    clock.connected()
    second = clock.stamp(1 * SECOND, 30 * SECOND)
    third = clock.stamp(1 * SECOND + 40 * MS, 30 * SECOND + 40 * MS)
    assert [time.running_ns for time in (first, second, third)] == [
        50 * SECOND,
        80 * SECOND,
        80 * SECOND + 40 * MS,
    ]
    assert not any(time.is_broken for time in (first, second, third))


def test_running_time_never_stands_or_goes_back_for_any_stamps() -> None:
    numbers = np.random.default_rng(3).integers(-(10**12), 10**12, 500).tolist()
    clock = LiveClock()
    times = [clock.stamp(raw, at // 3).running_ns for at, raw in enumerate(numbers)]
    assert all(one < other for one, other in itertools.pairwise(times))
