"""Scoring people against truth: what is right scores 1, and each kind of fault lowers what it should."""

import json
from pathlib import Path

import pytest

from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.people.evaluate import main
from fashion_pipeline.training.people.score import (
    PeopleFigures,
    Sightings,
    read_found,
    read_truth,
    score,
)

FRAMES = 40


def box(person: int, frame: int) -> list[float]:
    left, top = 30.0 * person + frame, 20.0 * person
    return [left, top, left + 20, top + 50]


def sightings(*people: int) -> Sightings:
    return {frame: (list(people), [box(person, frame) for person in people]) for frame in range(FRAMES)}


TRUTH = sightings(1, 2, 3)


def test_what_is_right_scores_one() -> None:
    found = score(TRUTH, sightings(1, 2, 3))
    assert found == PeopleFigures(
        recall=1, precision=1, mota=1, idf1=1, hota=1, switches=0, people=3, numbers=3, boxes=3 * FRAMES
    )
    assert "3 people have 3 numbers: +0" in str(found)


def test_who_is_not_found_lowers_recall_and_who_is_nobody_precision() -> None:
    two = score(TRUTH, sightings(1, 2))
    assert two.recall == pytest.approx(2 / 3)
    assert (two.precision, two.numbers) == (1, 2)
    assert two.mota == pytest.approx(2 / 3)
    four = score(TRUTH, sightings(1, 2, 3, 9))
    assert four.recall == 1
    assert four.precision == pytest.approx(3 / 4)
    assert four.mota == pytest.approx(1 - 1 / 3)


def test_numbers_that_change_hands_lower_idf1_and_hota_and_count_as_switches() -> None:
    swapped = sightings(1, 2, 3)
    for frame in range(FRAMES // 2, FRAMES):
        numbers, boxes = swapped[frame]
        swapped[frame] = [numbers[1], numbers[0], numbers[2]], boxes
    found = score(TRUTH, swapped)
    assert (found.recall, found.precision, found.switches, found.numbers) == (1, 1, 2, 3)
    assert found.idf1 == pytest.approx(2 / 3)
    assert found.hota < 0.9
    # As if association were broken: a number of its own for every box.
    broken = {
        frame: ([frame * 10 + number for number in numbers], boxes)
        for frame, (numbers, boxes) in sightings(1, 2, 3).items()
    }
    worst = score(TRUTH, broken)
    assert worst.numbers == 3 * FRAMES
    assert worst.idf1 < 0.05
    assert worst.mota < 0.1


def test_a_box_counts_from_half_of_an_overlap_on() -> None:
    for shift, recall in ((6, 1), (8, 0)):
        moved = {
            frame: (numbers, [[x0 + shift, y0, x1 + shift, y1] for x0, y0, x1, y1 in boxes])
            for frame, (numbers, boxes) in sightings(1).items()
        }
        assert score(sightings(1), moved).recall == recall


def test_nobody_found_at_all_is_a_score_too() -> None:
    assert score(TRUTH, {}).recall == 0


def test_truth_counts_frames_and_pixels_from_one(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text("1,7,11,21,30,40,1,-4,-7,0\n2,8,1,1,5,5,0\n2,7,12,21,30.5,40,1\n")
    assert read_truth(path) == {0: ([7], [[10, 20, 40, 60]]), 1: ([7], [[11, 20, 41.5, 60]])}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,7,11,21,30,40,1\nframe,person\n", r"gt\.txt:2: found 'frame,person'; a line has frame"),
        ("0,7,11,21,30,40,1\n", r"gt\.txt:1: found '0,7"),
        ("1,7,11,21,0,40,1\n", r"gt\.txt:1"),
        ("1,7,11,nan,9,40,1\n", r"gt\.txt:1"),
        ("1,7,11,21,30,40\n", r"gt\.txt:1"),
        ("", "has no box that counts"),
        ("1,7,11,21,30,40,0\n", "has no box that counts"),
    ],
)
def test_a_wrong_line_of_truth_is_named(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text(text)
    with pytest.raises(DataError, match=said):
        read_truth(tmp_path / "gt.txt")


def test_people_whom_nobody_followed_cannot_be_scored(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    people = [{"box": [0, 0, 10, 10], "track": 4}]
    lines = [{"run": "a"}, {"seq": 0, "people": people}, {"seq": 1, "people": []}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_found(path) == {0: ([4], [[0, 0, 10, 10]]), 1: ([], [])}
    del people[0]["track"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataError, match=r"results\.jsonl:2: people without 'track'"):
        read_found(path)


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "gt.txt"), "film.mp4"]) == 2
    assert "gt.txt: cannot be read" in capsys.readouterr().err
