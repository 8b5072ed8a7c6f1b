"""Settle: one answer a person, from all looks."""

from typing import Any

import pytest

from fashion_pipeline.stages.settle import Settle
from framegraph.packet import Packet
from framegraph.testing import make_packet, make_stage, run_stage

BOX = [10.0, 10.0, 30.0, 50.0]


def told(label: str, score: float, threshold: float | None = 0.4, **more: Any) -> dict[str, Any]:
    garment = {"label": label, "score": score, "region": "upper", "box": [10.0, 10.0, 30.0, 30.0], **more}
    return garment if threshold is None else {**garment, "threshold": threshold}


def look(seq: int, *garments: dict[str, Any], unsure: tuple[dict, ...] = (), quality: float = 0.5) -> Packet:
    """One person, looked at."""
    person = {
        "box": BOX,
        "track": 1,
        "series": 0,
        "look": quality,
        "garments": list(garments),
        "unsure": list(unsure),
    }
    return make_packet(seq=seq, people=[person])


def no_look(seq: int, box: list[float] = BOX) -> Packet:
    person = {"box": box, "track": 1, "series": 0, "look": 0.0, "garments": [], "unsure": []}
    return make_packet(seq=seq, people=[person])


def labels(answers: list[Packet], key: str = "garments") -> list[list[str]]:
    return [[garment["label"] for garment in answer.meta["people"][0][key]] for answer in answers]


def test_nobody_is_nobody() -> None:
    [answer] = run_stage(Settle, [make_packet(people=[])])
    assert answer.meta["people"] == []


def test_after_one_look_the_answer_is_the_classifiers() -> None:
    garments = [told("Coat", 0.6123), told("Bag", 0.41, threshold=0.4, color="navy")]
    [answer] = run_stage(Settle, [look(0, *garments, unsure=(told("Shirt", 0.3),))])
    person = answer.meta["people"][0]
    assert [(item["label"], item["score"], item["box"]) for item in person["garments"]] == [
        ("Coat", 0.6123, [10.0, 10.0, 30.0, 30.0]),
        ("Bag", 0.41, [10.0, 10.0, 30.0, 30.0]),
    ]
    assert person["garments"][1]["color"] == "navy"
    assert [(item["label"], item["score"]) for item in person["unsure"]] == [("Shirt", 0.3)]
    assert (person["looks"], person["settled"], person["classified_at_seq"]) == (1, False, 0)
    assert "look" not in person


def test_nobody_of_an_earlier_series_is_kept_in_mind() -> None:
    stage = make_stage(Settle)
    stage.open()
    stage.process(look(0, told("Coat", 0.6)))
    later = no_look(1)
    later.meta["people"][0].update(track=2, series=1)
    stage.process(later)
    assert list(stage._known) == list(stage._counted) == [2]


def test_before_any_look_nothing_is_claimed() -> None:
    [answer] = run_stage(Settle, [no_look(0)])
    person = answer.meta["people"][0]
    assert (person["looks"], person["settled"], person["garments"], person["unsure"]) == (0, False, [], [])
    assert "classified_at_seq" not in person


def test_frames_without_a_look_carry_the_answer_and_the_boxes_move_along() -> None:
    answers = run_stage(Settle, [look(0, told("Coat", 0.7)), no_look(1, [20.0, 10.0, 60.0, 48.0])])
    garment = answers[1].meta["people"][0]["garments"][0]
    assert garment["box"] == [20.0, 10.0, 60.0, 29.0]
    assert answers[1].meta["people"][0]["classified_at_seq"] == 0


def test_boxes_stay_inside_the_frame() -> None:
    answers = run_stage(Settle, [look(0, told("Coat", 0.7)), no_look(1, [-10.0, 10.0, 20.0, 80.0])])
    assert answers[1].meta["people"][0]["garments"][0]["box"] == [0.0, 10.0, 20.0, 45.0]


def test_a_still_image_is_settled_by_its_only_look() -> None:
    packet = look(0, told("Coat", 0.7))
    packet.uri = "photos/1.jpg"
    [answer] = run_stage(Settle, [packet])
    assert answer.meta["people"][0]["settled"] is True


def test_a_film_is_settled_after_so_many_looks() -> None:
    answers = run_stage(Settle, [look(seq, told("Coat", 0.7)) for seq in range(3)], {"looks": 2})
    assert [answer.meta["people"][0]["settled"] for answer in answers] == [False, True, True]


def test_a_score_about_the_threshold_does_not_flicker() -> None:
    looks = [
        look(n, told("Coat", 0.43)) if n % 2 == 0 else look(n, unsure=(told("Coat", 0.37),))
        for n in range(20)
    ]
    assert labels(run_stage(Settle, looks)) == [["Coat"]] * 20


