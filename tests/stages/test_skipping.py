"""What is left out round a picture that kills."""

import pytest

from fashion_pipeline.stages.media.skipping import Gap, gap_after
from fashion_pipeline.stages.media.timing import Mark

KEYS = (0, 40, 80)
MARKS = [Mark(pts_ns, pts_ns in KEYS) for pts_ns in (0, 20, 10, 30, 40, 60, 50, 70, 80, 90)]


def gap(*shots_ns: int, begin_ns: int) -> Gap:
    return Gap(shots=tuple(Mark(ns, ns in KEYS) for ns in shots_ns), begin_ns=begin_ns)


@pytest.mark.parametrize(
    ("after_ns", "begin_ns", "expected"),
    [
        pytest.param(None, None, gap(0, 10, 20, 30, begin_ns=40), id="the first picture"),
        pytest.param(10, None, gap(20, 30, begin_ns=40), id="in the middle"),
        # It had begun before: the key frame may be what kills, so the whole group goes.
        pytest.param(30, None, gap(40, 50, 60, 70, begin_ns=80), id="a key frame"),
        pytest.param(30, 40, gap(40, 50, 60, 70, begin_ns=80), id="the key frame gone on at"),
        pytest.param(50, 40, gap(60, 70, begin_ns=80), id="after the key frame gone on at"),
        pytest.param(80, None, gap(90, begin_ns=91), id="the last group"),
        pytest.param(90, None, None, id="the end"),
        pytest.param(90, 91, None, id="the end, begun there"),
    ],
)
def test_what_is_left_out_ends_before_a_key_frame(
    after_ns: int | None, begin_ns: int | None, expected: Gap | None
) -> None:
    assert gap_after(MARKS, after_ns, begin_ns) == expected


def test_nothing_is_left_out_of_nothing() -> None:
    assert gap_after([], None, None) is None
