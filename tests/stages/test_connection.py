"""The connection to a camera: histories of what happens to it, and what it answers. No clock but these numbers."""

import pytest

from fashion_pipeline.stages.media.connection import (
    Broke,
    Cause,
    Connect,
    Connection,
    End,
    Limits,
    Picture,
    Start,
    State,
    Stay,
    Stop,
    Wait,
    Waited,
)

LIMITS = Limits(silent_s=2.5, first_delay_s=1.0, max_delay_s=8.0, steady_s=5.0, jitter=0.0)
REFUSED = Broke(Cause.REFUSED, "Connection refused")


def connection(**changes: object) -> Connection:
    limits = {name: getattr(LIMITS, name) for name in LIMITS.__dataclass_fields__}
    return Connection(Limits(**{**limits, **changes}))  # type: ignore[arg-type]


def test_the_first_connection_is_tried_as_every_later_one() -> None:
    machine = connection()
    history = [
        (0.0, Start(), Connect(), State.CONNECTING),
        (0.1, REFUSED, Wait(1.0), State.RETRYING),
        (1.1, Waited(), Connect(), State.CONNECTING),
        (1.2, Broke(Cause.TIMEOUT), Wait(2.0), State.RETRYING),
        (3.2, Waited(), Connect(), State.CONNECTING),
        (4.0, Picture(facts="640x360 h264"), Stay(), State.RUNNING),
        (20.0, Picture(), Stay(), State.RUNNING),
        (20.5, Broke(Cause.END_OF_STREAM), Wait(1.0), State.RETRYING),
        (21.5, Waited(), Connect(), State.CONNECTING),
        (21.6, Broke(Cause.AUTH), Wait(2.0), State.RETRYING),
        (23.6, Stop(), End(), State.STOPPED),
    ]
    for at_s, event, action, state in history:
        assert (machine.on(event, at_s).action, machine.state) == (action, state), at_s


def test_pauses_double_up_to_their_limit_and_differ_by_the_jitter() -> None:
    machine = connection(jitter=0.2)
    machine.on(Start(), 0.0)
    pauses = []
    for number in range(3000):
        action = machine.on(REFUSED, float(number)).action
        assert isinstance(action, Wait)
        pauses.append(action.delay_s)
    for pause, middle in zip(pauses, [1.0, 2.0, 4.0, 8.0, *2996 * [8.0]], strict=True):
        assert 0.8 * middle <= pause <= 1.2 * middle
    assert len(set(pauses)) > 100


def test_a_connection_that_breaks_at_once_does_not_count_as_a_good_one() -> None:
    machine = connection()
    machine.on(Start(), 0.0)
    for at_s, pause_s in ((1.0, 1.0), (4.0, 2.0), (9.0, 4.0)):
        machine.on(Picture(), at_s)
        assert machine.on(Broke(Cause.NETWORK), at_s + 0.5).action == Wait(pause_s)
        machine.on(Waited(), at_s + 0.5 + pause_s)


def test_each_change_is_told_once_and_an_absent_camera_ever_more_rarely() -> None:
    machine = connection()
    machine.on(Start(), 0.0)
    told = []
    for number in range(1, 1025):
        answer = machine.on(REFUSED, float(number))
        assert answer.level in ("WARNING", "DEBUG")
        if answer.level == "WARNING":
            told.append(number)
            assert answer.line.startswith("retrying: refused (Connection refused); attempt ")
    assert told == [1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
    # Another cause is news.
    assert machine.on(Broke(Cause.AUTH), 1025.0).line == "retrying: auth; attempt 1025 in 8.0 s"
    lines = [machine.on(Picture(facts="1x1 h264"), 1026.0 + number).line for number in range(3)]
    assert lines == ["running: 1x1 h264; 1026.0 s without fresh pictures in all", "", ""]


def test_outage_is_the_time_without_fresh_pictures_however_it_came_about() -> None:
    machine = connection()
    machine.on(Start(), 10.0)
    assert machine.outage_s(13.0) == 3.0
    for at_s in (14.0, 15.0, 16.0):  # away from 10 to 14
        machine.on(Picture(), at_s)
        assert machine.outage_s(at_s) == 4.0
    assert machine.state_at(18.0) is State.RUNNING
    assert (machine.state_at(19.0), machine.outage_s(19.0)) == (State.STALLED, 7.0)
    machine.on(Broke(Cause.TIMEOUT), 21.0)  # noticed at 21, gone since 16
    assert machine.outage_s(22.0) == 10.0
    machine.on(Waited(), 23.0)
    machine.on(Picture(), 26.0)
    assert machine.outage_s(27.0) == 14.0
    for number in range(5):  # frozen from 30 on, last fresh at 27.5
        machine.on(Picture(), 27.5)
        machine.on(Picture("the picture is frozen"), 30.0 + number)
    assert machine.outage_s(34.0) == pytest.approx(14.0 + 6.5)
    machine.on(Stop(), 35.0)
    assert machine.outage_s(99.0) == machine.outage_s(35.0)


def test_a_successor_counts_on_from_what_its_predecessor_had() -> None:
    machine = connection()
    machine.on(Start(lost_s=4.0, outage_s=7.0), 100.0)
    assert machine.outage_s(101.0) == 12.0
    machine.on(Picture(), 102.0)
    assert machine.outage_s(103.0) == 13.0


def test_a_picture_that_is_not_fresh_is_stalled_until_it_is() -> None:
    machine = connection()
    machine.on(Start(), 0.0)
    machine.on(Picture(), 1.0)
    answers = [machine.on(Picture(trouble), 2.0) for trouble in ("it is black", "it is black", "frozen", "")]
    assert [answer.line.partition(";")[0] for answer in answers] == [
        "stalled: it is black",
        "",
        "stalled: frozen",
        "running: ",
    ]
    assert machine.state is State.RUNNING


def test_the_end_of_a_stream_ends_the_source_where_it_is_told_to() -> None:
    machine = Connection(LIMITS, restarts_on_eos=False)
    machine.on(Start(), 0.0)
    assert machine.on(Broke(Cause.END_OF_STREAM), 0.5).action == Wait(1.0)  # there was no picture yet
    machine.on(Waited(), 1.5)
    machine.on(Picture(), 2.0)
    assert machine.on(Broke(Cause.END_OF_STREAM), 3.0).action == End()
    assert machine.state is State.STOPPED


def test_retry_timeout_counts_from_the_last_picture() -> None:
    machine = connection(give_up_s=10.0)
    machine.on(Start(), 0.0)
    machine.on(Picture(), 5.0)
    assert isinstance(machine.on(Broke(Cause.NETWORK), 6.0).action, Wait)
    assert isinstance(machine.on(REFUSED, 14.9).action, Wait)
    action = machine.on(REFUSED, 15.0).action
    assert action == End("refused (Connection refused); no picture for 10 s (retry-timeout)")


@pytest.mark.parametrize("events", [[], [REFUSED], [REFUSED, Waited()], [Picture()], [Picture("frozen")]])
def test_a_stop_is_legal_in_every_state(events: list[object]) -> None:
    machine = connection()
    machine.on(Start(), 0.0)
    for event in events:
        machine.on(event, 1.0)  # type: ignore[arg-type]
    assert machine.on(Stop(), 2.0).action == End()
    assert (machine.state, machine.next_try_s(2.0)) == (State.STOPPED, 0.0)
