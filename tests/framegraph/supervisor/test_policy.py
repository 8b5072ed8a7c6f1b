"""What to do about a death or a silence, as histories."""

import dataclasses
import itertools
from typing import Any

import pytest

from framegraph.graph.common import SourceCommon
from framegraph.supervisor.policy import (
    FIRST_BACKOFF_S,
    MAX_BACKOFF_S,
    MAX_DEATHS_WITHOUT_PROGRESS,
    MAX_KILLED_BACKOFF_S,
    MAX_KILLS_WITHOUT_PROGRESS,
    FrameDeaths,
    GiveUp,
    Limits,
    Pauses,
    Restart,
    RestartPolicy,
    death_limit,
    describe_exit,
    why_hung,
)
from framegraph.wire.status_page import Status

KILLED, SEGFAULT = -9, -11


def history(*progressed: bool, status: int = SEGFAULT) -> list[Restart | GiveUp]:
    """What the policy says to each of these deaths in turn."""
    policy = RestartPolicy()
    return [
        policy.after_death("detect.0", status, progressed=was_useful, limit=MAX_DEATHS_WITHOUT_PROGRESS)
        for was_useful in progressed
    ]


def test_a_death_after_progress_restarts_at_once_however_often() -> None:
    assert history(*[True] * 1000) == [Restart(0.0)] * 1000


def test_deaths_without_progress_back_off_and_then_end_the_run() -> None:
    *restarts, last = history(*[False] * MAX_DEATHS_WITHOUT_PROGRESS)
    pauses = [verdict.after_s for verdict in restarts if isinstance(verdict, Restart)]
    assert len(pauses) == MAX_DEATHS_WITHOUT_PROGRESS - 1
    assert pauses[0] == FIRST_BACKOFF_S
    assert all(later == min(MAX_BACKOFF_S, 2 * pause) for pause, later in itertools.pairwise(pauses))
    assert last == GiveUp(
        f"detect.0 ended {MAX_DEATHS_WITHOUT_PROGRESS} times in a row without answering a packet, "
        "the last time by signal SIGSEGV"
    )


@pytest.mark.parametrize("status", [-9, -15])
def test_kills_from_outside_end_the_run_only_where_they_never_cease(status: int) -> None:
    *restarts, last = history(*[False] * MAX_KILLS_WITHOUT_PROGRESS, status=status)
    pauses = [verdict.after_s for verdict in restarts if isinstance(verdict, Restart)]
    assert len(pauses) == MAX_KILLS_WITHOUT_PROGRESS - 1 > 5 * MAX_DEATHS_WITHOUT_PROGRESS
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_KILLED_BACKOFF_S
    assert isinstance(last, GiveUp)


def test_kills_in_between_leave_the_count_of_other_deaths_alone() -> None:
    policy = RestartPolicy()
    verdicts = [
        policy.after_death("detect.0", status, progressed=False, limit=MAX_DEATHS_WITHOUT_PROGRESS)
        for status in [SEGFAULT, KILLED] * MAX_DEATHS_WITHOUT_PROGRESS
    ]
    assert [isinstance(verdict, GiveUp) for verdict in verdicts].index(True) == len(verdicts) - 2


@pytest.mark.parametrize(("max_attempts", "limit"), [(1, 6), (3, 6), (4, 7), (10, 13)])
def test_one_frame_may_have_all_its_attempts_before_the_run_ends(max_attempts: int, limit: int) -> None:
    assert death_limit(max_attempts) == limit


def test_progress_in_between_starts_the_count_anew() -> None:
    before = [False] * (MAX_DEATHS_WITHOUT_PROGRESS - 1)
    verdicts = history(*before, True, *before)
    assert all(isinstance(verdict, Restart) for verdict in verdicts)
    assert verdicts[len(before) + 1] == Restart(FIRST_BACKOFF_S)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(0, "exit status 0", id="zero"),
        pytest.param(3, "exit status 3", id="three"),
        pytest.param(-11, "signal SIGSEGV", id="crash"),
        pytest.param(-9, "signal SIGKILL", id="killed"),
        pytest.param(-200, "signal 200", id="a signal without a name"),
    ],
)
def test_an_exit_status_is_said_in_words(status: int, words: str) -> None:
    assert describe_exit(status) == words


LIMITS = Limits(heartbeat_s=5, timeout_s=30, start_timeout_s=60)
IDLE = Status(incarnation=0, heartbeat_age_s=4, loop_age_s=4, ready_after_s=1)
"""Of a process that was started long ago."""


