"""Detect looks in some frames only, and track says who is where between: the two stages, without a graph."""

import itertools
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from fashion_pipeline.stages.detect import Detect
from fashion_pipeline.stages.people.detection import is_due
from fashion_pipeline.stages.track import Track
from framegraph.errors import GraphError
from framegraph.packet import Packet
from framegraph.testing import make_packet, make_stage, run_stage

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "plaza.mp4"
SIZE_WH = (640, 360)
STEP_PX = 6.0


@pytest.mark.parametrize(
    ("fields", "interval", "expected"),
    [
        pytest.param({"seq": 0, "prev_seq": -1}, 3, True, id="the first frame"),
        pytest.param({"seq": 1, "prev_seq": 0}, 3, False, id="between"),
        pytest.param({"seq": 3, "prev_seq": 2}, 3, True, id="each third"),
        pytest.param({"seq": 4, "prev_seq": 3}, 1, True, id="every frame by default"),
        pytest.param(
            {"seq": 5, "prev_seq": 2}, 3, True, id="the third was dropped: the next takes its place"
        ),
        pytest.param({"seq": 5, "prev_seq": 3}, 3, False, id="another was dropped"),
        pytest.param({"seq": 7, "prev_seq": -1}, 3, True, id="all before it were dropped"),
        pytest.param({"seq": 1, "prev_seq": 0, "flags": ["DISCONT"]}, 3, True, id="a break"),
        pytest.param({"seq": 1, "prev_seq": 0, "uri": "photos/2.JPG"}, 3, True, id="a still image"),
        pytest.param({"seq": 1, "prev_seq": 0, "uri": "rtsp://host/a.jpg"}, 3, False, id="a camera"),
        pytest.param({"seq": 1, "prev_seq": 0, "attempt": 2, "alone": True}, 3, False, id="sent again"),
    ],
)
def test_the_packet_alone_decides_where_people_are_looked_for(
    fields: dict[str, Any], interval: int, expected: bool
) -> None:
    assert is_due(Packet(source="camera", **fields), interval) is expected


def test_detect_looks_in_each_third_frame_and_finds_there_what_it_always_finds() -> None:
    with av.open(str(SAMPLE)) as film:
        images = [frame.to_ndarray(format="bgr24") for frame in itertools.islice(film.decode(video=0), 7)]

    def answers(interval: int) -> list[Packet]:
        packets = [make_packet(image, seq=seq) for seq, image in enumerate(images)]
        return run_stage(Detect, packets, {"interval": interval} if interval > 1 else {})

    every, third = answers(1), answers(3)
    assert not any("is_predicted" in answer.meta for answer in every)
    assert sum(len(answer.meta["people"]) for answer in every) > 7
    for one, other in zip(every, third, strict=True):
        if one.seq % 3 == 0:
            assert other.meta == one.meta
        else:
            assert other.meta == {"people": [], "is_predicted": True}


def test_where_detect_does_not_look_it_reads_no_pixels() -> None:
    detect = make_stage(Detect, {"interval": 2})
    # Neither opened nor given a picture: all it has is the header.
    assert detect.process(Packet(source="camera", seq=1, prev_seq=0)).meta["is_predicted"]


def test_an_interval_below_one_is_refused() -> None:
    with pytest.raises(GraphError, match="interval"):
        make_stage(Detect, {"interval": 0})


def frame(seq: int, *people: tuple[float, float], **fields: Any) -> Packet:
    """A frame that was looked at: people of 60 x 160 pixels by left edge and score."""
    image_bgr = np.random.default_rng(0).integers(0, 255, (*SIZE_WH[::-1], 3), np.uint8)
    found = [{"box": [x, 20.0, x + 60, 180.0], "score": score} for x, score in people]
    packet = make_packet(image_bgr, seq=seq, people=found)
    for name, value in fields.items():
        setattr(packet, name, value)
    return packet


def between(seq: int, **fields: Any) -> Packet:
    """A frame that was not looked at, as it comes from detect."""
    packet = frame(seq, **fields)
    packet.meta = {"people": [], "is_predicted": True}
    return packet


def walk(frames: int, interval: int, start: float = 10.0, step: float = STEP_PX) -> list[Packet]:
    """Somebody walks to the right."""
    return [
        frame(seq, (start + step * seq, 0.9)) if seq % interval == 0 else between(seq)
        for seq in range(frames)
    ]


