"""The source on damaged films, odd time stamps, and after a death."""

import logging
from pathlib import Path

import av
import cv2
import pytest

from fashion_pipeline.stages.media.timing import RisingClock, Thinner
from framegraph.errors import StageError
from framegraph.stage import Resume
from tests.stages.source_kit import MS, assert_same, film_of, make_source, numbered, play, resume_after

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