def test_clear_evidence_changes_the_answer_in_few_looks() -> None:
    looks = [look(0, told("Coat", 0.42)), *[look(n, told("Dress", 0.8)) for n in range(1, 6)]]
    answers = labels(run_stage(Settle, looks))
    assert answers[0] == ["Coat"]
    assert answers[3] == ["Dress"]
    assert answers[-1] == ["Dress"]


def test_a_good_look_weighs_more_than_bad_ones() -> None:
    looks = [look(0, told("Coat", 0.8), quality=0.9), *[look(n, quality=0.05) for n in (1, 2, 3)]]
    assert labels(run_stage(Settle, looks))[-1] == ["Coat"]


def test_who_changes_clothes_is_believed_after_a_while() -> None:
    looks = [look(n, told("Coat", 0.9)) for n in range(50)] + [look(n) for n in range(50, 65)]
    answers = labels(run_stage(Settle, looks))
    assert answers[49] == ["Coat"]
    assert answers[-1] == []


def test_one_label_a_look_of_a_model_without_thresholds_is_put_to_the_vote() -> None:
    said = ["Coat", "Bag", "Bag", "Coat", "Bag", "Bag"]
    answers = run_stage(Settle, [look(n, told(label, 0.9, None)) for n, label in enumerate(said)])
    assert labels(answers)[-1] == ["Bag"]
    assert answers[-1].meta["people"][0]["garments"][0]["score"] == 0.9


def test_the_colour_is_that_of_most_and_best_looks() -> None:
    colors = ["grey", "navy", "navy", "grey", "navy"]
    answers = run_stage(Settle, [look(n, told("Coat", 0.8, color=color)) for n, color in enumerate(colors)])
    assert answers[-1].meta["people"][0]["garments"][0]["color"] == "navy"


def test_shares_of_colours_weigh_by_how_sure_they_are() -> None:
    shares = [{"grey": 0.05}, {"grey": 0.04}, {"red": 0.6, "navy": 0.4}]
    looks = [look(n, {**told("Coat", 0.8), "color_shares": each}) for n, each in enumerate(shares)]
    [*_, last] = run_stage(Settle, looks)
    [coat] = last.meta["people"][0]["garments"]
    assert coat["color"] == "red and navy"
    assert coat["color_shares"] == {"grey": 0.03, "red": 0.2, "navy": 0.13}


def test_a_colour_that_cannot_be_told_is_left_out() -> None:
    even = {**told("Coat", 0.8), "color_shares": {"grey": 0.3, "white": 0.3}}
    [answer] = run_stage(Settle, [look(0, even)])
    assert "color" not in answer.meta["people"][0]["garments"][0]


def test_a_frame_that_failed_is_no_look() -> None:
    looks = [look(0, told("Coat", 0.8)), make_packet(seq=1, status="failed(classify)"), no_look(2)]
    assert [answer.meta["people"][0]["looks"] for answer in run_stage(Settle, looks)] == [1, 1]


def test_the_summary_counts_people_not_frames_and_corrects_itself() -> None:
    packets = [look(0, told("Coat", 0.42)), no_look(1), *[look(n, told("Dress", 0.8)) for n in range(2, 6)]]
    sums: dict[str, dict[str, int]] = {}
    for answer in run_stage(Settle, packets):
        for group, numbers in answer.meta.get("counts", {}).items():
            for name, number in numbers.items():
                sums.setdefault(group, {}).setdefault(name, 0)
                sums[group][name] += number
    assert sums["distinct people, by track number"] == {"classified": 1}
    assert sums["garments, by person"] == {"Coat": 0, "Dress": 1}


def test_after_a_death_the_answers_are_still_known_and_nobody_is_counted_twice() -> None:
    before = run_stage(Settle, [look(n, told("Coat", 0.8), unsure=(told("Bag", 0.3),)) for n in range(3)])
    settle = make_stage(Settle, source="camera")
    settle.open()
    settle.recall([answer.meta for answer in before])
    after = settle.process(no_look(3))
    assert after.meta["people"][0] == {**before[-1].meta["people"][0], "classified_at_seq": 2}
    assert "counts" not in after.meta
    changed = settle.process(look(4, told("Dress", 0.9)))
    assert changed.meta["people"][0]["looks"] == 4
    assert labels([changed]) == [["Coat"]]


def test_without_track_there_is_a_clear_error() -> None:
    with pytest.raises(AssertionError, match="people/track"):
        run_stage(Settle, [make_packet(people=[{"box": BOX, "garments": []}])])