def test_who_was_found_is_moved_on_until_the_next_look_and_it_is_said() -> None:
    answers = run_stage(Track, walk(12, 3))
    for answer in answers:
        [person] = answer.meta["people"]
        assert (person["track"], person["series"], person["age_frames"]) == (1, 0, answer.seq)
        assert person["score"] == 0.9
        assert answer.meta["untracked_people"] == 0
        assert person.get("detected_at_seq") == (None if answer.seq % 3 == 0 else answer.seq // 3 * 3)
        if answer.seq % 3:
            assert person["look"] == 0
            assert answer.meta["counts"] == {"boxes": {"predicted": 1}}
        if answer.seq > 5:  # from the second look on it is known how fast
            assert person["box"][0] == pytest.approx(10 + STEP_PX * answer.seq, abs=STEP_PX / 2)
            assert person["box"][2] - person["box"][0] == pytest.approx(60, abs=3)


def test_where_every_frame_is_looked_at_nothing_is_said_of_it() -> None:
    for answer in run_stage(Track, walk(6, 1)):
        assert set(answer.meta) == {"people", "untracked_people"}
        assert set(answer.meta["people"][0]) == {"box", "score", "track", "series", "age_frames", "look"}


def test_who_was_not_found_at_the_last_look_is_not_expected_either() -> None:
    packets = [frame(0, (10, 0.9), (300, 0.9)), between(1), frame(2, (10, 0.9)), between(3), between(4)]
    packets += [frame(5, (10, 0.9), (300, 0.9)), between(6)]
    answers = run_stage(Track, packets)
    numbers = [[person["track"] for person in answer.meta["people"]] for answer in answers]
    assert numbers == [[1, 2], [1, 2], [1], [1], [1], [1, 2], [1, 2]]


def test_nobody_is_expected_where_nobody_was_found() -> None:
    answers = run_stage(Track, [frame(0), between(1)])
    assert [answer.meta["people"] for answer in answers] == [[], []]
    assert answers[1].meta == {"people": [], "is_predicted": True, "untracked_people": 0}


def test_boxes_are_cut_at_the_edge_and_who_is_expected_outside_is_left_out() -> None:
    answers = run_stage(Track, [*walk(16, 3, start=500.0, step=5.0), *map(between, range(16, 45))])
    edges = [person["box"] for answer in answers for person in answer.meta["people"]]
    assert all(0 <= x0 < x1 <= SIZE_WH[0] for x0, _y0, x1, _y1 in edges)
    assert min(x1 - x0 for x0, _y0, x1, _y1 in edges) < 30
    there = [len(answer.meta["people"]) for answer in answers]
    assert there == sorted(there, reverse=True)
    assert (there[20], there[-1]) == (1, 0)


def test_who_is_not_looked_for_for_too_long_is_expected_nowhere() -> None:
    answers = run_stage(Track, [frame(0, (10, 0.9)), *map(between, range(1, 60))], {"forget": "1s"})
    assert [len(answer.meta["people"]) for answer in answers] == [1] * 26 + [0] * 34


@pytest.mark.parametrize("change", [{"epoch": 1}, {"flags": ["DISCONT"]}])
def test_nobody_is_expected_beyond_the_end_of_a_segment(change: dict[str, Any]) -> None:
    # Detect looks at a frame flagged DISCONT; a new round of a film it cannot tell.
    answers = run_stage(Track, [frame(0, (10, 0.9)), between(1, **change), between(2, epoch=1)])
    assert [len(answer.meta["people"]) for answer in answers] == [1, 0, 0]


def test_what_is_predicted_changes_nothing_for_those_who_are_found() -> None:
    packets = walk(30, 3)
    few = [packet for packet in packets if packet.seq % 3 != 1]
    all_of_them, some = run_stage(Track, packets), run_stage(Track, few)
    known = {answer.seq: answer.meta for answer in all_of_them}
    assert all(answer.meta == known[answer.seq] for answer in some)


def test_the_same_frames_give_the_same_answers() -> None:
    one, two = (run_stage(Track, walk(20, 4)) for _turn in range(2))
    assert [answer.meta for answer in one] == [answer.meta for answer in two]


def test_after_a_death_nobody_is_expected_before_the_next_look() -> None:
    track = make_stage(Track, source="camera")
    track.open()
    track.highest_id = 7
    assert track.process(between(31)).meta["people"] == []
    assert track.process(frame(33, (10, 0.9))).meta["people"][0]["track"] == 8


def test_no_pixels_are_read_where_nobody_looked_and_the_camera_stands_still() -> None:
    track = make_stage(Track, {"camera-motion": False}, source="camera")
    track.open()
    track.process(frame(0, (10, 0.9)))
    bare = between(1)
    bare.pixels = None
    assert len(track.process(bare).meta["people"]) == 1


def test_what_stages_between_them_said_of_a_person_stays() -> None:
    first = frame(0, (10, 0.9))
    first.meta["people"][0]["tall"] = True
    _found, expected = run_stage(Track, [first, between(1)])
    assert expected.meta["people"][0]["tall"] is True
