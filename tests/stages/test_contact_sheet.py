"""The contact sheet: who is on it, that a death loses nobody, and what the picture shows."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fashion_pipeline.stages.contact_sheet import ContactSheet
from fashion_pipeline.stages.drawing.plates import Row
from fashion_pipeline.stages.drawing.sheet import CROP_WH, draw_sheet
from fashion_pipeline.stages.people.gallery import Candidate, Gallery
from fashion_pipeline.stages.people.views import sharpness
from framegraph.errors import GraphError
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context

NS = 10**9
NOISE_BGR = np.random.default_rng(0).integers(0, 255, (120, 200, 3), np.uint8)


def make_sink(path: Path, **properties: object) -> ContactSheet:
    options = read_options(ContactSheet.Options, {"location": str(path), **properties})
    ContactSheet.check(options)
    return ContactSheet(options, Context(name="sheet", source="camera"))


def packet(seq: int, *people: dict, image_bgr: np.ndarray = NOISE_BGR, status: str = "ok") -> Packet:
    made = Packet(source="camera", seq=seq, running_ns=seq * NS, status=status, meta={"people": list(people)})
    made.image_bgr = image_bgr
    return made


def person(track: int | None = None, height: float = 100, label: str = "Coat") -> dict:
    found = {
        "box": [10.0, 10.0, 60.0, 10.0 + height],
        "score": 0.9,
        "garments": [{"label": label, "score": 0.8, "color": "navy"}],
    }
    return found if track is None else {**found, "track": track}


def best(gallery: Gallery, *looks: Candidate) -> list[float]:
    for look in looks:
        place = gallery.place_for(look)
        if place is not None:
            gallery.put(place, look)
    return sorted(look.value for look in gallery.looks)


@pytest.mark.parametrize(
    ("looks", "kept"),
    [
        ([], []),
        ([Candidate(1, 0, 5), Candidate(1, 9, 7), Candidate(1, 10, 6)], [7]),  # one track: its best look
        ([Candidate(1, 0, 5), Candidate(1, 1, 5.2)], [5]),  # hardly better: not worth keeping
        ([Candidate(1, 0, 5), Candidate(2, 0, 3)], [3, 5]),  # two at the same moment
        ([Candidate(-1, 0, 5), Candidate(-1, 1, 7), Candidate(-1, 9, 1)], [1, 7]),  # no tracks: apart in time
        (
            [Candidate(1, 0, 5), Candidate(2, 0, 3), Candidate(3, 0, 9), Candidate(4, 0, 2)],
            [5, 9],
        ),  # room for two
    ],
)
def test_the_gallery_keeps_the_best_look_at_each(looks: list[Candidate], kept: list[float]) -> None:
    assert best(Gallery(2, spacing_s=2.0), *looks) == kept


def test_sharper_is_sharper_whatever_the_size() -> None:
    blurred = cv2.GaussianBlur(NOISE_BGR, (0, 0), 3)
    assert sharpness(NOISE_BGR) > 2 * sharpness(blurred)
    twice = cv2.resize(blurred, None, fx=2, fy=2)
    assert sharpness(twice) == pytest.approx(sharpness(blurred), rel=0.3)


def test_nobody_is_a_sheet_that_says_so(tmp_path: Path) -> None:
    sink = make_sink(tmp_path / "sheet.png")
    sink.open_at(tmp_path / "sheet.png", None)
    sink.process(packet(0))
    sink.process(packet(1, person(), status="failed"))
    sink.finish()
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.min() < 60  # the words
    assert sink.remarks() == ["0 people on the sheet"]


def test_each_person_is_on_the_sheet_at_the_best_look(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    sink = make_sink(path)
    sink.open_at(path, None)
    red = NOISE_BGR // 8 + np.array([0, 0, 200], np.uint8)
    sink.process(packet(0, person(1, height=20)))
    sink.process(packet(1, person(1, height=100), person(2, height=90), image_bgr=red))
    sink.process(packet(2, person(1, height=30), {**person(3), "box": [500, 0, 600, 90]}))
    sink.finish()
    sink.close()
    one_bgr = draw_sheet([red[10:110, 10:60]], [[Row("x")]], 8)
    sheet = cv2.imread(str(path))
    assert sheet.shape[1] == 2 * one_bgr.shape[1] - 8
    assert (sheet[..., 2] > 180).mean() > 0.3
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("died_after", [0, 1, 3, 5])
def test_a_process_that_dies_loses_nobody(died_after: int, tmp_path: Path) -> None:
    packets = [packet(seq, person(seq % 3, height=30 + 14 * seq)) for seq in range(5)]
    pictures = []
    for name, death in (("whole.png", None), ("cut.png", died_after)):
        path = tmp_path / name
        sink = make_sink(path)
        sink.open_at(path, None)
        for made in packets[: death if death is not None else 5]:
            sink.process(made)
        if death is not None:
            cut = sink.position()
            for made in packets[death : death + 1]:
                sink.process(made)
            sink.close()
            sink = make_sink(path)
            sink.open_at(path, cut)
            for made in packets[death:]:
                sink.process(made)
        sink.sync()
        sink.finish()
        pictures.append(path.read_bytes())
    assert pictures[0] == pictures[1]


def test_the_sheet_shows_what_was_answered_last(tmp_path: Path) -> None:
    sheets = {}
    for name, labels in (("changed", ["Coat", "Dress"]), ("always", ["Dress", "Dress"])):
        path = tmp_path / f"{name}.png"
        sink = make_sink(path)
        sink.open_at(path, None)
        # The second view is worse: only the answer is new.
        sink.process(packet(0, person(1, height=100, label=labels[0])))
        sink.process(packet(1, person(1, height=30, label=labels[1])))
        sink.finish()
        sheets[name] = path.read_bytes()
    assert sheets["changed"] == sheets["always"]


def test_a_predicted_box_is_no_view_but_its_answer_counts(tmp_path: Path) -> None:
    sheets = {}
    for name, label in (("predicted", "Dress"), ("found", "Coat")):
        path = tmp_path / f"{name}.png"
        sink = make_sink(path)
        sink.open_at(path, None)
        sink.process(packet(0, person(1, height=40, label="Coat")))
        # Larger, and so better, were it a view; the other person was never found at all.
        expected = {**person(1, height=100, label=label), "detected_at_seq": 0}
        sink.process(packet(1, expected, {**person(2), "detected_at_seq": 0}))
        sink.finish()
        assert sink.remarks() == ["1 people on the sheet"]
        sheets[name] = cv2.imread(str(path))
    plain = tmp_path / "plain.png"
    sink = make_sink(plain)
    sink.open_at(plain, None)
    sink.process(packet(0, person(1, height=40, label="Coat")))
    sink.finish()
    np.testing.assert_array_equal(sheets["found"], cv2.imread(str(plain)))
    assert (sheets["predicted"] != sheets["found"]).any()


def test_a_death_after_the_picture_is_in_place_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "sheet.jpg"
    sink = make_sink(path)
    sink.open_at(path, None)
    sink.process(packet(0, person(1)))
    cut = sink.position()
    sink.finish()
    sink.close()
    before = path.read_bytes()
    successor = make_sink(path)
    successor.open_at(path, cut)
    successor.finish()
    assert path.read_bytes() == before
    assert successor.position().size_bytes == len(before)


def test_a_location_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"has no picture format; end it in \.jpg or \.png"):
        make_sink(tmp_path / "sheet.pdf")


def test_a_sheet_has_rows_and_columns() -> None:
    crops = [np.zeros((40, 20, 3), np.uint8)] * 5
    height, width = draw_sheet(crops, [[Row("a")]] * 5, 3).shape[:2]
    assert width > 3 * CROP_WH[0]
    assert 2 * CROP_WH[1] < height < 3 * CROP_WH[1]
