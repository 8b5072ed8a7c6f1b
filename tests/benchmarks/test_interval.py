"""How the boxes of two runs are held against each other."""

from typing import cast

import pytest

from benchmarks.interval import compare
from fashion_pipeline.fashion.findings import FrameRecord

Person = tuple[int, float]


def record(*people: Person, is_predicted: bool = False) -> FrameRecord:
    """People of 10 x 10 pixels by number and left edge."""
    found = [{"track": track, "box": [x, 0.0, x + 10.0, 10.0]} for track, x in people]
    record = {"people": found, **({"is_predicted": True} if is_predicted else {})}
    return cast(FrameRecord, record)


def test_nobody_anywhere_is_no_box() -> None:
    found = compare([record()], [record()])
    assert (found["boxes"], found["iou"], found["numbers"], found["changes"]) == (0, 0.0, 0, 0)


def test_a_run_is_the_same_as_itself() -> None:
    run = [record((1, 0), (2, 50)), record((1, 5))]
    found = compare(run, run)
    assert (found["recall"], found["precision"], found["iou"]) == (1, 1, 1)
    assert (found["boxes"], found["numbers"], found["changes"]) == (3, 2, 0)
    assert found["predicted_precision"] is None


def test_boxes_are_the_same_where_they_overlap_by_more_than_half_and_each_once() -> None:
    # 2 of 10 pixels apart: IoU 8/12. 5 apart: 5/15. The third stands where the first does, and is one too many.
    found = compare([record((1, 0), (2, 50))], [record((1, 2), (2, 55), (3, 0))])
    assert found["recall"] == pytest.approx(1 / 2)
    assert found["precision"] == pytest.approx(1 / 3)
    assert found["iou"] == 1


def test_predicted_boxes_are_judged_apart_too() -> None:
    known = [record((1, 0)), record((1, 0)), record((1, 0))]
    found = compare(
        known, [record((1, 0)), record((1, 0), is_predicted=True), record((1, 50), is_predicted=True)]
    )
    assert found["predicted_precision"] == pytest.approx(1 / 2)


def test_who_goes_on_under_another_number_has_changed_it() -> None:
    known = [record((1, 0), (2, 50)) for _frame in range(4)]
    found = compare(
        known, [record((1, 0), (2, 50)), record((2, 50)), record((5, 0), (2, 50)), record((5, 0), (2, 50))]
    )
    assert (found["changes"], found["numbers"]) == (1, 3)
