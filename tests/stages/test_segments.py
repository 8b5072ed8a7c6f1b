"""The film in segments: names, times, sizes, joining, retention, and going on after a death at any frame."""

from pathlib import Path

import av
import numpy as np
import pytest

from fashion_pipeline.stages.recording.segment_names import SegmentNames
from fashion_pipeline.stages.video_sink import VideoSink
from framegraph.errors import GraphError
from framegraph.packet import Packet
from framegraph.stage import Cut
from framegraph.testing import make_packet, make_stage

NS = 10**9
CAPTURE_NS = 1_790_000_000 * NS  # 2026-09-21 14:13:20 UTC
FRAME_NS = 40_000_000


def packet(seq: int, size_wh: tuple[int, int] = (64, 48), running_ns: int | None = None) -> Packet:
    """A grey picture whose brightness tells its number."""
    width, height = size_wh
    made = make_packet(np.full((height, width, 3), 9 * seq % 240, np.uint8), seq=seq)
    made.running_ns = seq * FRAME_NS if running_ns is None else running_ns
    made.capture_time_ns = CAPTURE_NS + seq * FRAME_NS
    return made


class Committed:
    """Drives a sink as the machine does: each frame, then its progress, then word that it is committed."""

    def __init__(self, location: Path, **properties: object) -> None:
        self.location = location
        self.properties = {"location": str(location), "preset": "ultrafast", "segment": 0.4, **properties}
        self.cut: Cut | None = None
        self.sink: VideoSink | None = None
        self.begin()

    def begin(self) -> None:
        """A new process. With the earlier one its joining thread ends, and what that had not begun stays undone."""
        if self.sink is not None and self.sink._segments is not None:
            joiner = self.sink._segments._joiner
            while not joiner._todo.empty():
                joiner._todo.get()
            joiner._todo.put(None)
            joiner._thread.join()
        self.sink = make_stage(VideoSink, self.properties, source="camera")
        self.sink.open()
        self.sink.open_at(self.location, self.cut)
        self.cut = self.sink.position()

    def write(self, made: Packet) -> None:
        self.sink.process(made)
        self.cut = self.sink.position()
        self.sink.committed()

    def finish(self) -> list[str]:
        self.sink.finish()
        self.cut = self.sink.position()
        remarks = self.sink.remarks()
        self.sink.close()
        return remarks


def films(folder: Path) -> list[Path]:
    """The films in a folder; the first of a second comes before its -2."""
    found = [path for path in folder.iterdir() if path.suffix == ".mp4" and path.name[0] != "."]
    return sorted(found, key=lambda path: path.name.replace("Z.mp4", "Z-1.mp4"))


def pictures(film: Path) -> list[tuple[float, int]]:
    """(time in seconds, number of the picture) of each picture."""
    with av.open(str(film)) as container:
        return [
            (
                float(frame.pts * frame.time_base),
                round((int(frame.to_ndarray(format="bgr24")[24, 32, 0]) + 2) / 9),
            )
            for frame in container.decode(video=0)
        ]


def is_joined(film: Path) -> bool:
    return b"moof" not in film.read_bytes()


def numbers(folder: Path) -> list[int]:
    return [number for film in films(folder) for _time_s, number in pictures(film)]


def test_each_segment_is_a_plain_film_with_times_of_its_own(tmp_path: Path) -> None:
    run = Committed(tmp_path / "film-{time}-{index}.mp4")
    for seq in range(25):
        run.write(packet(seq))
    assert run.finish() == ["3 segments, without sound; the last is film-20260921T141320Z-00002.mp4"]
    assert [film.name for film in films(tmp_path)] == [f"film-20260921T141320Z-0000{n}.mp4" for n in range(3)]
    for film, first, count in zip(films(tmp_path), (0, 10, 20), (10, 10, 5), strict=True):
        assert is_joined(film)
        times, seqs = zip(*pictures(film), strict=True)
        assert times == pytest.approx([number * 0.04 for number in range(count)], abs=1e-4)
        assert list(seqs) == list(range(first, first + count))
    assert VideoSink.count(run.location) == 25
    assert [path for path in tmp_path.iterdir() if path not in films(tmp_path)] == []


def test_another_size_of_the_picture_begins_a_segment(tmp_path: Path) -> None:
    run = Committed(tmp_path / "film-{index}.mp4", segment=60)
    sizes = [(64, 48)] * 3 + [(96, 64)] * 2 + [(63, 47)] * 2 + [(64, 48)]
    for seq, size_wh in enumerate(sizes):
        run.write(packet(seq, size_wh))
    run.finish()
    found = []
    for film in films(tmp_path):
        with av.open(str(film)) as container:
            stream = container.streams.video[0]
            found.append(((stream.width, stream.height), len(pictures(film))))
    # 63x47 is 64x48 in a film, so that the last frame goes on in the same one.
    assert found == [((64, 48), 3), ((96, 64), 2), ((64, 48), 3)]
    assert numbers(tmp_path) == list(range(8))


