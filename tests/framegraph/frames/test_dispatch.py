"""The books of one source, step by step."""

import pytest

from framegraph.frames.dispatch import Dispatch


def dispatch(*sinks: str, window: int = 4, resend_after_s: float = 10.0) -> Dispatch:
    return Dispatch(sinks=sinks or ("film",), window=window, resend_after_s=resend_after_s)


def sent(books: Dispatch, *seqs: int, now_s: float = 0.0) -> Dispatch:
    for seq in seqs:
        books.sent(seq)
        books.left(seq, now_s)
    return books


def test_nothing_is_due_when_nothing_was_sent() -> None:
    assert dispatch().due(1e9) == []


def test_a_frame_is_released_when_every_sink_has_committed_it() -> None:
    books = sent(dispatch("film", "results"), 0, 1)

    assert books.record_acknowledgement("film", 0, 1, []) == []
    assert books.record_acknowledgement("results", 0, 0, [1]) == [0]
    assert books.record_acknowledgement("results", 0, 1, []) == [1]
    assert books.is_empty


def test_the_window_counts_what_is_not_received_and_not_what_is_not_committed() -> None:
    books = sent(dispatch("film", "results", window=2), 0, 1)
    assert not books.has_window

    books.record_acknowledgement("film", 0, -1, [0, 1])
    assert not books.has_window
    books.record_acknowledgement("results", 0, -1, [1])
    assert books.outstanding == 1
    assert books.has_window


def test_a_frame_that_is_not_received_goes_again_after_a_time_that_doubles() -> None:
    books = sent(dispatch(resend_after_s=10), 0)

    assert books.due(9.9) == []
    assert books.due(10) == [(0, False)]
    books.left(0, 10)
    assert books.due(29.9) == []
    assert books.due(30) == [(0, False)]


def test_a_frame_that_is_still_in_the_outlet_has_no_time_running() -> None:
    books = dispatch()
    books.sent(0)
    assert books.due(1e9) == []


def test_a_received_frame_has_no_time_running() -> None:
    books = sent(dispatch(), 0)
    books.record_acknowledgement("film", 0, -1, [0])
    assert books.due(1e9) == []


def test_after_the_death_of_a_sink_the_frames_that_it_had_received_go_again() -> None:
    books = sent(dispatch(), 0, 1, 2)
    books.record_acknowledgement("film", 0, 0, [2])
    books.record_acknowledgement("film", 1, 0, [])
    assert books.due(0.0) == [(1, False), (2, False)]


def test_an_earlier_process_of_a_sink_is_not_heard_any_more() -> None:
    books = sent(dispatch(), 0)
    books.record_acknowledgement("film", 2, -1, [])
    assert books.record_acknowledgement("film", 1, 0, [0]) == []
    assert not books.is_empty


def test_what_a_sink_put_aside_goes_again() -> None:
    books = sent(dispatch(), 0)
    books.record_acknowledgement("film", 0, -1, [0])
    books.record_acknowledgement("film", 0, -1, [])
    assert books.due(0.0) == [(0, False)]


def test_a_sink_that_is_not_of_this_source_changes_nothing() -> None:
    books = sent(dispatch(), 0)
    assert books.record_acknowledgement("other", 0, 5, [0]) == []
    assert books.outstanding == 1


def test_the_frames_of_a_died_batch_come_back_one_at_a_time() -> None:
    books = sent(dispatch(), 0, 1, 2)

    books.worker_died([1, 2])
    assert books.due(0.0) == [(0, False), (1, True)]
    assert books.due(0.0) == []
    books.record_acknowledgement("film", 0, -1, [0, 1])
    assert books.due(0.0) == [(2, True)]


def test_a_frame_that_killed_alone_may_go_alone_again() -> None:
    books = sent(dispatch(), 0)
    for _death in range(3):
        books.worker_died([0])
        assert books.due(0.0) == [(0, True)]


@pytest.mark.parametrize(
    ("suspects", "alone"),
    [
        pytest.param([], None, id="nobody"),
        pytest.param([0], 0, id="one"),
        pytest.param([0, 1], None, id="two"),
        pytest.param([9], None, id="one that is over"),
    ],
)
def test_a_death_is_laid_on_a_frame_only_when_it_was_alone(suspects: list[int], alone: int | None) -> None:
    assert sent(dispatch(), 0, 1).was_alone(suspects) == alone


def test_a_frame_given_up_is_a_gap_for_each_sink_until_it_has_it() -> None:
    books = sent(dispatch("film", "results"), 0, 1)
    books.gave_up(0)

    assert not books.is_out(0)
    books.record_acknowledgement("film", 0, -1, [0])
    assert books.gaps_for("film") == []
    assert books.gaps_for("results") == [0]
    assert books.due(1e9) == [(1, False)]


def test_a_gap_holds_its_place_in_the_window_and_is_released_like_a_frame() -> None:
    books = sent(dispatch(window=1), 0)
    books.gave_up(0)
    assert not books.has_window
    assert books.record_acknowledgement("film", 0, 0, []) == [0]
    assert books.has_window


def test_the_floor_is_the_oldest_frame_that_is_not_committed_by_all() -> None:
    books = dispatch()
    assert books.floor_seq(7) == 7
    sent(books, 3, 5)
    assert books.floor_seq(7) == 3
    books.record_acknowledgement("film", 0, 3, [])
    assert books.floor_seq(7) == 5
