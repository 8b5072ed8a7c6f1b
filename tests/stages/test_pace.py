"""Films and images at their own pace: each frame waits until its time, on a clock that the tests move."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from fashion_pipeline.stages.media.pace import LATE_LIMIT_S, Pace
from fashion_pipeline.stages.source import REST_STEP_S, FilmSource
from tests.stages.source_kit import MS, SECOND, film_of, make_source, numbered, resume_after

FRAMES = 12


@dataclasses.dataclass
class Clock:
    """Stands in for the module `time`: it moves when somebody sleeps, or when a test says so."""

    now_s: float = 1000.0
    slept_s: list[float] = dataclasses.field(default_factory=list)

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("fashion_pipeline.stages.source.time", clock)
    return clock


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 ms a frame, and a pause of 2.5 s after the sixth."""
    pts_ms = [number * 100 + (2400 if number > 5 else 0) for number in range(FRAMES)]
    return film_of(tmp_path_factory.mktemp("film") / "film.mkv", FRAMES, pts_ms=pts_ms)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), numbered(number))
    return folder


def given_at(source: FilmSource, clock: Clock, resume: object = None) -> Iterator[tuple[int, float]]:
    """Yield the running time of each frame, and when it was given, in seconds after the first."""
    began_s = None
    for frame in source.frames(resume):  # type: ignore[arg-type]
        began_s = clock.now_s if began_s is None else began_s
        yield frame.running_ns, clock.now_s - began_s


@pytest.mark.parametrize(
    "properties",
    [
        {"pace": "realtime"},
        {"live": "yes"},
        {"live": "yes", "pace": "realtime"},
        {"live": "no", "pace": "realtime"},
    ],
    ids=str,
)
def test_each_frame_of_a_film_is_given_at_its_time(
    film: Path, clock: Clock, properties: dict[str, object]
) -> None:
    source = make_source(film, **properties)
    given = list(given_at(source, clock))
    assert len(given) == FRAMES
    assert [at_s for _running_ns, at_s in given] == pytest.approx(
        [running_ns / SECOND for running_ns, _at_s in given]
    )
    assert given[-1][1] == pytest.approx(1.1 + 2.4)


@pytest.mark.parametrize("properties", [{}, {"pace": "full"}, {"live": "no"}, {"live": "auto"}], ids=str)
def test_a_film_at_full_pace_never_waits(film: Path, clock: Clock, properties: dict[str, object]) -> None:
    source = make_source(film, **properties)
    assert len(list(source.frames(None))) == FRAMES
    assert clock.slept_s == []


def test_who_is_live_says_so_and_who_is_only_paced_is_not(film: Path, clock: Clock) -> None:
    for properties, is_live in (({"live": "yes"}, True), ({"pace": "realtime"}, False), ({}, False)):
        source = make_source(film, **properties)
        assert source.is_live(source.options) is is_live
        assert source.plays_live is is_live
        list(source.frames(None))
        assert source.plays_live is is_live


def test_images_come_as_often_as_rate_says(images: Path, clock: Clock) -> None:
    given = list(given_at(make_source(images, pace="realtime", rate=4), clock))
    assert [at_s for _running_ns, at_s in given] == pytest.approx([0, 0.25, 0.5, 0.75])


def test_a_paced_film_that_loops_goes_on_without_a_pause_or_a_hurry(images: Path, clock: Clock) -> None:
    source = make_source(images, pace="realtime", rate=4, loop=True)
    given = list(itertools.islice(given_at(source, clock), 11))
    assert [at_s for _running_ns, at_s in given] == pytest.approx([n / 4 for n in range(11)])


def test_a_successor_does_not_wait_for_what_was_before_it(film: Path, clock: Clock) -> None:
    whole = list(make_source(film).frames(None))
    given = list(given_at(make_source(film, pace="realtime"), clock, resume_after(whole, 8)))
    assert [running_ns for running_ns, _at_s in given] == [frame.running_ns for frame in whole[8:]]
    assert [at_s for _running_ns, at_s in given] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert sum(clock.slept_s) == pytest.approx(0.3)


def test_the_running_time_begins_where_the_film_is_begun(film: Path, clock: Clock) -> None:
    given = list(given_at(make_source(film, pace="realtime", start=0.2, duration=0.3), clock))
    assert [running_ns for running_ns, _at_s in given] == [0, 100 * MS, 200 * MS]
    assert [at_s for _running_ns, at_s in given] == pytest.approx([0, 0.1, 0.2])


def test_a_graph_that_is_slower_makes_no_frame_wait_and_one_that_was_late_makes_none_race(
    film: Path, clock: Clock
) -> None:
    frames = make_source(film, pace="realtime").frames(None)
    next(frames)
    clock.now_s += 0.3
    for _frame in range(3):
        next(frames)  # those of 0.1, 0.2 and 0.3 s
    assert clock.slept_s == []
    next(frames)
    assert clock.slept_s == pytest.approx([0.1])
    clock.now_s += LATE_LIMIT_S + 60
    next(frames)
    assert len(clock.slept_s) == 1
    next(frames)  # the clock has moved: the pause of 2.5 s before it is kept
    assert sum(clock.slept_s[1:]) == pytest.approx(2.5)


def test_over_a_long_wait_the_source_says_that_it_is_alive(
    images: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source(images, pace="realtime", rate=0.1)
    said: list[tuple[float, float]] = []
    monkeypatch.setattr(source, "alive", lambda step_s=0.0: said.append((clock.now_s, step_s)))
    frames = source.frames(None)
    next(frames)
    said.clear()
    next(frames)
    assert sum(clock.slept_s) == pytest.approx(10)
    assert max(clock.slept_s) <= REST_STEP_S
    # Before each step: that it may take as long as it does.
    steps = [(at_s, step_s) for at_s, step_s in said if step_s]
    assert len(steps) == len(clock.slept_s) >= 10
    assert all(step_s >= slept_s for (_at_s, step_s), slept_s in zip(steps, clock.slept_s, strict=True))


@pytest.mark.parametrize("now_s", [0.0, 5.0, 1e6])
def test_the_first_frame_is_due_at_once_whatever_the_clock_and_the_stamp_say(now_s: float) -> None:
    for running_ns in (0, 7 * SECOND):
        pace = Pace(20.0)
        assert pace.wait_s(running_ns, now_s) == 0
        assert pace.wait_s(running_ns + SECOND, now_s) == pytest.approx(1.0)


def test_a_hole_in_a_stream_is_waited_for_up_to_a_limit() -> None:
    pace = Pace(2.0)
    assert pace.wait_s(0, 100.0) == 0
    assert pace.wait_s(30 * SECOND, 100.0) == pytest.approx(2.0)
    # From there on it goes on as before.
    assert pace.wait_s(31 * SECOND, 102.0) == pytest.approx(1.0)
