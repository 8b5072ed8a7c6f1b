"""Track as a stage: numbers, series, and looks."""

from typing import Any

import cv2
import numpy as np
import pytest

from fashion_pipeline.stages.track import Track
from framegraph.errors import GraphError
from framegraph.packet import Packet
from framegraph.testing import make_packet, make_stage, run_stage


def frame(seq: int, *people: tuple[float, float, float], **fields: Any) -> Packet:
    """People of 60 x 160 pixels by left, top and score, on noise."""
    image_bgr = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
    found = [{"box": [x, y, x + 60, y + 160], "score": score} for x, y, score in people]
    packet = make_packet(image_bgr, seq=seq, people=found)
    for name, value in fields.items():
        setattr(packet, name, value)
    return packet


def column(answers: list[Packet], key: str) -> list[list[Any]]:
    return [[person[key] for person in answer.meta["people"]] for answer in answers]


def test_nobody_is_nobody() -> None:
    [answer] = run_stage(Track, [frame(0)])
    assert answer.meta["people"] == []
    assert answer.meta["untracked_people"] == 0


def test_people_keep_their_numbers_and_grow_older() -> None:
    answers = run_stage(Track, [frame(n, (10 + 3 * n, 20, 0.9), (400 - 3 * n, 20, 0.8)) for n in range(4)])
    assert column(answers, "track") == [[1, 2]] * 4
    assert column(answers, "series") == [[0, 0]] * 4
    assert column(answers, "age_frames") == [[n, n] for n in range(4)]


def test_images_of_a_folder_are_segments_of_their_own_and_everybody_in_them_is_looked_at() -> None:
    people = [(100.0 * place, 20.0, 0.9) for place in range(6)]
    answers = run_stage(Track, [frame(n, *people, epoch=n, uri=f"photos/{n}.jpg") for n in range(2)])
    assert column(answers, "track") == [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]]
    assert column(answers, "series") == [[0] * 6, [6] * 6]
    assert all(look > 0 for looks in column(answers, "look") for look in looks)


@pytest.mark.parametrize("change", [{"epoch": 1}, {"flags": ["DISCONT"]}])
def test_a_new_segment_is_a_new_series(change: dict[str, Any]) -> None:
    answers = run_stage(Track, [frame(0, (10, 20, 0.9)), frame(1, (10, 20, 0.9), **change)])
    assert column(answers, "track") == [[1], [2]]
    assert column(answers, "series") == [[0], [1]]


def test_after_a_death_numbers_go_on_in_a_new_series() -> None:
    track = make_stage(Track, source="camera")
    track.open()
    track.highest_id = 7
    person = track.process(frame(30, (10, 20, 0.9))).meta["people"][0]
    assert (person["track"], person["series"], person["age_frames"]) == (8, 7, 0)


def test_sources_are_told_apart() -> None:
    answers = run_stage(Track, [frame(0, (10, 20, 0.9)), frame(0, (10, 20, 0.9), source="other")])
    assert column(answers, "track") == [[1], [1]]


def test_looks_come_at_once_then_spaced_until_settled_then_no_more() -> None:
    frames = [frame(n, (10, 20, 0.9)) for n in range(60)]
    looks = column(run_stage(Track, frames, {"looks": 3, "look-spacing": "200ms"}), "look")
    assert [n for n, [look] in enumerate(looks) if look] == [0, 5, 10]


def test_looks_of_a_frame_are_bounded() -> None:
    people = [(100.0 * place, 20.0, 0.9) for place in range(6)]
    looks = column(run_stage(Track, [frame(n, *people) for n in range(3)], {"max-looks": 2}), "look")
    assert [sum(look > 0 for look in row) for row in looks] == [2, 2, 2]
    # Everybody once, before anybody twice.
    assert all(sum(row[place] > 0 for row in looks) == 1 for place in range(6))


def test_a_settled_person_is_looked_at_again_after_the_interval() -> None:
    frames = [frame(n, (10, 20, 0.9)) for n in range(60)]
    looks = column(run_stage(Track, frames, {"looks": 1, "reclassify-interval": "1s"}), "look")
    assert [n for n, [look] in enumerate(looks) if look] == [0, 25, 50]


def test_who_is_unsure_and_continues_no_track_is_taken_off_and_counted() -> None:
    first, second = run_stage(Track, [frame(0, (10, 20, 0.3)), frame(1, (10, 20, 0.9), (300, 20, 0.4))])
    assert first.meta["people"] == []
    assert first.meta["untracked_people"] == 1
    assert [person["track"] for person in second.meta["people"]] == [1]


def test_the_same_input_gives_the_same_answer() -> None:
    frames = [frame(n, (10 + 3 * n, 20, 0.9), (60 + n, 40, 0.8)) for n in range(20)]
    one, two = (column(run_stage(Track, frames), key) for key in ("track", "track"))
    assert one == two


def scene(shift_px: int) -> np.ndarray:
    """A view of a wide wall, blurred noise, by a camera that has turned by so many pixels."""
    wall = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (360, 1400, 3), np.uint8), (0, 0), 6)
    wall = cv2.normalize(wall, None, 0, 255, cv2.NORM_MINMAX)
    return np.ascontiguousarray(wall[:, 300 - shift_px : 940 - shift_px])


def standing(seq: int, shift_px: int, *, with_people: bool = True) -> Packet:
    """Two people who stand still, seen by a camera that has turned."""
    places = [(200.0 + shift_px, 100.0), (320.0 + shift_px, 100.0)]
    found = [{"box": [x, y, x + 40, y + 110], "score": 0.9} for x, y in places]
    return make_packet(scene(shift_px), seq=seq, people=found if with_people else [])


@pytest.mark.parametrize(("knows", "expected"), [(True, [1, 2]), (False, [2, 3])])
def test_who_stands_still_keeps_the_number_when_the_camera_turns(knows: bool, expected: list[int]) -> None:
    """By as much as the two stand apart, at once: places in the picture would swap them."""
    frames = [standing(n, 0 if n < 4 else 120) for n in range(8)]
    answers = run_stage(Track, frames, {"camera-motion": knows})
    assert column(answers, "track")[3] == [1, 2]
    assert column(answers, "track")[-1] == expected


def test_expected_boxes_turn_with_the_camera() -> None:
    frames = [standing(n, 0) for n in range(4)] + [standing(4, -60, with_people=False)]
    frames[-1].meta["is_predicted"] = True
    answers = run_stage(Track, frames)
    assert [box[0] for box in column(answers, "box")[-1]] == pytest.approx([140, 260], abs=4)


def test_a_wrong_property_is_refused() -> None:
    with pytest.raises(GraphError, match="max-looks"):
        make_stage(Track, {"max-looks": 0})
