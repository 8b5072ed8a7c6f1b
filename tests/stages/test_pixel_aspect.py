"""Pixels that are not square: told by the film, kept on the way, made square for networks and for eyes."""

import dataclasses
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion_pipeline.stages.classify import Classify
from fashion_pipeline.stages.crop import Crop
from fashion_pipeline.stages.crops_sink import CropsSink
from fashion_pipeline.stages.detect import Detect
from fashion_pipeline.stages.detectors.detector import DetectorSettings, OneByOne
from fashion_pipeline.stages.json_sink import JsonSink
from fashion_pipeline.stages.media.aspect import (
    SQUARE,
    pixel_aspect_ratio,
    square_box,
    square_picture,
    square_view,
    stored_box,
)
from fashion_pipeline.stages.video_sink import VideoSink
from framegraph.errors import WireError
from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.store import FrameStore
from framegraph.packet import Packet
from framegraph.stage import Frame
from framegraph.testing import make_packet, make_stage
from framegraph.wire import codec
from tests.stages.source_kit import corners, play, resume_after
from tests.stages.test_segments import Committed

PAL_WIDE = (64, 45)
"""Of 720 x 576 that is shown as 1024 x 576."""
NTSC = (8, 9)


def film(path: Path, ratio: tuple[int, int] | None, rotation: int = 0, codec_name: str = "libx264") -> Path:
    """Write 30 frames of 64 x 48 pixels."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec_name, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if ratio is not None:
            stream.codec_context.sample_aspect_ratio = Fraction(*ratio)
        if rotation:
            stream.set_display_rotation(rotation)
        for _number in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(corners(), "bgr24")))
        container.mux(stream.encode(None))
    return path


def packet(ratio: tuple[int, int], *people: dict[str, Any]) -> Packet:
    """A black picture of pixels of that ratio."""
    made = make_packet(np.zeros((48, 90, 3), np.uint8), people=list(people))
    made.pixel_aspect_ratio = ratio
    return made


# From the film


@pytest.mark.parametrize(
    ("name", "codec_name"),
    [("film.mp4", "libx264"), ("film.mkv", "libx264"), ("film.ts", "libx264"), ("film.avi", "mpeg4")],
)
@pytest.mark.parametrize("ratio", [PAL_WIDE, NTSC])
def test_each_frame_of_an_anamorphic_film_tells_the_ratio_of_its_pixels(
    tmp_path: Path, name: str, codec_name: str, ratio: tuple[int, int]
) -> None:
    frames = play(film(tmp_path / name, ratio, codec_name=codec_name))
    assert len(frames) == 30
    assert {frame.pixel_aspect_ratio for frame in frames} == {ratio}
    # The picture is the stored one.
    assert {frame.image_bgr.shape for frame in frames} == {(48, 64, 3)}


@pytest.mark.parametrize("ratio", [None, (1, 1)])
def test_pixels_are_square_where_a_film_says_so_or_nothing(
    tmp_path: Path, ratio: tuple[int, int] | None
) -> None:
    assert {frame.pixel_aspect_ratio for frame in play(film(tmp_path / "film.mp4", ratio))} == {SQUARE}


@pytest.mark.parametrize(
    ("rotation", "expected"), [(90, (45, 64)), (-90, (45, 64)), (180, (64, 45)), (0, (64, 45))]
)
def test_the_ratio_is_that_of_the_upright_picture(
    tmp_path: Path, rotation: int, expected: tuple[int, int]
) -> None:
    frames = play(film(tmp_path / "film.mp4", PAL_WIDE, rotation))
    assert {frame.pixel_aspect_ratio for frame in frames} == {expected}
    is_on_its_side = expected != PAL_WIDE
    assert frames[0].image_bgr.shape == ((64, 48, 3) if is_on_its_side else (48, 64, 3))


def test_a_successor_tells_the_same_ratio(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", PAL_WIDE, 90)
    after = play(path, resume_after(play(path), 20))
    assert [frame.pixel_aspect_ratio for frame in after] == [(45, 64)] * 10


def test_the_ratio_stays_the_same_when_the_picture_is_scaled_down(tmp_path: Path) -> None:
    frame = play(film(tmp_path / "film.mp4", PAL_WIDE), width=32)[0]
    assert (frame.image_bgr.shape, frame.pixel_aspect_ratio) == ((24, 32, 3), PAL_WIDE)


@pytest.mark.parametrize("ratio", [(9, 1), (1, 9), (100, 7)])
def test_an_absurd_ratio_is_ignored(tmp_path: Path, ratio: tuple[int, int]) -> None:
    path = film(tmp_path / "film.mp4", ratio)
    with av.open(str(path)) as container:
        told = container.streams.video[0].sample_aspect_ratio
        assert told == Fraction(*ratio)
    assert {frame.pixel_aspect_ratio for frame in play(path)} == {SQUARE}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, (1, 1)),
        (Fraction(0), (1, 1)),
        (Fraction(-4, 3), (1, 1)),
        (Fraction(8), (8, 1)),
        (Fraction(1, 8), (1, 8)),
        (Fraction(801, 100), (1, 1)),
        (Fraction(128, 90), (64, 45)),
        # Terms as large as a rounded quotient has: what is as good as square is square.
        (Fraction(1_000_001, 1_000_000), (1, 1)),
        (Fraction(3_555_556, 2_500_001), (64, 45)),
    ],
)
def test_a_ratio_has_small_terms_and_is_one_that_can_be(
    told: Fraction | None, expected: tuple[int, int]
) -> None:
    stream: Any = SimpleNamespace(sample_aspect_ratio=told)
    assert pixel_aspect_ratio(stream, is_on_its_side=False) == expected
    assert pixel_aspect_ratio(stream, is_on_its_side=True) == expected[::-1]


# The rules


RATIOS = st.tuples(st.integers(1, 1000), st.integers(1, 1000)).filter(
    lambda ratio: max(ratio) <= 8 * min(ratio)
)
EDGES = st.floats(0, 4000, width=32)


@given(st.tuples(EDGES, EDGES, EDGES, EDGES), RATIOS)
def test_boxes_come_back_as_they_were(box: tuple[float, ...], ratio: tuple[int, int]) -> None:
    assert list(stored_box(square_box(box, ratio), ratio)) == pytest.approx(list(box))
    assert list(square_box(stored_box(box, ratio), ratio)) == pytest.approx(list(box))


@given(RATIOS)
def test_a_picture_grows_in_one_direction_to_the_size_of_its_box(ratio: tuple[int, int]) -> None:
    height, width = square_picture(np.zeros((30, 40, 3), np.uint8), ratio).shape[:2]
    assert [width, height] == pytest.approx(list(square_box((0, 0, 40, 30), ratio))[2:], abs=0.51)
    assert min(width / 40, height / 30) == 1
    assert width / 40 / (height / 30) == pytest.approx(ratio[0] / ratio[1], rel=0.02)


def test_square_pixels_cost_no_copy() -> None:
    image_bgr, box = corners(), [1.0, 2.0, 3.0, 4.0]
    assert square_picture(image_bgr, SQUARE) is image_bgr
    assert square_box(box, SQUARE) is box
    assert stored_box(box, SQUARE) is box
    empty = np.zeros((0, 5, 3), np.uint8)
    assert square_picture(empty, PAL_WIDE) is empty


def test_what_is_in_a_box_is_in_it_when_the_pixels_are_square() -> None:
    image_bgr = np.zeros((48, 90, 3), np.uint8)
    image_bgr[10:30, 30:60] = 255
    square_bgr = square_picture(image_bgr, PAL_WIDE)
    x0, y0, x1, y1 = (round(edge) for edge in square_box([30, 10, 60, 30], PAL_WIDE))
    assert square_bgr.shape == (48, 128, 3)
    assert (x0, y0, x1, y1) == (43, 10, 85, 30)
    assert square_bgr[y0 + 1 : y1 - 1, x0 + 2 : x1 - 2].min() == 255
    square_bgr[y0 - 1 : y1 + 1, x0 - 2 : x1 + 2] = 0
    assert square_bgr.max() == 0


def test_eyes_see_square_pixels_and_boxes_in_them() -> None:
    garment = {"label": "Coat", "score": 0.9, "box": [9.0, 6.0, 18.0, 12.0]}
    found = {"box": [0.0, 0.0, 45.0, 48.0], "garments": [garment], "unsure": [{"label": "Bag"}]}
    made = packet(PAL_WIDE, found)
    seen_bgr, (seen,) = square_view(made)
    assert seen_bgr.shape == (48, 128, 3)
    assert seen["box"] == pytest.approx([0, 0, 64, 48])
    assert seen["garments"][0]["box"] == pytest.approx([12.8, 6, 25.6, 12])
    assert seen["unsure"] == [{"label": "Bag"}]
    # What goes on to the records is as it was.
    assert made.meta["people"] == [found]
    assert garment["box"] == [9.0, 6.0, 18.0, 12.0]
    plain = packet(SQUARE, found)
    assert square_view(plain)[1] is plain.meta["people"]


# Networks


class RedDetector(OneByOne):
    """Finds what is red, and remembers the sizes of the pictures that it was shown."""

    digest = "0"
    precision = "float32"
    settings = DetectorSettings(confidence=0.5, iou=0.5)

    def __init__(self) -> None:
        self.seen_wh: list[tuple[int, int]] = []

    def detect(self, image_bgr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.seen_wh.append((image_bgr.shape[1], image_bgr.shape[0]))
        rows, columns = np.nonzero(image_bgr[..., 2] > 127)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return np.array([box], np.float32), np.array([0.9], np.float32)


@pytest.fixture
def detect(monkeypatch: pytest.MonkeyPatch) -> Detect:
    """A detect whose detector is a RedDetector."""
    made = make_stage(Detect, {})
    monkeypatch.setattr(made, "_detector", RedDetector(), raising=False)
    return made


def red(ratio: tuple[int, int], box_xyxy: Sequence[int]) -> Packet:
    """A picture of pixels of that ratio that is red in a box."""
    made = packet(ratio)
    image_bgr = made.image_bgr.copy()
    x0, y0, x1, y1 = box_xyxy
    image_bgr[y0:y1, x0:x1, 2] = 255
    made.image_bgr = image_bgr
    return made


@pytest.mark.parametrize(
    ("ratio", "seen_wh"), [(PAL_WIDE, (128, 48)), (NTSC, (90, 54)), ((1, 2), (90, 96)), ((1, 1), (90, 48))]
)
def test_the_detector_sees_square_pixels_and_the_boxes_are_in_stored_ones(
    detect: Detect, ratio: tuple[int, int], seen_wh: tuple[int, int]
) -> None:
    made = detect.process(red(ratio, [30, 10, 60, 40]))
    assert detect._detector.seen_wh == [seen_wh]  # type: ignore[attr-defined]
    (found,) = made.meta["people"]
    assert found["box"] == pytest.approx([30, 10, 60, 40], abs=0.8)
    assert all(edge == round(edge, 1) for edge in found["box"])
    assert made.image_bgr.shape == (48, 90, 3)


def test_a_person_is_cut_out_of_square_pixels() -> None:
    crop = make_stage(Crop, {"model": "street"})
    crop.open()
    image_bgr = cv2.resize(np.random.default_rng(0).integers(0, 255, (12, 18, 3), np.uint8), (90, 48))
    stored = packet(PAL_WIDE, {"box": [30.0, 5.0, 60.0, 45.0], "score": 0.9})
    stored.image_bgr = image_bgr
    shown = packet(SQUARE, {"box": [30.0 * 64 / 45, 5.0, 60.0 * 64 / 45, 45.0], "score": 0.9})
    shown.image_bgr = square_picture(image_bgr, PAL_WIDE)
    (found,), (expected,) = crop.process(stored).meta["people"], crop.process(shown).meta["people"]
    (region,) = found["crops"]
    np.testing.assert_array_equal(found["crops"][region], expected["crops"][region])
    assert found["box"] == [30.0, 5.0, 60.0, 45.0]


class HalfTeller:
    """Says that there is a coat in the left half of each box."""

    region, crop_shape, digest, precision = "whole", (2, 2), "0", "float32"

    def __init__(self) -> None:
        self.told: list[Sequence[float]] = []

    def predict(self, crops: list[Any], boxes: list[Sequence[float]]) -> list[tuple[list[dict], list[dict]]]:
        self.told += boxes
        coats = [{"label": "Coat", "box": [x0, y0, (x0 + x1) / 2, y1]} for x0, y0, x1, y1 in boxes]
        return [([coat], []) for coat in coats]


def test_garments_are_told_in_square_pixels_and_their_boxes_are_in_stored_ones() -> None:
    classify = make_stage(Classify, {})
    classify._classifier = HalfTeller()
    crops = {"whole": np.zeros((2, 2), np.uint8)}
    wide = packet(PAL_WIDE, {"box": [45.0, 0.0, 90.0, 48.0], "crops": crops})
    plain = packet(SQUARE, {"box": [45.0, 0.0, 90.0, 48.0], "crops": crops})
    classify.process_batch([wide, plain])
    assert [list(box) for box in classify._classifier.told] == [
        pytest.approx([64, 0, 128, 48]),
        [45.0, 0.0, 90.0, 48.0],
    ]
    for made in (wide, plain):
        assert made.meta["people"][0]["garments"][0]["box"] == pytest.approx([45, 0, 67.5, 48])


# On the way


@pytest.mark.parametrize("ratio", [PAL_WIDE, NTSC, SQUARE])
def test_a_ratio_survives_frame_store_and_wire(tmp_path: Path, ratio: tuple[int, int]) -> None:
    file = FrameStoreFile.create(tmp_path / "frames", 2)
    store = FrameStore(file, "camera", ("film",))
    store.capture(Frame(payload=corners(), pts_ns=0, running_ns=0, pixel_aspect_ratio=ratio))
    store.send(0)
    sent = store.packet(0, 0)
    file.close()
    assert sent.pixel_aspect_ratio == ratio
    came = codec.decode_packet([bytes(part) for part in codec.encode_packet(sent)])
    assert came.pixel_aspect_ratio == ratio
    assert type(came.pixel_aspect_ratio) is tuple
    assert ("pixel_aspect_ratio" in codec.packet_fields(sent)) == (ratio != SQUARE)


@pytest.mark.parametrize(
    "wrong",
    [
        [0, 1],
        [1, 0],
        [-4, 3],
        [4, 40_000],
        [4],
        [4, 3, 2],
        [1.5, 1],
        [True, 1],
        ["4", "3"],
        "4:3",
        None,
        {"4": 3},
    ],
)
def test_a_ratio_that_cannot_be_is_refused_by_name(wrong: Any) -> None:
    message = codec.packet_fields(packet(PAL_WIDE))
    assert codec.packet_from(message, packet(PAL_WIDE).pixels.data.cast("B")).pixel_aspect_ratio == PAL_WIDE
    message["pixel_aspect_ratio"] = wrong
    with pytest.raises(WireError, match="'pixel_aspect_ratio'"):
        codec.decode_packet([codec.pack(message), bytes(48 * 90 * 3)])


def test_a_packet_with_a_ratio_that_nobody_would_take_is_not_sent() -> None:
    with pytest.raises(
        TypeError, match="this packet cannot travel: field 'pixel_aspect_ratio' is out of range"
    ):
        codec.encode_packet(packet((0, 1)))


# Outputs


def record_of(made: Packet, folder: Path) -> dict[str, Any]:
    path = folder / "results.jsonl"
    sink = make_stage(JsonSink, {"location": str(path)}, source="camera")
    sink.open_at(path, None)
    sink.process(made)
    sink.finish()
    sink.close()
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def test_a_record_tells_the_ratio_only_where_pixels_are_not_square(tmp_path: Path) -> None:
    assert record_of(packet(PAL_WIDE), tmp_path)["pixel_aspect_ratio"] == [64, 45]
    assert "pixel_aspect_ratio" not in record_of(packet(SQUARE), tmp_path)


def write_film(path: Path, packets: list[Packet]) -> VideoSink:
    sink = make_stage(VideoSink, {"location": str(path), "preset": "ultrafast"}, source="camera")
    sink.open_at(path, None)
    for seq, made in enumerate(packets):
        made.seq, made.running_ns, made.duration_ns = seq, seq * 40_000_000, 40_000_000
        sink.process(made)
    return sink


def ratio_of(path: Path) -> Fraction | None:
    """The ratio as the container tells it, which is the one that the coded pictures tell."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        next(container.decode(stream))
        assert stream.codec_context.sample_aspect_ratio == stream.sample_aspect_ratio
        return stream.sample_aspect_ratio


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.mov"])
@pytest.mark.parametrize("ratio", [PAL_WIDE, NTSC, SQUARE])
def test_the_film_tells_the_ratio_of_its_pixels(tmp_path: Path, name: str, ratio: tuple[int, int]) -> None:
    write_film(tmp_path / name, [packet(ratio) for _number in range(5)]).finish()
    assert ratio_of(tmp_path / name) == Fraction(*ratio)
    with av.open(str(tmp_path / name)) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (90, 48)