@pytest.mark.parametrize(
    ("state", "changes", "age_s", "reason"),
    [
        pytest.param("running", {}, 4.9, "", id="a sign of life lately"),
        pytest.param(
            "running",
            {"heartbeat_age_s": 0, "loop_age_s": 0, "asked_age_s": 31},
            40,
            "its input gave no sign of life for 30 s (timeout)",
            id="a decoder that hangs",
        ),
        pytest.param(
            "running",
            {"heartbeat_age_s": 0, "loop_age_s": 0, "asked_age_s": -10},
            40,
            "",
            id="a step of the source that may take its time",
        ),
        pytest.param(
            "running",
            {"heartbeat_age_s": 5.1, "loop_age_s": 5.1},
            5.1,
            "no sign of life for 5 s (heartbeat)",
            id="no heartbeat",
        ),
        pytest.param(
            "running",
            {"heartbeat_age_s": 0, "loop_age_s": 10},
            10,
            "its loop stands still for 5 s (heartbeat)",
            id="heartbeat but no loop",
        ),
        pytest.param(
            "running",
            {"heartbeat_age_s": 0, "loop_age_s": 25, "work_age_s": 25},
            25,
            "",
            id="at work on one packet for a while",
        ),
        pytest.param(
            "running",
            {"heartbeat_age_s": 0, "loop_age_s": 31, "work_age_s": 31},
            31,
            "one packet took more than 30 s (timeout)",
            id="at work on one packet for too long",
        ),
        pytest.param(
            "starting", {"heartbeat_age_s": 0, "loop_age_s": None}, 50, "", id="loading for a while"
        ),
        pytest.param(
            "starting",
            {"heartbeat_age_s": 0, "loop_age_s": None},
            61,
            "still loading after 60 s (start-timeout)",
            id="loading for too long",
        ),
        pytest.param(
            "starting",
            {"heartbeat_age_s": 10, "loop_age_s": None},
            20,
            "",
            id="silent while loading, as under a library's lock",
        ),
        pytest.param(
            "starting",
            {"heartbeat_age_s": None, "loop_age_s": None},
            20,
            "",
            id="an interpreter that has not yet said a word",
        ),
        pytest.param(
            "starting",
            {"heartbeat_age_s": None, "loop_age_s": None},
            61,
            "still loading after 60 s (start-timeout)",
            id="an interpreter that never says a word",
        ),
        pytest.param(
            "running", {"heartbeat_age_s": 103, "loop_age_s": 103}, 4, "", id="the page of a predecessor"
        ),
    ],
)
def test_a_process_hangs_when_it_is_silent_for_longer_than_it_may(
    state: str, changes: dict[str, Any], age_s: float, reason: str
) -> None:
    status = dataclasses.replace(IDLE, **changes)
    assert why_hung(state, status, age_s, LIMITS) == reason


def test_a_live_source_is_never_given_up_but_its_restarts_back_off() -> None:
    policy = RestartPolicy(is_limited=False)
    verdicts = [policy.after_death("camera.0", -11, progressed=False, limit=5) for _ in range(50)]
    assert verdicts[:3] == [Restart(0.25), Restart(0.5), Restart(1.0)]
    assert verdicts[-1] == Restart(5.0)


CRASHED, HUNG = (-11, False), (KILLED, True)
KILLED_FROM_OUTSIDE = (KILLED, False)


@pytest.mark.parametrize(
    ("deaths", "deadly_seq"),
    [
        pytest.param([], -1, id="none"),
        pytest.param([(7, *CRASHED)] * 2, -1, id="two crashes"),
        pytest.param([(7, *CRASHED)] * 3, 7, id="three crashes"),
        pytest.param([(7, *CRASHED), (7, *HUNG), (7, *CRASHED)], 7, id="crashes and a hang"),
        pytest.param([(7, *KILLED_FROM_OUTSIDE)] * 9, -1, id="kills from outside"),
        pytest.param(
            [(7, *CRASHED), (7, *KILLED_FROM_OUTSIDE), (7, *CRASHED), (7, *CRASHED)], 7, id="a kill between"
        ),
        pytest.param([(7, *CRASHED), (8, *CRASHED), (7, *CRASHED)], -1, id="other pictures"),
        pytest.param([(7, *CRASHED)] * 3 + [(9, *CRASHED)], -1, id="another one after it"),
        pytest.param([(None, *CRASHED)] * 3, -1, id="nothing was asked for"),
        pytest.param([(-1, *CRASHED)] * 9, -1, id="a live source"),
    ],
)
def test_a_picture_is_deadly_when_its_decoding_ends_so_many_processes(
    deaths: list[tuple[int | None, int, bool]], deadly_seq: int
) -> None:
    counted = FrameDeaths()
    for seq, status, has_hung in deaths:
        asked: dict[str, Any] = {} if seq is None else {"asked_age_s": 1.0, "asked_seq": seq}
        counted.after_death(status, dataclasses.replace(IDLE, **asked), has_hung=has_hung)
    assert counted.deadly_seq(SourceCommon(max_attempts=3)) == deadly_seq


def test_a_launcher_that_stood_still_does_not_blame_its_children_for_it() -> None:
    pauses = Pauses()
    for now_s in (100.0, 100.4, 160.4, 160.8):
        pauses.watched(now_s)
    assert pauses.within(70.8) == pauses.within(60.4) == pytest.approx(60)
    assert pauses.within(30.4) == pytest.approx(30)
    assert pauses.within(0.3) == pauses.within(-10) == 0
    # Since just before the pause it has said nothing.
    busy = dataclasses.replace(IDLE, heartbeat_age_s=60.5, loop_age_s=60.5, work_age_s=60.5)
    arguments = ("running", busy, 110, LIMITS)
    assert why_hung(*arguments) == "no sign of life for 5 s (heartbeat)"
    assert why_hung(*arguments, pauses.within) == ""
    # It has as long as it had before, and not a second more.
    for half_seconds in range(1, 60):
        pauses.watched(160.8 + half_seconds / 2)
    late = dataclasses.replace(busy, heartbeat_age_s=0.0, work_age_s=89.9)
    assert why_hung("running", late, 140, LIMITS, pauses.within) == ""
    later = dataclasses.replace(late, work_age_s=90.1)
    assert "one packet took more" in why_hung("running", later, 140, LIMITS, pauses.within)
