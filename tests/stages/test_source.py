"""The source on films and images that the tests make themselves."""

import contextlib
import http.server
import itertools
import logging
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from runtime.errors import GraphError, StageError
from runtime.properties import read_options
from runtime.secrets import without_password
from runtime.stage import Context, Frame, Resume
from stages.media.timing import RisingClock, Thinner
from stages.media.uri import Kind, kind_of
from stages.source import FilmSource

MS = 1_000_000
SECOND = 1000 * MS
COLORS_BGR = ((0, 0, 255), (0, 255, 0), (255, 0, 0), (200, 180, 160))


def corners(width: int = 64, height: int = 48) -> np.ndarray:
    """A picture with another colour in each corner, in the order of COLORS_BGR."""
    image = np.zeros((height, width, 3), np.uint8)
    halves = (
        (slice(None, height // 2), slice(height // 2, None)),
        (slice(None, width // 2), slice(width // 2, None)),
    )
    for color, (rows, columns) in zip(COLORS_BGR, itertools.product(*halves), strict=True):
        image[rows, columns] = color
    return image


def numbered(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A picture that differs from frame to frame and is not easy to code."""
    noise = np.random.default_rng(number).integers(0, 60, (height // 8, width // 8, 3), dtype=np.uint8)
    image = cv2.resize(noise, (width, height), interpolation=cv2.INTER_NEAREST)
    image[:, : 1 + number % width] += 100
    return image


def write_film(
    path: Path,
    images: Sequence[np.ndarray],
    pts_ms: Sequence[int] | None = None,
    *,
    pix_fmt: str = "yuv420p",
    codec: str = "libx264",
    gop: int = 12,
    rotation: int = 0,
    hflip: bool = False,
    color: tuple[Colorspace, int, int] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a film, 10 frames a second unless `pts_ms` are given. `color`: for swscale, matrix, range."""
    height, width = images[0].shape[:2]
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=10, options={"g": str(gop), **(options or {})})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if rotation or hflip:
            stream.set_display_rotation(rotation, hflip=hflip)
        matrix, range_ = (Colorspace.ITU601, ColorRange.MPEG)
        if color is not None:
            matrix, stream.codec_context.colorspace, range_ = color
            stream.codec_context.color_range = range_
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame = frame.reformat(format=pix_fmt, dst_colorspace=matrix, dst_color_range=range_)
            frame.pts = number * 100 if pts_ms is None else pts_ms[number]
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def film_of(path: Path, count: int, **how: object) -> Path:
    return write_film(path, [numbered(n) for n in range(count)], **how)  # type: ignore[arg-type]


def make_source(uri: object, **properties: object) -> FilmSource:
    options = read_options(FilmSource.Options, {"uri": str(uri), **properties})
    FilmSource.check(options)
    source = FilmSource(options, Context(name="camera"))
    source.open()
    return source


def play(
    uri: object, resume: Resume | None = None, limit: int | None = None, **properties: object
) -> list[Frame]:
    """Play as a process would; pictures are copied, since a source may use them again."""
    frames = make_source(uri, **properties).frames(resume)
    return list(itertools.islice(frames, limit))


def resume_after(frames: Sequence[Frame], count: int) -> Resume:
    last = frames[count - 1]
    return Resume(captured=count, epoch=last.epoch, pts_ns=last.pts_ns, running_ns=last.running_ns)


def assert_same(found: Sequence[Frame], expected: Sequence[Frame]) -> None:
    assert [(f.pts_ns, f.running_ns, f.epoch, f.duration_ns, f.uri, f.flags) for f in found] == [
        (f.pts_ns, f.running_ns, f.epoch, f.duration_ns, f.uri, f.flags) for f in expected
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.image_bgr, other.image_bgr)


# Films


def test_a_film_gives_each_frame_once_with_its_time_stamp(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.mp4", 20)
    source = make_source(path)
    frames = list(source.frames(None))
    assert [frame.pts_ns for frame in frames] == [n * 100 * MS for n in range(20)]
    assert [frame.running_ns for frame in frames] == [frame.pts_ns for frame in frames]
    assert {(frame.epoch, frame.uri, frame.flags, frame.duration_ns) for frame in frames} == {
        (0, str(path), (), 100 * MS)
    }
    for number, frame in enumerate(frames):
        assert np.abs(frame.image_bgr.astype(int) - numbered(number)).mean() < 8
    assert (source.length, source.skipped, source.is_live(source.options)) == (20, {}, False)


def test_a_variable_frame_rate_is_kept(tmp_path: Path) -> None:
    pts_ms = [0, 33, 67, 500, 510, 1700, 1733]
    path = write_film(tmp_path / "film.mkv", [numbered(n) for n in range(7)], pts_ms)
    assert [frame.pts_ns for frame in play(path)] == [ms * MS for ms in pts_ms]


@pytest.mark.parametrize(
    ("rotation", "hflip"), [(0, False), (90, False), (-90, False), (180, False), (0, True), (90, True)]
)
def test_a_turned_film_comes_upright(tmp_path: Path, rotation: int, hflip: bool) -> None:
    path = write_film(
        tmp_path / "film.mp4", [corners()] * 2, pix_fmt="yuv444p", rotation=rotation, hflip=hflip
    )
    expected = np.rot90(corners(), rotation // 90)
    expected = expected[:, ::-1] if hflip else expected
    for frame in play(path):
        assert frame.image_bgr.flags.c_contiguous
        np.testing.assert_allclose(frame.image_bgr, expected, atol=8)


def test_width_is_that_of_the_upright_picture(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", [corners()] * 2, rotation=90)
    assert play(path, width=24)[0].image_bgr.shape == (32, 24, 3)
    assert play(path, width=640)[0].image_bgr.shape == (64, 48, 3)


BT601, BT709 = 5, 1


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "yuv444p"])
@pytest.mark.parametrize(
    "color",
    [
        None,
        (Colorspace.ITU601, BT601, ColorRange.MPEG),
        (Colorspace.ITU709, BT709, ColorRange.MPEG),
        (Colorspace.ITU709, BT709, ColorRange.JPEG),
    ],
)
def test_colors_are_right_at_any_depth_matrix_and_range(
    tmp_path: Path, pix_fmt: str, color: tuple[Colorspace, int, int] | None
) -> None:
    path = write_film(
        tmp_path / "film.mp4", [corners()] * 2, pix_fmt=pix_fmt, color=color, options={"qp": "1"}
    )
    image = play(path)[0].image_bgr
    assert image.dtype == np.uint8
    found = [image[12, 16], image[12, 48], image[36, 16], image[36, 48]]
    np.testing.assert_allclose(found, COLORS_BGR, atol=6)


def test_an_odd_size_is_kept(tmp_path: Path) -> None:
    images = [corners(63, 47)] * 2
    path = write_film(tmp_path / "film.mkv", images, pix_fmt="yuv420p", codec="ffv1")
    assert play(path)[0].image_bgr.shape == (47, 63, 3)


def interlaced(path: Path, count: int, first_interlaced: int = 0) -> Path:
    """A bar that moves 8 pixels between the two fields of a frame, on flat grey."""
    images = []
    for number in range(count):
        image = np.full((96, 128, 3), 60, np.uint8)
        for field in (0, 1):
            left = 10 + 2 * number + (8 * field if number >= first_interlaced else 0)
            image[field::2, left : left + 20] = 220
        images.append(image)
    return write_film(
        path, images, options={"x264-params": "tff=1:keyint=12:scenecut=0", "bf": "0", "qp": "10"}
    )


def combing(image: np.ndarray) -> float:
    """How much the odd lines differ from the even ones around them."""
    lines = image[..., 0].astype(float)
    return float(np.abs(2 * lines[1:-1] - lines[:-2] - lines[2:]).mean())


def test_an_interlaced_film_is_made_whole(tmp_path: Path) -> None:
    path = interlaced(tmp_path / "film.mp4", 12)
    with av.open(str(path)) as container:
        raw = [
            (frame.interlaced_frame, frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)
        ]
    frames = play(path)
    assert all(flag for flag, _image in raw)
    assert len(frames) == len(raw) == 12
    for (_flag, combed), frame in zip(raw[1:-1], frames[1:-1], strict=True):
        assert combing(frame.image_bgr) < combing(combed) / 3
        # One of the fields is kept, and it is this frame's: not the neighbour's, for which the filter waits.
        off = np.abs(frame.image_bgr.astype(int) - combed)
        assert min(off[0::2].mean(), off[1::2].mean()) < 3


def test_a_resumed_interlaced_film_goes_on_exactly(tmp_path: Path) -> None:
    path = interlaced(tmp_path / "film.mp4", 30)
    whole = play(path)
    for count in (1, 2, 11, 12, 13, 24, 29):
        assert_same(play(path, resume_after(whole, count)), whole[count:])


# Damage


def test_a_truncated_film_gives_all_frames_up_to_the_break(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.mkv", 60, options={"bf": "0"})
    whole = play(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    source = make_source(path)
    cut = list(source.frames(None))
    assert 20 < len(cut) < 40
    assert_same(cut, whole[: len(cut)])
    assert source.skipped.get("broken", 0) <= 1


def test_a_truncated_mp4_gives_all_frames_up_to_the_break(tmp_path: Path) -> None:
    path = film_of(
        tmp_path / "film.mp4", 60, options={"bf": "0"}, container_options={"movflags": "+faststart"}
    )
    whole = play(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    source = make_source(path)
    cut = list(source.frames(None))
    assert 20 < len(cut) < 40
    assert_same(cut, whole[: len(cut)])
    assert source.skipped.get("broken", 0) <= 1


def test_broken_frames_are_skipped_counted_and_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = film_of(tmp_path / "film.avi", 40, codec="mjpeg", pix_fmt="yuvj420p")
    whole = play(path)
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    for lost in packets[10:15]:
        data = data.replace(lost, bytes(len(lost)))
    path.write_bytes(data)
    source = make_source(path)
    with caplog.at_level(logging.WARNING):
        frames = list(source.frames(None))
    assert source.skipped == {"broken": 5}
    # The last one before the break lasts until the first after it.
    assert frames[9].duration_ns == 600 * MS
    assert_same(frames[:9] + frames[10:], whole[:9] + whole[15:])
    assert len(caplog.records) == 1
    assert str(path) in caplog.text


def test_damage_in_the_middle_marks_what_hangs_on_it_and_heals_at_a_key_frame(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.mkv", 48, options={"bf": "0", "x264-params": "scenecut=0"})
    whole = play(path)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    lost = bytes(packets[15])
    assert data.count(lost) == 1
    path.write_bytes(data.replace(lost, bytes(8) + bytes([255]) * (len(lost) - 8)))
    source = make_source(path)
    frames = list(source.frames(None))
    assert source.skipped["broken"] >= 1
    assert len(frames) == 48 - source.skipped["broken"]
    by_pts = {frame.pts_ns: frame for frame in frames}
    assert by_pts[20 * 100 * MS].flags == ("CORRUPTED",)
    assert_same([by_pts[frame.pts_ns] for frame in whole[24:]], whole[24:])


# Time stamps


def test_time_stamps_are_repaired_to_rise() -> None:
    clock = RisingClock(40)
    assert [clock.stamp(raw) for raw in (0, 40, None, 120)] == [0, 40, 80, 120]
    clock = RisingClock(40 * MS)
    stamped = [clock.stamp(raw * MS) for raw in (0, 40, 40, 80, 60, 0, 40, 80)]
    assert stamped[:2] == [0, 40 * MS]
    assert 40 * MS < stamped[2] < stamped[3] == 80 * MS
    assert stamped[5:] == [stamped[4] + 40 * MS, stamped[4] + 80 * MS, stamped[4] + 120 * MS]
    assert stamped == sorted(set(stamped))


def test_a_stream_without_time_stamps_gets_some(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.h264", 10, options={"bf": "0"})
    pts_ns = [frame.pts_ns for frame in play(path)]
    assert len(pts_ns) == 10
    assert pts_ns == sorted(set(pts_ns))
    whole = play(path)
    assert_same(play(path, resume_after(whole, 6)), whole[6:])


@pytest.mark.parametrize(
    ("fps", "max_fps", "kept_of_300"),
    [(30, 30, 300), (30, 15, 150), (25, 10, 120), (30, 0.5, 5), (10, 60, 300)],
)
def test_thinning_keeps_the_wanted_rate_despite_time_stamps_in_milliseconds(
    fps: int, max_fps: float, kept_of_300: int
) -> None:
    thinner = Thinner(max_fps, 0, None)
    kept = sum(thinner.keeps(round(n * 1000 / fps) * MS) for n in range(300))
    assert kept == pytest.approx(kept_of_300, abs=1)


# Going on after a death


FILM_KINDS: dict[str, dict[str, object]] = {
    "film.mp4": {},
    "b.mp4": {"options": {"bf": "3", "b-pyramid": "normal"}},
    "open.mkv": {"options": {"bf": "3", "x264-params": "open-gop=1:keyint=12:min-keyint=12:scenecut=0"}},
    "film.ts": {},
    "film.avi": {"codec": "mpeg4", "options": {"bf": "0"}},
    "film.webm": {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}},
}


@pytest.mark.parametrize("name", FILM_KINDS)
def test_a_successor_goes_on_with_the_very_frame_that_comes_next(tmp_path: Path, name: str) -> None:
    path = film_of(tmp_path / name, 50, **FILM_KINDS[name])
    whole = play(path)
    assert len(whole) == 50
    for count in range(1, 51):
        assert_same(play(path, resume_after(whole, count), limit=3), whole[count : count + 3])


@pytest.mark.parametrize(
    "properties",
    [
        {"max-fps": 4},
        {"start": 1.25, "duration": 2},
        {"loop": True},
        {"loop": True, "max-fps": 3, "start": 0.5, "duration": "1700ms"},
        {"width": 32},
    ],
)
def test_a_successor_goes_on_exactly_whatever_the_properties(
    tmp_path: Path, properties: dict[str, object]
) -> None:
    path = film_of(tmp_path / "film.mp4", 40)
    whole = play(path, limit=100, **properties)
    assert [frame.running_ns for frame in whole] == sorted({frame.running_ns for frame in whole})
    for count in range(1, len(whole) - 4, 3):
        assert_same(play(path, resume_after(whole, count), limit=4, **properties), whole[count : count + 4])


def test_a_successor_counts_only_the_broken_frames_that_follow(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(6):
        cv2.imwrite(str(images / f"{number}.png"), numbered(number))
    (images / "1.png").write_bytes(b"no image")
    (images / "4.png").write_bytes(b"")
    whole = play(images)
    source = make_source(images)
    assert_same(list(source.frames(resume_after(whole, 2))), whole[2:])
    assert source.skipped == {"broken": 1}


def test_a_film_that_was_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.mp4", 20)
    gone = Resume(captured=3, epoch=0, pts_ns=250 * MS, running_ns=250 * MS)
    with pytest.raises(
        StageError, match=r"film\.mp4: has no frame at 250000000 ns any more; was the file changed"
    ):
        play(path, gone)


# Properties


def test_loop_begins_again_and_running_time_goes_on(tmp_path: Path) -> None:
    frames = play(film_of(tmp_path / "film.mp4", 5), limit=12, loop=True)
    assert [frame.epoch for frame in frames] == [0] * 5 + [1] * 5 + [2] * 2
    assert [frame.pts_ns for frame in frames[5:10]] == [frame.pts_ns for frame in frames[:5]]
    assert [frame.running_ns for frame in frames] == [n * 100 * MS for n in range(12)]


def test_start_and_duration_choose_a_part_and_running_time_begins_at_it(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.mp4", 40)
    whole = play(path)
    source = make_source(path, start=1.25, duration="500ms")
    frames = list(source.frames(None))
    assert [frame.pts_ns for frame in frames] == [n * 100 * MS for n in range(13, 18)]
    assert frames[0].running_ns == 50 * MS
    np.testing.assert_array_equal(frames[0].image_bgr, whole[13].image_bgr)
    assert source.length == 5


def test_max_fps_leaves_frames_out_and_counts_them(tmp_path: Path) -> None:
    source = make_source(film_of(tmp_path / "film.mp4", 40), **{"max-fps": 5})
    assert len(list(source.frames(None))) == 20
    assert source.skipped == {"max-fps": 20}
    assert source.length == 20


# Images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "images"
    path.mkdir()
    for number in (1, 2, 9, 10):
        cv2.imwrite(str(path / f"photo{number}.png"), numbered(number))
    (path / "notes.txt").write_text("not an image")
    return path


def test_each_image_of_a_folder_is_a_segment_of_its_own(folder: Path) -> None:
    source = make_source(folder, rate=2)
    frames = list(source.frames(None))
    assert [Path(frame.uri).name for frame in frames] == [f"photo{n}.png" for n in (1, 2, 9, 10)]
    assert [frame.epoch for frame in frames] == [0, 1, 2, 3]
    assert [frame.running_ns for frame in frames] == [n * SECOND // 2 for n in range(4)]
    np.testing.assert_array_equal(frames[3].image_bgr, numbered(10))
    assert source.length == 4


def test_a_glob_and_a_single_image_are_inputs_too(folder: Path) -> None:
    assert [Path(frame.uri).name for frame in play(folder / "photo1*.png")] == ["photo1.png", "photo10.png"]
    assert len(play(folder / "photo9.png")) == 1


def test_images_loop_and_go_on_exactly(folder: Path) -> None:
    whole = play(folder, limit=11, loop=True)
    assert [frame.epoch for frame in whole] == list(range(11))
    assert [frame.running_ns for frame in whole] == [n * SECOND for n in range(11)]
    for count in range(1, 8):
        assert_same(play(folder, resume_after(whole, count), limit=3, loop=True), whole[count : count + 3])


def test_an_unreadable_image_is_skipped_and_counted(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "photo2.png").write_bytes(b"not a png")
    source = make_source(folder)
    assert [frame.epoch for frame in source.frames(None)] == [0, 2, 3]
    assert source.skipped == {"broken": 1}
    assert "photo2.png" in caplog.text


def exif_with_orientation(orientation: int) -> bytes:
    """An APP1 segment with one TIFF tag."""
    tiff = (
        b"II*\0\x08\0\0\0"
        + b"\x01\0"
        + b"\x12\x01\x03\0\x01\0\0\0"
        + bytes([orientation, 0, 0, 0])
        + bytes(4)
    )
    return b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff


@pytest.mark.parametrize(
    ("orientation", "turns", "mirrored"),
    [(1, 0, False), (2, 0, True), (3, 2, False), (6, -1, False), (8, 1, False)],
)
def test_the_exif_orientation_is_obeyed(tmp_path: Path, orientation: int, turns: int, mirrored: bool) -> None:
    coded = cv2.imencode(".jpg", corners(), [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    path = tmp_path / "photo.jpg"
    path.write_bytes(coded[:2] + exif_with_orientation(orientation) + coded[2:])
    expected = np.rot90(corners(), turns)
    expected = expected[:, ::-1] if mirrored else expected
    image = play(path)[0].image_bgr
    assert image.shape == expected.shape
    height, width = expected.shape[:2]
    for row, column in itertools.product((height // 4, 3 * height // 4), (width // 4, 3 * width // 4)):
        np.testing.assert_allclose(image[row, column], expected[row, column], atol=6)


# Mistakes


def refusals(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Uri and what the error has to say."""
    (tmp_path / "plaza.mp4").write_bytes(bytes(100))
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "notes.mp4").write_text("Grüße aus Köln\n" * 100, encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("text")
    yield "plazza.mp4", r"no such film; did you mean '.*plaza\.mp4'\?"
    yield "nowhere/film.mp4", "no such film; the folder '.*nowhere' does not exist either"
    yield "photo.jpg", "no such image"
    yield "empty.mp4", r"this film is empty \(0 bytes\)"
    yield "notes.mp4", "is a text file, not a film; give a film, an image or a folder"
    yield "folder", "this folder has no images in it"
    yield "folder/*.png", "matches no image; check the pattern"


def test_a_wrong_uri_is_refused_before_anything_starts(tmp_path: Path) -> None:
    for name, message in refusals(tmp_path):
        with pytest.raises(GraphError, match=message):
            make_source(tmp_path / name)
    with pytest.raises(
        GraphError, match=r"uri: 'gopher://' is not known; give a path, a glob, file:// or one of"
    ):
        make_source("gopher://host/film")
    with pytest.raises(GraphError, match=r"^rtsp://host/a: loop and start are for files"):
        make_source("rtsp://me:secret@host/a", loop=True)


def test_a_file_that_is_no_film_ends_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(StageError, match=r"film\.mp4: cannot be opened as a film: Invalid data"):
        make_source(path)


def test_a_sound_file_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(StageError, match=r"sound\.wav: has no moving pictures"):
        make_source(path)


def test_a_film_with_nothing_in_the_chosen_part_is_an_error(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.mp4", 10)
    with pytest.raises(StageError, match="not one picture could be read; check the file and 'start'"):
        play(path, start=60)


def test_the_fingerprint_tells_one_input_from_another(tmp_path: Path, folder: Path) -> None:
    film = film_of(tmp_path / "a.mp4", 5)
    copy = tmp_path / "b.mp4"
    copy.write_bytes(film.read_bytes())
    other = film_of(tmp_path / "c.mp4", 6)

    def fingerprint(uri: object) -> str:
        return FilmSource.fingerprint(read_options(FilmSource.Options, {"uri": str(uri)}))

    assert fingerprint(film) == fingerprint(copy) != fingerprint(other)
    before = fingerprint(folder)
    cv2.imwrite(str(folder / "photo3.png"), numbered(3))
    assert fingerprint(folder) != before
    assert fingerprint("rtsp://host/a") == ""


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("samples/a@b.mp4", "samples/a@b.mp4"),
        ("rtsp://host/stream", "rtsp://host/stream"),
        ("rtsp://me:secret@host:554/stream", "rtsp://host:554/stream"),
        ("rtsp://me:sec@ret@host/stream", "rtsp://host/stream"),
        ("rtsp://me:sec/ret@host/stream", "rtsp://host/stream"),
        ("rtsp://host:554/cam@2", "rtsp://host:554/cam@2"),
        ("http://host/video?user=me&password=secret&x=1", "http://host/video?user=me&password=***&x=1"),
    ],
)
def test_a_uri_is_shown_without_its_password(uri: str, shown: str) -> None:
    assert without_password(uri) == shown


def test_a_camera_that_stays_away_is_an_error_after_retry_timeout_without_its_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = {"retry-timeout": 0.5, "retry-delay": 0.1, "max-retry-delay": 0.2}
    source = make_source("rtsp://me:secret@127.0.0.1:1/stream", **options)
    assert source.is_live(source.options)
    with pytest.raises(StageError, match=r"^rtsp://127\.0\.0\.1:1/stream: refused .*retry-timeout") as error:
        next(source.frames(None))
    assert "secret" not in str(error.value) + caplog.text
    assert "retrying: refused (Connection refused); attempt 1 in 0.1 s" in caplog.text


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address, with a password, at which a film of 30 frames is served as a stream."""
    film = film_of(tmp_path / "film.ts", 30).read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(film)

        def log_message(self, *_args: object) -> None:
            """Print nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://me:secret@127.0.0.1:{server.server_port}/live"
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()


def test_a_stream_is_live_and_a_successor_begins_a_new_epoch(served: str) -> None:
    source = make_source(served, **{"max-fps": 5, "restart-on-eos": False})
    frames = list(source.frames(None))
    assert (source.is_live(source.options), source.length, source.skipped) == (True, None, {"max-fps": 15})
    assert [frame.running_ns for frame in frames] == [n * 200 * MS for n in range(15)]
    assert {frame.uri for frame in frames} == {served.replace("me:secret@", "")}
    assert [frame.flags for frame in frames] == [("LIVE", "DISCONT")] + 14 * [("LIVE",)]
    successor = play(served, resume_after(frames, 15), **{"restart-on-eos": False})
    assert {frame.epoch for frame in successor} == {1}
    assert successor[0].running_ns > frames[-1].running_ns
    assert len(successor) == 30


def test_a_stream_that_ends_is_connected_anew(served: str, caplog: pytest.LogCaptureFixture) -> None:
    frames = play(served, limit=70, **{"restart-on-eos": True, "retry-delay": 0.05})
    assert [frame.epoch for frame in frames] == 30 * [0] + 30 * [1] + 10 * [2]
    assert [frame.running_ns for frame in frames] == sorted({frame.running_ns for frame in frames})
    assert caplog.text.count("/live: retrying: end of stream (cut off); attempt") == 2
    assert "secret" not in caplog.text


def test_what_a_uri_means_is_decided_by_scheme_and_disk(tmp_path: Path) -> None:
    (tmp_path / "film[1].mp4").write_bytes(b"x")
    assert kind_of(str(tmp_path)) is Kind.IMAGES
    assert kind_of(str(tmp_path / "film[1].mp4")) is Kind.FILM
    assert kind_of(str(tmp_path / "*.mp4")) is Kind.IMAGES
    assert kind_of("a.JPG") is Kind.IMAGES
    assert kind_of("RTSP://host/x") is Kind.STREAM
    assert kind_of("/dev/video0") is kind_of("v4l2:///dev/video0") is Kind.STREAM
    assert kind_of("file:///films/a.mp4") is Kind.FILM