@pytest.mark.parametrize("die_after", [0, 1, 9, 10, 11, 19, 20, 21, 24])
@pytest.mark.parametrize("moment", ["before it is committed", "before it has its name"])
def test_a_death_at_any_frame_leaves_each_frame_once(tmp_path: Path, die_after: int, moment: str) -> None:
    run = Committed(tmp_path / "film-{time}.mp4")
    for seq in range(die_after):
        run.write(packet(seq))
    # The next frame is written, by a process that dies before, or right after, its progress is.
    run.sink.process(packet(die_after))
    if moment == "before it has its name":
        run.cut = run.sink.position()
        die_after += 1
    run.begin()
    for seq in range(die_after, 25):
        redone = packet(seq)
        redone.capture_time_ns += 90 * NS  # of a source that was resumed: it is captured anew
        run.write(redone)
    run.finish()
    assert numbers(tmp_path) == list(range(25))
    assert all(is_joined(film) for film in films(tmp_path))
    assert [path for path in tmp_path.iterdir() if path not in films(tmp_path)] == []


def test_a_process_that_died_after_the_last_segment_was_joined_changes_nothing(tmp_path: Path) -> None:
    run = Committed(tmp_path / "film-{index}.mp4")
    for seq in range(12):
        run.write(packet(seq))
    before = run.cut
    run.finish()
    run.cut = before
    run.begin()
    run.finish()
    assert numbers(tmp_path) == list(range(12))


def test_a_frame_that_fails_first_is_written_once(tmp_path: Path) -> None:
    run = Committed(tmp_path / "film-{index}.mp4")
    for seq in range(10):
        run.write(packet(seq))
    run.sink.process(packet(10))  # begins a segment, and then the host takes it back
    run.sink.open_at(run.location, run.cut)
    for seq in range(10, 15):
        run.write(packet(seq))
    run.finish()
    assert numbers(tmp_path) == list(range(15))


def test_a_new_run_overwrites_no_segment_of_an_earlier_one(tmp_path: Path) -> None:
    for _run in range(3):
        run = Committed(tmp_path / "film-{time}.mp4")
        for seq in range(3):
            run.write(packet(seq))
        run.finish()
    names = [path.name for path in SegmentNames(tmp_path / "film-{time}.mp4").on_disk()]
    assert names == [f"film-20260921T141320Z{more}.mp4" for more in ("", "-2", "-3")]


def test_the_oldest_segments_are_removed(tmp_path: Path) -> None:
    (tmp_path / "film-holiday.mp4").write_text("not a segment")
    run = Committed(tmp_path / "film-{index}.mp4", **{"max-files": 2})
    for seq in range(45):
        run.write(packet(seq))
    run.finish()
    assert [film.name for film in films(tmp_path)] == ["film-00003.mp4", "film-00004.mp4", "film-holiday.mp4"]
    again = Committed(tmp_path / "film-{index}.mp4", **{"max-files": 2})
    again.write(packet(0))
    again.finish()
    assert [film.name for film in films(tmp_path)] == ["film-00004.mp4", "film-00005.mp4", "film-holiday.mp4"]


def test_a_run_that_was_killed_leaves_a_segment_that_can_be_played(tmp_path: Path) -> None:
    run = Committed(tmp_path / "film-{index}.mp4")
    for seq in range(13):
        run.write(packet(seq))
    assert [number for _time_s, number in pictures(tmp_path / "film-00001.mp4")] == [10, 11, 12]
    fresh = Committed(tmp_path / "film-{index}.mp4")
    fresh.write(packet(20))
    fresh.finish()
    assert numbers(tmp_path) == [*range(13), 20]


def test_without_a_frame_there_is_no_segment(tmp_path: Path) -> None:
    run = Committed(tmp_path / "film-{index}.mp4")
    assert run.finish() == ["0 segments, without sound"]
    assert films(tmp_path) == []


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        (
            {"location": "out/a.mp4", "segment": "60s"},
            "location 'out/a.mp4' has no place that tells its files apart; put {time} or {index} into it, e.g. out/a-{time}.mp4",
        ),
        ({"location": "out/{time}/a.mp4", "segment": "60s"}, "has no place that tells its files apart"),
        ({"location": "out/a-{index}.mp4"}, "segment is not set; set it, e.g. segment: 60s"),
        ({"location": "out/a.mp4", "max-files": 3}, "max-files counts segments, but segment is not set"),
    ],
)
def test_a_location_and_segments_have_to_fit(properties: dict[str, object], said: str) -> None:
    with pytest.raises(GraphError) as refused:
        make_stage(VideoSink, properties)
    assert said in str(refused.value)
