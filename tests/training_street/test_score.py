"""The figures are those of a count by hand, by the rules of the scoring tool."""

import json
import math
from typing import Any

import numpy as np
import pytest

from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.street import score as module
from fashion_pipeline.training.street.evaluate import main
from fashion_pipeline.training.street.score import compare, figures, report


def person(box, *labels, unsure=()):
    return {
        "box": box,
        "garments": [{"label": label, "score": 0.9} for label in labels],
        "unsure": [{"label": label, "score": 0.2} for label in unsure],
    }


SMALL, LARGE = [0, 0, 10, 10], [0, 0, 10, 20]


@pytest.fixture
def files(tmp_path):
    """12 photos. A coat on 10: told on 6 of them, and on 1 of the other 2. A bag on 4, told on 2, and nowhere else."""
    truth: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for number in range(12):
        worn = ["Coat"] * (number < 10) + ["Bag"] * (number < 4)
        truth.append({"photo": f"{number}.jpg", "garments": [{"label": label} for label in worn]})
        told = ["Coat"] * (number < 6 or number == 10) + ["Bag"] * (number < 2)
        people = [person(LARGE, *told, unsure=["Shirt"] * (number == 3)), person(SMALL, "Dress", "Sandal")]
        lines.append({"uri": f"somewhere/{number}.jpg", "status": "ok", "people": people})
    lines[7]["people"] = []  # nobody was found
    del lines[9]  # and one has no result
    lines.append({"from_seq": 9, "to_seq": 9, "status": "leaky"})
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "results.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    return tmp_path / "truth.json", tmp_path / "results.jsonl"


def test_the_figures_are_those_of_a_count_by_hand(files):
    comparison = compare(*files)
    found = figures(comparison)

    # Coat: 6 of 10 told, 1 of 2 told wrongly; the bag is on too few photos to count in the means.
    assert found.mean_j == pytest.approx(6 / 10 - 1 / 2)
    assert found.mean_f1 == pytest.approx(2 * 6 / (2 * 6 + 1 + 4))
    assert found.rates.precision == pytest.approx(8 / 9)
    assert found.rates.j[8] == pytest.approx(2 / 4)
    assert (found.rates.shown, comparison.missing, comparison.unsure.sum()) == (9, 1, 1)
    low, high = found.intervals["mean_f1"]
    assert low < found.mean_f1 < high


def test_the_report_has_the_headline_of_the_scoring_tool(files):
    comparison = compare(*files)
    text = report(comparison, figures(comparison))

    assert "photos 12, without a result 1" in text
    assert (
        "mean J 0.100   mean F1 0.706   precision 0.889   (classes with 10 or more: 1; labels shown 9" in text
    )
    assert "Coat           10  0.600  0.500  0.100" in text
    assert "Sneaker         0    nan  0.000    nan" in text


def test_intervals_of_a_share_are_those_of_the_theory():
    chance = np.random.default_rng(0)
    told = np.zeros((400, 10), bool)
    told[:, 0] = True
    worn = np.zeros((400, 10), bool)
    worn[:, 0] = chance.permutation(400) < 240

    low, high = figures(
        module.Comparison(worn=worn, told=told, unsure=np.zeros_like(told), missing=0)
    ).intervals["precision"]

    reach = 1.96 * math.sqrt(0.6 * 0.4 / 400)
    assert (low, high) == pytest.approx((0.6 - reach, 0.6 + reach), abs=0.01)


def test_too_few_photos_give_a_table_without_means(tmp_path, capsys):
    (tmp_path / "truth.json").write_text(json.dumps([{"photo": "a.jpg", "garments": [{"label": "Bag"}]}]))
    (tmp_path / "results.jsonl").write_text(json.dumps({"uri": "a.jpg", "people": [person(LARGE, "Bag")]}))

    results = str(tmp_path / "results.jsonl")
    assert main([str(tmp_path / "truth.json"), "--results", results, "--score-only"]) == 0

    assert "no means: no label is on 10 photos or more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: not a frame's record"),
        ('{"uri": "a.jpg", "people": [{}]}', "line 1: not a frame's record"),
        (
            json.dumps({"uri": "a.jpg", "people": [person(LARGE, "Hat")]}),
            "line 1: label 'Hat' is not of the ten",
        ),
    ],
)
def test_damaged_results_are_one_error_with_their_line(files, line, message, capsys):
    truth, results = files
    results.write_text(line)

    assert main([str(truth), "--results", str(results), "--score-only"]) == 2

    assert f"{results}: {message}" in capsys.readouterr().err


def test_missing_results_are_one_error(files):
    truth, results = files
    results.unlink()

    with pytest.raises(DataError, match="cannot be read: No such file"):
        compare(truth, results)
