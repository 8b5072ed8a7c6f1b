"""What the film shows: plates that say who wears what, and never cover each other."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fashion_pipeline.stages.drawing import draw
from fashion_pipeline.stages.drawing.draw import draw_people, mark_not_analysed, moved
from fashion_pipeline.stages.drawing.plates import Sizes, find_place, meets, rows_of, shorter, size_of


def garment(label: str, region: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "score": 0.6, "region": region, "box": [10, 10, 20, 20], **more}


def person(x: float, y: float, track: int = 1, high: float = 90.0, **more: Any) -> dict[str, Any]:
    garments = [
        garment("Ankle boot", "feet"),
        garment("Coat", "upper", color="navy"),
        garment("Bag", "hands"),
    ]
    box = [x, y, x + high / 2.5, y + high]
    return {"box": box, "score": 0.8, "track": track, "garments": garments, "unsure": [], **more}


def words(found: dict[str, Any]) -> list[str]:
    return [row.words for row in rows_of(found)]


def test_a_plate_says_who_and_then_each_garment_from_head_to_foot() -> None:
    rows = rows_of(person(0, 0, track=7, looks=3, settled=True))
    assert [row.words for row in rows] == ["#7", "navy Coat", "Ankle boot", "Bag"]
    assert [row.score for row in rows] == [None, 0.6, 0.6, 0.6]
    assert rows[1].bar_bgr != rows[2].bar_bgr
    assert rows[1].chip_bgr is not None


def test_who_is_not_settled_or_not_classified_is_told() -> None:
    assert words(person(0, 0, looks=1, settled=False))[0] == "#1 .."
    assert words(person(0, 0, looks=0, garments=[])) == ["#1 not classified"]


def test_without_garments_what_is_unsure_is_marked_as_a_question() -> None:
    assert words(person(0, 0, garments=[], unsure=[garment("Shirt", "upper")])) == ["#1", "Shirt?"]


def test_without_a_tracker_a_person_is_a_person() -> None:
    assert words({"box": [0, 0, 9, 9], "score": 0.8}) == ["person 80%"]


def test_a_plate_gets_shorter_down_to_the_number() -> None:
    ways = shorter(rows_of(person(0, 0)))
    assert [len(rows) for rows in ways] == [4, 2, 1]
    assert ways[-1][0].words == "#1"


def test_a_plate_is_inside_the_picture_and_beside_its_person() -> None:
    left, top = find_place((600, 400, 640, 480), (120, 60), (640, 480), [(600, 400, 640, 480)])
    assert 0 <= left <= 640 - 120
    assert 0 <= top <= 480 - 60
    assert not meets((left, top, left + 120, top + 60), (600, 400, 640, 480))


def test_where_there_is_no_room_there_is_no_plate() -> None:
    assert find_place((0, 0, 20, 40), (120, 60), (100, 100), []) is None
    assert find_place((0, 0, 20, 40), (50, 50), (100, 100), [(0, 0, 100, 100)]) is None


@pytest.mark.parametrize("count", [0, 1, 5, 40, 200])
def test_no_two_plates_meet_however_many_people_there_are(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plates = []
    monkeypatch.setattr(
        draw,
        "draw_plate",
        lambda image, rows, at, sizes: plates.append((*at, *np.add(at, size_of(rows, sizes)).tolist())),
    )
    random = np.random.default_rng(count)
    people = [person(*random.uniform(0, 500, 2).tolist(), track=number) for number in range(count)]
    image_bgr = np.zeros((576, 768, 3), np.uint8)
    draw_people(image_bgr, people)
    assert len(plates) <= count + 1  # the legend
    assert not any(meets(one, other) for at, one in enumerate(plates) for other in plates[:at])
    for x0, y0, x1, y1 in plates:
        assert x0 >= 0 and y0 >= 0 and x1 <= 768 and y1 <= 576
    if count <= 5:
        assert len(plates) == count + (count > 0)


@pytest.mark.parametrize("size_wh", [(64, 48), (320, 240), (1920, 1080)])
def test_any_size_of_picture_and_people_beyond_its_edge_can_be_drawn(size_wh: tuple[int, int]) -> None:
    image_bgr = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    draw_people(image_bgr, [person(-20, -20), person(size_wh[0] - 10, size_wh[1] - 10, track=2)])
    assert image_bgr.any()


@pytest.mark.parametrize(
    ("people", "size_wh", "expected"),
    [
        pytest.param([person(300, 200)], (768, 576), (0, "lower"), id="lower left corner"),
        pytest.param([person(5, 480)], (768, 576), ("right", "lower"), id="somebody stands there"),
        pytest.param([person(300, 200, garments=[])], (768, 576), None, id="no bars"),
        pytest.param([person(30, 20)], (160, 120), None, id="too much of a small picture"),
    ],
)
def test_a_legend_says_what_the_bars_mean_where_nobody_is(people, size_wh, expected) -> None:
    places = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            draw, "draw_plate", lambda image, rows, at, sizes: rows == draw.LEGEND and places.append(at)
        )
        image_bgr = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
        draw_people(image_bgr, people)
    wide, high = size_of(draw.LEGEND, Sizes.of(image_bgr))
    known = {"right": size_wh[0] - wide, "lower": size_wh[1] - high}
    assert places == ([tuple(known.get(part, part) for part in expected)] if expected else [])


def test_who_stands_behind_a_plate_is_seen_through_it() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (576, 768, 3), np.uint8)
    image_bgr = noise.copy()
    draw_people(image_bgr, [person(300, 200)])
    left, top = find_place(
        (300, 200, 336, 290), size_of(rows_of(person(300, 200)), Sizes.of(noise)), (768, 576), []
    )
    under, seen = (
        picture[top + 2 : top + 12, left + 60 : left + 90].astype(float) for picture in (noise, image_bgr)
    )
    assert np.corrcoef(under.ravel(), seen.ravel())[0, 1] > 0.9
    assert seen.std() > 0.3 * under.std()


def test_letters_are_never_too_small_to_read() -> None:
    sizes = [
        Sizes.of(np.zeros((high, high * 4 // 3, 3), np.uint8)).line_px for high in (240, 576, 1080, 2160)
    ]
    assert sizes[0] >= 12
    assert all(smaller <= larger for smaller, larger in pairwise(sizes))


def test_all_boxes_move_with_the_picture() -> None:
    [there] = moved([person(10, 20)], 2.0, 5.0, 7.0)
    assert there["box"] == [25.0, 47.0, 97.0, 227.0]
    assert there["garments"][0]["box"] == [25.0, 27.0, 45.0, 47.0]


def test_a_frame_that_was_not_analysed_is_marked_at_its_whole_edge() -> None:
    image_bgr = np.zeros((240, 320, 3), np.uint8)
    mark_not_analysed(image_bgr, "failed(classify)")
    assert (image_bgr[120, 0] == draw.NOT_ANALYSED_BGR).all()
    assert (image_bgr[-1, 160] == draw.NOT_ANALYSED_BGR).all()
    assert image_bgr[:40, :200].any(axis=2).mean() > 0.5
