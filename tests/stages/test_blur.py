"""blur: what it covers, that nothing of it can be read back, and that it fails closed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_pipeline.stages.blur import Blur
from fashion_pipeline.stages.crops_sink import CropsSink
from fashion_pipeline.stages.privacy import BLURRED
from fashion_pipeline.stages.privacy.cover import (
    LEAST_CELL_PX,
    MOST_CELLS,
    STEP,
    WHOLE_CELLS,
    covered,
    covered_whole,
)
from fashion_pipeline.stages.privacy.regions import head_of, widened
from framegraph.errors import GraphError
from framegraph.packet import Image, Packet
from framegraph.testing import make_packet, make_stage, run_sink, run_stage

SIZE_WH = (320, 240)
STANDING = [100.0, 40.0, 140.0, 160.0]


def noise(seed: int = 1, size_wh: tuple[int, int] = SIZE_WH) -> Image:
    width, height = size_wh
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def person(box: list[float], **more: Any) -> dict[str, Any]:
    return {"box": box, "score": 0.9, **more}


def blurred(*people: dict[str, Any], properties: dict[str, Any] | None = None, **meta: Any) -> Packet:
    [answer] = run_stage(Blur, [make_packet(noise(), people=list(people), **meta)], properties)
    return answer


def changed(packet: Packet) -> np.ndarray:
    return (packet.image_bgr != noise()).any(axis=2)


# Regions


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param(STANDING, [100, 40, 140, 68.8], id="standing: the upper quarter"),
        pytest.param([100, 100, 160, 180], [106, 100, 154, 130], id="sitting: half as high as wide"),
        pytest.param([50, 100, 170, 150], [50, 100, 170, 150], id="lying: everything"),
        pytest.param([100, 100, 200, 240], [100, 100, 200, 200], id="near, cut below: as high as wide"),
        pytest.param([100, 180, 155, 239], [100, 180, 155, 235], id="only shoulders and head"),
        pytest.param([0, 100, 60, 180], [0, 100, 60, 130], id="cut at the side: the whole width"),
        pytest.param([260, 100, 320, 180], [260, 100, 320, 130], id="cut at the other side"),
    ],
)
def test_the_head_is_in_the_upper_part_of_a_box(box: list[float], expected: list[float]) -> None:
    assert head_of(box, SIZE_WH) == pytest.approx(expected)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-50, 400), min_size=4, max_size=4), st.floats(0, 2))
def test_a_region_is_inside_the_picture_and_holds_the_head(edges: list[float], margin: float) -> None:
    (x0, x1), (y0, y1) = sorted(edges[:2]), sorted(edges[2:])
    head = head_of([x0, y0, x1, y1], SIZE_WH)
    assert x0 <= head[0] <= head[2] <= x1
    assert y0 == head[1] <= head[3] <= y1
    region = widened(head, margin, SIZE_WH)
    if region is None:
        assert (
            head[2] <= 0
            or head[3] <= 0
            or head[0] >= SIZE_WH[0]
            or head[1] >= SIZE_WH[1]
            or x0 == x1
            or y0 == y1
        )
        return
    left, top, right, bottom = region
    assert 0 <= left < right <= SIZE_WH[0]
    assert 0 <= top < bottom <= SIZE_WH[1]
    assert left <= max(0, head[0])
    assert right >= min(SIZE_WH[0], head[2])


def test_the_margin_is_added_on_every_side() -> None:
    assert widened([100, 100, 200, 200], 0.1, SIZE_WH) == (90, 90, 210, 210)


# Nothing can be read back


REGIONS = st.tuples(st.integers(0, 50), st.integers(0, 40), st.integers(1, 60), st.integers(1, 60))


@settings(max_examples=100, deadline=None)
@given(REGIONS, st.integers(1, MOST_CELLS), st.integers(0, 2**32 - 1))
def test_a_region_keeps_a_few_colours_and_no_other_pixel_changes(
    place: tuple[int, int, int, int], cells: int, seed: int
) -> None:
    x0, y0, wide, high = place
    image_bgr = noise(seed, (120, 110))
    answer = covered(image_bgr, [(x0, y0, x0 + wide, y0 + high)], cells)
    inside = np.zeros(image_bgr.shape[:2], bool)
    inside[y0 : y0 + high, x0 : x0 + wide] = True
    assert (answer[~inside] == image_bgr[~inside]).all()
    # Between the middles of the cells the picture is a ramp: its second derivative has no more than their detail.
    part = answer[y0 : y0 + high, x0 : x0 + wide].astype(int)
    most = 255 * 2 / LEAST_CELL_PX + 2
    assert np.abs(np.diff(part, axis=0)).max(initial=0) <= most
    assert np.abs(np.diff(part, axis=1)).max(initial=0) <= most


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1, 2, 4, 5]), st.integers(0, 2**32 - 1))
def test_two_regions_with_the_same_means_become_the_same(cells: int, seed: int) -> None:
    part, random, side = noise(seed, (40, 40)), np.random.default_rng(seed), 40 // cells
    shuffled = part.copy()
    for top in range(0, 40, side):
        for left in range(0, 40, side):
            cell = shuffled[top : top + side, left : left + side]
            cell[:] = random.permutation(cell.reshape(-1, 3)).reshape(cell.shape)
    assert (part != shuffled).any()
    whole = (0, 0, 40, 40)
    assert (covered(part, [whole], cells) == covered(shuffled, [whole], cells)).all()


@pytest.mark.parametrize("side", [3, 7, 15, 31])
def test_a_small_head_has_fewer_colours_because_each_is_the_mean_of_many_pixels(side: int) -> None:
    answer = covered(noise(), [(10, 10, 10 + side, 10 + side)], MOST_CELLS)
    values = np.unique(answer[10 : 10 + side, 10 : 10 + side].reshape(-1, 3), axis=0)
    if side < 2 * LEAST_CELL_PX:
        assert len(values) == 1
        assert (values % STEP == STEP // 2).all()


def test_a_picture_that_is_covered_whole_keeps_a_few_colours() -> None:
    image_bgr = noise(size_wh=(640, 480))
    answer = covered_whole(image_bgr)
    assert answer.shape == image_bgr.shape
    assert answer.astype(int).std() < 12
    # A dot of one pixel leaves nothing.
    other = image_bgr.copy()
    other[200:204, 300:304] = 255
    assert np.abs(covered_whole(other).astype(int) - answer).max() <= STEP
    assert WHOLE_CELLS <= 8


def test_fill_leaves_nothing_at_all() -> None:
    answer = blurred(person(STANDING), properties={"method": "fill"})
    assert len(np.unique(answer.image_bgr[45:60, 105:135])) == 1


@pytest.mark.parametrize("cells", [0, 7, 400])
def test_more_cells_than_hide_somebody_are_refused(cells: int) -> None:
    with pytest.raises(GraphError, match="cells"):
        make_stage(Blur, {"cells": cells})


def test_cells_of_a_filled_rectangle_are_refused() -> None:
    with pytest.raises(GraphError, match="remove cells"):
        make_stage(Blur, {"method": "fill", "cells": 3})


# What is covered


def test_heads_are_covered_and_the_rest_stays() -> None:
    is_changed = changed(blurred(person(STANDING), properties={"margin": 0}))
    assert is_changed[40:69, 100:140].mean() > 0.95
    is_changed[40:69, 100:140] = False
    assert not is_changed.any()


def test_whole_people_are_covered() -> None:
    is_changed = changed(blurred(person(STANDING), properties={"what": "people", "margin": 0}))
    assert is_changed[40:160, 100:140].mean() > 0.95
    is_changed[40:160, 100:140] = False
    assert not is_changed.any()


def test_pixels_that_are_not_square_make_heads_of_other_shape() -> None:
    packet = make_packet(noise(), people=[person([100.0, 40.0, 200.0, 160.0])])
    packet.pixel_aspect_ratio = (1, 3)
    [answer] = run_stage(Blur, [packet], {"margin": 0})
    # 100 x 360 square pixels: somebody who stands, not one who sits.
    rows = np.flatnonzero(changed(answer).any(axis=1))
    assert (rows[0], rows[-1]) == (40, 40 + 28)


def test_nobody_leaves_the_picture_where_it_is() -> None:
    answer = blurred()
    assert not changed(answer).any()
    assert answer.marks == (BLURRED,)


def test_the_picture_of_others_is_not_changed() -> None:
    packet = make_packet(noise(), people=[person(STANDING)])
    known = packet.image_bgr
    run_stage(Blur, [packet])
    assert (known == noise()).all()


def test_possible_people_are_covered_for_as_long_as_it_holds() -> None:
    def is_covered(unseen: int) -> bool:
        answer = blurred(possible_people=[{"box": STANDING, "unseen_frames": unseen}], properties={"hold": 5})
        return bool(changed(answer).any())

    assert [is_covered(unseen) for unseen in (0, 5, 6)] == [True, True, False]


# Fails closed


def test_a_frame_of_which_nothing_is_known_is_covered_whole() -> None:
    answer = blurred(is_predicted=True, is_unknown=True)
    assert changed(answer).mean() > 0.99


def test_a_frame_without_a_list_of_people_is_covered_whole() -> None:
    stage = make_stage(Blur)
    stage.open()
    assert changed(stage.process(make_packet(noise()))).mean() > 0.99


@pytest.mark.parametrize("edge", [float("nan"), float("inf")])
def test_a_box_that_is_none_fails_the_frame(edge: float) -> None:
    with pytest.raises(ValueError, match="is no box"):
        blurred(person([10.0, 10.0, edge, 50.0]))


@pytest.mark.parametrize("status", ["ok", "failed(detect)"])
def test_a_sink_that_requires_it_gets_no_picture_that_has_not_passed(tmp_path: Path, status: str) -> None:
    packet = make_packet(noise(), people=[person([0.0, 0.0, 320.0, 240.0])], status=status)
    seen: list[Image] = []

    class Watched(CropsSink):
        def process(self, packet: Packet) -> Packet:
            seen.append(packet.image_bgr)
            return packet

    run_sink(Watched, [packet], {"location": str(tmp_path), "require": "blurred"})
    run_sink(Watched, [packet], {"location": str(tmp_path)})
    passed = run_stage(Blur, [make_packet(noise(), people=[])])
    run_sink(Watched, passed, {"location": str(tmp_path), "require": "blurred"})
    assert (seen[0] == covered_whole(noise())).all()
    assert (seen[1] == noise()).all()
    assert (seen[2] == noise()).all()
