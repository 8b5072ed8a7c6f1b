"""Records as lines of JSON."""

import json

import numpy as np
import pytest

from fashion_pipeline.stages.records.lines import line_of


def test_what_json_does_not_have_becomes_null() -> None:
    record = {
        "a": float("nan"),
        "b": [1.5, float("inf")],
        "c": {"d": np.array([1.0, float("-inf")])},
        "e": "NaN",
    }
    line = line_of(record, default=np.ndarray.tolist)
    plain = json.loads(line, parse_constant=pytest.fail)
    assert plain == {"a": None, "b": [1.5, None], "c": {"d": [1.0, None]}, "e": "NaN"}
