"""Notes have a limit however long the stream is, and cost their run nothing that it would miss."""

from pathlib import Path

import pytest

from framegraph.packet import Packet
from framegraph.traces.recorder import (
    BEGUN,
    CAPTURED,
    DONE,
    LEFT,
    MAX_WATCHED,
    PARTS,
    RECEIVED,
    SAMPLED_BYTES,
    SAMPLED_EVERY,
    Recorder,
    forget,
    switch_on,
)
from framegraph.traces.timeline import chrome_trace, describe_frame, read_events

MS = 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    switch_on(tmp_path / "trace", SAMPLED_EVERY, SAMPLED_BYTES)
    return tmp_path / "trace"


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*#*"))


def stream(recorder: Recorder, seqs: range, flush_every: int) -> None:
    for seq in seqs:
        for kind in (RECEIVED, BEGUN, DONE, LEFT):
            recorder.note(kind, "camera", seq)
        if seq % flush_every == 0:
            recorder.flush()
    recorder.flush()


def test_a_long_stream_keeps_its_newest_samples_in_bounded_files(folder: Path) -> None:
    recorder = Recorder(folder, "detect.0#0")
    largest = 0
    for first in range(0, 200_000, 20_000):
        stream(recorder, range(first, first + 20_000), flush_every=500)
        largest = max(largest, size(folder))
    assert SAMPLED_BYTES / 2 < largest <= SAMPLED_BYTES
    assert len(list(folder.glob("*#*"))) == PARTS
    kept = sorted({event.seq for event in read_events(folder)})
    assert kept == list(range(kept[0], 200_000, SAMPLED_EVERY)), "the newest, without a hole"


def test_notes_between_two_flushes_have_a_limit(folder: Path) -> None:
    recorder = Recorder(folder, "detect.0#0")
    stream(recorder, range(100_000), flush_every=1_000_000)
    assert 0 < size(folder) <= SAMPLED_BYTES / PARTS
    assert max(event.seq for event in read_events(folder)) == 100_000 - SAMPLED_EVERY


def test_processes_that_come_and_go_share_the_limit_of_their_replica(folder: Path) -> None:
    other = Recorder(folder, "detect.10#0")
    stream(other, range(100), flush_every=500)
    for incarnation in range(3 * PARTS):
        stream(Recorder(folder, f"detect.1#{incarnation}"), range(100), flush_every=500)
    found = {event.process for event in read_events(folder)}
    newest = {f"detect.1#{incarnation}" for incarnation in range(2 * PARTS, 3 * PARTS)}
    assert found == newest | {"detect.10#0"}


def test_a_frame_that_is_tried_again_is_noted_whatever_its_number(folder: Path) -> None:
    recorder = Recorder(folder, "detect.0#0")
    for packet in (Packet(source="camera", seq=13), Packet(source="camera", seq=14, attempt=1)):
        recorder.received("ipc:///run/camera.0.out", packet)
        recorder.note(BEGUN, *packet.key)
    recorder.flush()
    assert [(event.seq, event.kind) for event in read_events(folder)] == [(14, RECEIVED), (14, BEGUN)]


def test_only_the_newest_of_many_tried_frames_are_watched(folder: Path) -> None:
    recorder = Recorder(folder, "camera.0#0")
    for seq in range(1, MAX_WATCHED + 3):
        recorder.watch("camera", seq)
    for seq in (1, 2, 3):
        recorder.note(LEFT, "camera", seq)
    recorder.flush()
    assert [event.seq for event in read_events(folder)] == [3]


def test_a_flush_that_found_no_room_spoils_nothing_of_the_next(folder: Path) -> None:
    recorder = Recorder(folder, "camera.0#0")
    recorder.note(CAPTURED, "camera", 0)
    recorder.flush()
    # What a full disk leaves of a flush: half of an event behind the good ones.
    with (folder / "camera.0#0.0").open("ab") as file:
        file.write(b"half")
    recorder.note(CAPTURED, "camera", 25)
    recorder.flush()
    assert [event.seq for event in read_events(folder)] == [0, 25]


def test_a_source_that_comes_again_under_its_name_has_frames_of_its_own(folder: Path) -> None:
    work = Recorder(folder, "work.0#0")
    for life, start_ms in enumerate((0, 60_000)):
        source = Recorder(folder, f"door.0#{life}")
        source.note(CAPTURED, "door", 0, (start_ms + 1) * MS)
        source.note(LEFT, "door", 0, (start_ms + 2) * MS)
        for kind, at_ms in ((RECEIVED, 3), (BEGUN, 4), (DONE, 9)):
            work.note(kind, "door", 0, (start_ms + at_ms) * MS, "ipc:///run/door.0.out")
        for one in (source, work):
            one.flush()
        if not life:
            forget(folder, "door")
    assert {event.process for event in read_events(folder)} == {"door.0#1", "work.0#0"}
    lines = describe_frame(chrome_trace(read_events(folder)), "door:0")
    assert [line.split()[:2] for line in lines[1:]] == [
        ["0.00", "1.00"],
        ["1.00", "1.00"],
        ["2.00", "1.00"],
        ["3.00", "5.00"],
    ]