def test_a_film_that_is_still_being_written_tells_the_ratio_too(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", [packet(PAL_WIDE)]).sync()
    assert ratio_of(tmp_path / "film.mp4") == Fraction(*PAL_WIDE)


def test_a_successor_of_the_sink_goes_on_with_the_ratio(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    first = write_film(path, [packet(PAL_WIDE), packet(PAL_WIDE)])
    position = first.position()
    first.close()
    # The notes lie in a file of JSON meanwhile.
    position = dataclasses.replace(position, notes=json.loads(json.dumps(position.notes)))
    second = make_stage(VideoSink, {"location": str(path), "preset": "ultrafast"}, source="camera")
    second.open_at(path, position)
    last = packet(PAL_WIDE)
    last.seq, last.running_ns = 2, 80_000_000
    second.process(last)
    second.finish()
    assert ratio_of(path) == Fraction(*PAL_WIDE)
    assert VideoSink.count(path) == 3


def test_other_pixels_begin_a_segment(tmp_path: Path) -> None:
    committed = Committed(tmp_path / "film-{index}.mp4", segment=60)
    for seq, ratio in enumerate([SQUARE, SQUARE, PAL_WIDE, PAL_WIDE, SQUARE]):
        made = packet(ratio)
        made.seq, made.running_ns = seq, seq * 40_000_000
        committed.write(made)
    committed.finish()
    films = sorted(tmp_path.glob("film-*.mp4"))
    assert [ratio_of(path) for path in films] == [Fraction(1), Fraction(*PAL_WIDE), Fraction(1)]


def test_a_crop_on_disk_has_square_pixels(tmp_path: Path) -> None:
    sink = make_stage(CropsSink, {"location": str(tmp_path)}, source="camera")
    sink.open()
    sink.process(packet(PAL_WIDE, {"box": [0.0, 0.0, 45.0, 40.0], "score": 0.9}))
    (path,) = tmp_path.rglob("*.jpg")
    assert cv2.imread(str(path)).shape == (40, 64, 3)
