"""A garment's box from its map."""

import json

import numpy as np
import pytest

from fashion_pipeline.fashion.labels import LABELS, REGIONS, regions_of
from fashion_pipeline.fashion.model_info import ModelFileError
from fashion_pipeline.fashion.model_lookup import MODELS_FOLDER
from fashion_pipeline.fashion.preprocessing import InputSpec
from fashion_pipeline.fashion.street import LookSpec, garment_box, read_facts, widened

PERSON = (100.0, 50.0, 200.0, 350.0)
SPEC = InputSpec(color="rgb", size_wh=(192, 384), fit="letterbox", mean=(0.5,) * 3, std=(0.5,) * 3)
LOOK = LookSpec(input=SPEC, margin=0.04, fill=127)


def test_every_label_has_a_region():
    assert set(REGIONS) == set(LABELS)
    assert regions_of(["Coat", "kimono", "geta"], {"geta": "feet"}) == ("upper", "whole", "feet")


@pytest.mark.parametrize("named", [{"hat": "upper"}, {"Coat": "head"}, {"Coat": 3}])
def test_a_region_that_is_none_is_refused(named):
    with pytest.raises(ValueError, match="regions: "):
        regions_of(["Coat", "kimono"], named)


@pytest.mark.parametrize("table", ["thresholds", "unsure_above"])
def test_a_label_that_is_missing_in_a_table_is_named_with_the_table(tmp_path, table):
    facts = json.loads((MODELS_FOLDER / "street.json").read_text())
    del facts[table]["Bag"]
    (tmp_path / "mine.json").write_text(json.dumps(facts))
    with pytest.raises(ModelFileError, match=f"mine.json: {table} has no 'Bag', which is one of the labels;"):
        read_facts(tmp_path / "mine.json")


def test_a_map_without_a_peak_gives_most_of_the_look():
    x0, y0, x1, y1 = garment_box(np.ones((12, 6), np.float32), PERSON, LOOK)
    wide = widened(PERSON, LOOK)

    assert (x1 - x0) / (wide[2] - wide[0]) == pytest.approx(0.8, abs=0.05)
    assert (y1 - y0) / (wide[3] - wide[1]) == pytest.approx(0.8, abs=0.05)


def test_weight_at_the_feet_gives_a_box_at_the_feet():
    map_hw = np.zeros((12, 6), np.float32)
    map_hw[10, 2:4] = 0.5

    x0, y0, x1, y1 = garment_box(map_hw, PERSON, LOOK)

    wide = widened(PERSON, LOOK)
    assert y0 > 50 + 0.7 * 300 and y1 <= wide[3]
    assert x0 < 150 < x1 and x1 - x0 < 0.5 * (wide[2] - wide[0])


def test_a_map_of_zeros_is_no_error():
    assert garment_box(np.zeros((12, 6), np.float32), PERSON, LOOK) == pytest.approx(widened(PERSON, LOOK))
