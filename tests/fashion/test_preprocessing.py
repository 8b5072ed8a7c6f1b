import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion_pipeline.fashion.preprocessing import InputSpec, cut_to_input, to_batch

GREY = InputSpec(color="grey", size_wh=(28, 28), fit="stretch", mean=(0.0,), std=(1.0,))
LETTERBOX = dataclasses.replace(GREY, fit="letterbox")
RGB = InputSpec(
    color="rgb", size_wh=(20, 30), fit="stretch", mean=(0.5, 0.5, 0.5), std=(0.5, 0.25, 1.0), region="upper"
)


def cut(picture_bgr, box, spec):
    """Return the crop of a box that is not outside the picture."""
    crop = cut_to_input(picture_bgr, box, spec)
    assert crop is not None
    return crop


def plain_picture(width, height, bgr=(255, 255, 255)):
    return np.full((height, width, 3), bgr, np.uint8)


@pytest.mark.parametrize("spec", [GREY, LETTERBOX, RGB])
def test_a_spec_survives_its_plain_form(spec):
    assert InputSpec.from_plain(spec.to_plain()) == spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"color": "gray"}, "color must be one of grey, rgb, got 'gray'"),
        ({"color": ["grey"]}, "color must be a word"),
        ({"size_wh": [28]}, "size_wh must be two whole numbers"),
        ({"size_wh": [28, 0]}, "size_wh must be two whole numbers"),
        ({"size_wh": [28, 1e9]}, "size_wh must be two whole numbers"),
        ({"size_wh": 28}, "size_wh must be a list"),
        ({"fit": "crop"}, "fit must be one of stretch, letterbox, got 'crop'"),
        ({"mean": [0.1, 0.2]}, "mean must be 1 numbers for grey"),
        ({"mean": [float("nan")]}, "mean must be 1 numbers"),
        ({"mean": ["0"]}, "mean must be 1 numbers"),
        ({"std": [0.0]}, "std must be above 0"),
        ({"region": ""}, "region must be a name"),
        ({"colour": "grey"}, "unknown field 'colour'"),
    ],
)
def test_a_plain_form_that_holds_no_spec_is_refused_by_field(change, message):
    with pytest.raises(ValueError, match=message):
        InputSpec.from_plain({**GREY.to_plain(), **change})


def test_a_missing_field_and_a_missing_mapping_are_refused():
    with pytest.raises(ValueError, match="fit is missing"):
        InputSpec.from_plain({key: value for key, value in GREY.to_plain().items() if key != "fit"})
    with pytest.raises(ValueError, match="expected a mapping, got list"):
        InputSpec.from_plain([])


def test_a_box_outside_the_picture_or_without_area_gives_none():
    picture = plain_picture(50, 40)
    for box in ([60, 5, 70, 10], [-20, 5, -1, 10], [5, 40, 10, 50], [10, 10, 10, 20], [20, 10, 10, 20]):
        assert cut_to_input(picture, box, GREY) is None
    assert cut_to_input(np.zeros((0, 0, 3), np.uint8), [0, 0, 5, 5], GREY) is None


@given(
    box=st.lists(st.floats(-100, 200), min_size=4, max_size=4), spec=st.sampled_from([GREY, LETTERBOX, RGB])
)
def test_any_box_gives_none_or_a_crop_of_the_right_kind(box, spec):
    crop = cut_to_input(plain_picture(60, 50), box, spec)
    shape = (
        (spec.size_wh[1], spec.size_wh[0]) if spec.color == "grey" else (spec.size_wh[1], spec.size_wh[0], 3)
    )
    assert crop is None or (crop.shape == shape and crop.dtype == np.uint8)


def test_a_box_over_the_edge_is_clipped_not_filled():
    assert (cut(plain_picture(50, 40), [-30, -30, 20, 20], GREY) == 255).all()


def test_letterbox_keeps_the_shape_and_centres_on_black():
    crop = cut(plain_picture(100, 200), [0, 0, 100, 200], LETTERBOX)
    assert (crop[:, 7:21] == 255).all()
    assert (crop[:, :7] == 0).all()
    assert (crop[:, 21:] == 0).all()


def test_colours_come_in_the_order_of_the_spec():
    assert cut(plain_picture(9, 9, bgr=(10, 20, 30)), [0, 0, 9, 9], RGB)[0, 0].tolist() == [
        30,
        20,
        10,
    ]


def test_shrinking_averages_instead_of_picking_pixels():
    stripes = np.zeros((280, 280, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = cut(stripes, [0, 0, 280, 280], GREY)
    assert np.abs(crop.astype(int) - 127).max() <= 1


def test_a_28_pixel_picture_is_taken_as_it_is():
    grey = np.arange(784, dtype=np.uint8).reshape(28, 28)
    picture = np.repeat(grey[:, :, None], 3, axis=2)
    assert (cut(picture, [0, 0, 28, 28], LETTERBOX) == grey).all()


def test_the_picture_is_not_changed_and_the_crop_is_a_copy():
    picture = plain_picture(28, 28)
    crop = cut(picture, [0, 0, 28, 28], GREY)
    crop[:] = 0
    assert (picture == 255).all()


def test_a_batch_is_scaled_then_normalised_by_channel():
    assert to_batch([], GREY).shape == (0, 1, 28, 28)
    batch = to_batch([np.full((30, 20, 3), (255, 0, 51), np.uint8)], RGB)
    assert batch.dtype == np.float32
    assert batch.shape == (1, 3, 30, 20)
    assert batch[0, :, 0, 0].tolist() == pytest.approx([1.0, -2.0, -0.3])


def test_pictures_and_crops_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="a crop must be uint8"):
        to_batch([np.zeros((20, 30), np.uint8)], GREY)
    with pytest.raises(ValueError, match="image_bgr must be uint8"):
        cut_to_input(np.zeros((9, 9), np.uint8), [0, 0, 5, 5], GREY)
    with pytest.raises(ValueError, match="four finite numbers"):
        cut_to_input(plain_picture(9, 9), [0, 0, float("nan"), 5], GREY)
