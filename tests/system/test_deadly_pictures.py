"""Pictures that kill the decoder: left out up to the next key frame, counted, and the film goes on."""

import json
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml

from tests.launching import Launched, film_times, lines, seqs, wait_for
from tests.stages.source_kit import film_of, numbered

GOP = 12
FRAMES = 60
HERE = Path(__file__).parent


def deadly_graph(folder: Path, uri: Path, **camera: Any) -> Path:
    stages = {
        "camera": {
            "type": "deadly_source.DeadlySource",
            "uri": str(uri),
            **{word.replace("_", "-"): value for word, value in camera.items()},
        },
        "results": {"type": "json_sink", "location": "out/results.jsonl"},
        "film": {"type": "video_sink", "location": "out/film.mp4", "preset": "ultrafast"},
    }
    described = {
        "stages": stages,
        "links": ["camera ! results", "camera ! film"],
        "ledger": "out/ledger.json",
    }
    path = folder / "graph.yaml"
    path.write_text(yaml.safe_dump(described))
    (folder / "deadly_source.py").write_text((HERE / "deadly_source.py").read_text())
    return path


def ticks(film: Path, number: int) -> int:
    """The time stamp of the n-th picture, as its packet has it."""
    import av

    with av.open(str(film)) as container:
        packets = container.demux(video=0)
        return sorted(packet.pts for packet in packets if packet.size and packet.pts is not None)[number]


def left_out(folder: Path) -> list[int]:
    """Every frame must be there, as a frame or in a dropped range, once and in order; return the dropped."""
    found, dropped = [], []
    for record in lines(folder / "out/results.jsonl"):
        if "seq" in record:
            assert record["status"] == "ok"
            found.append(record["seq"])
        else:
            assert record["status"] == "undecodable"
            missing = list(range(record["from_seq"], record["to_seq"] + 1))
            found += missing
            dropped += missing
    sums = json.loads((folder / "out/ledger.json").read_text())
    assert sums["balanced"] is True
    told = sums["sources"]["camera"]
    assert found == list(range(len(found)))
    # What comes after the last frame is told to the sinks with the EOS, and in the ledger as here.
    assert told["captured"] == len(found)
    assert told["dropped"] == ({"undecodable": len(dropped)} if dropped else {})
    assert told["delivered"] == len(found) - len(dropped)
    return dropped


def assert_times(folder: Path, gone: list[int]) -> None:
    times = film_times(folder / "out/film.mp4")
    assert times == pytest.approx([seq / 10 for seq in range(FRAMES) if seq not in gone], abs=2e-3)


def test_a_film_goes_on_at_the_next_key_frame_after_a_crash(tmp_path: Path) -> None:
    check_a_deadly_picture(tmp_path, "crash_on_pts", 30, 24, 35)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "deadly", "first", "last"),
    [
        pytest.param("crash_on_pts", 0, 0, 11, id="a crash on the first picture"),
        # The decoder holds pictures back, so some of those before the key frame go with it.
        pytest.param("crash_on_pts", 24, 18, 35, id="a crash on a key frame"),
        pytest.param("crash_on_pts", 58, 48, 59, id="a crash at the end"),
        pytest.param("hang_on_pts", 30, 24, 35, id="a hang"),
    ],
)
def test_a_film_goes_on_wherever_it_is(
    tmp_path: Path, fault: str, deadly: int, first: int, last: int
) -> None:
    check_a_deadly_picture(tmp_path, fault, deadly, first, last)


def check_a_deadly_picture(tmp_path: Path, fault: str, deadly: int, first: int, last: int) -> None:
    """Frame `deadly` is coded in a group that ends with `last`; all of it from about there on is left out."""
    film = film_of(tmp_path / "in.mp4", FRAMES, gop=GOP, options={"sc_threshold": "0"})
    graph = deadly_graph(tmp_path, film, **{fault: str(ticks(film, deadly))}, timeout=1, frame_store=8)
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 3, run.stderr
        assert "kills the decoder each time" in run.stderr
        if fault == "hang_on_pts":
            assert "its input gave no sign of life for 1 s (timeout)" in run.stderr
    gone = left_out(tmp_path)
    assert first <= gone[0] <= deadly
    assert gone == list(range(gone[0], last + 1))
    assert_times(tmp_path, gone)


@pytest.mark.slow
def test_a_source_killed_after_a_deadly_stretch_decodes_it_no_more(tmp_path: Path) -> None:
    film = film_of(tmp_path / "in.mp4", FRAMES, gop=GOP, options={"sc_threshold": "0"})
    # The film takes its time, so that the kill meets the source behind the range and before the end.
    graph = deadly_graph(
        tmp_path, film, crash_on_pts=str(ticks(film, 15)), window=2, frame_store=6, max_size_buffers=1
    )
    with Launched(graph, "--set", "film.preset=slower", folder=tmp_path) as run:
        wait_for(lambda: seqs(lines(tmp_path / "out/results.jsonl"))[-1:] >= [24], "frames behind it", run)
        run.child("camera.0").kill()
        assert run.wait() == 3, run.stderr
    gone = left_out(tmp_path)
    assert gone == list(range(gone[0], 24))
    assert_times(tmp_path, gone)
    assert json.loads((tmp_path / "out/ledger.json").read_text())["restarts"]["camera.0"] <= 4


@pytest.mark.slow
def test_kills_from_outside_cost_no_picture_wherever_they_fall(tmp_path: Path) -> None:
    film = film_of(tmp_path / "in.mp4", FRAMES, gop=GOP, options={"sc_threshold": "0"})
    hangs = tmp_path / "hangs"
    hangs.touch()
    graph = deadly_graph(
        tmp_path, film, hang_on_pts=str(ticks(film, 30)), hang_while=str(hangs), timeout=600, heartbeat=60
    )
    with Launched(graph, folder=tmp_path) as run:
        for _kill in range(3):
            # It has come to the picture on which it hangs, so each kill falls on that very one.
            child = run.child("camera.0")
            wait_for(lambda: seqs(lines(tmp_path / "out/results.jsonl"))[-1:] >= [25], "frames", run)
            child.kill()
            child.wait(10)
        hangs.unlink()
        child = run.child("camera.0")
        child.kill()
        assert run.wait() == 0, run.stderr
    assert left_out(tmp_path) == []
    assert_times(tmp_path, [])


@pytest.mark.slow
def test_an_image_that_kills_is_left_out_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(12):
        deadly = "deadly" if number in (4, 5, 11) else ""
        cv2.imwrite(str(folder / f"{number:02d}{deadly}.png"), numbered(number))
    graph = deadly_graph(tmp_path, folder, crash_on_image="deadly")
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 3, run.stderr
    assert left_out(tmp_path) == [4, 5, 11]
    names = [Path(record["uri"]).name for record in lines(tmp_path / "out/results.jsonl") if "uri" in record]
    assert names == [f"{number:02d}.png" for number in range(12) if number not in (4, 5, 11)]
