"""Every graph in examples/, and what the README says of replicas, run as they stand."""

from pathlib import Path

import pytest

from tests.launching import PROJECT, Launched, film_times, lines, seqs

FOUR_SECONDS = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder in which samples/ is found, as in the project's own."""
    (tmp_path / "samples").symlink_to(PROJECT / "samples")
    return tmp_path


def run_graph(graph: str, folder: Path, *arguments: str) -> str:
    with Launched(PROJECT / graph, *arguments, folder=folder) as run:
        assert run.wait() == 0, run.stderr
        return run.stdout


@pytest.mark.slow
def test_two_films_go_through_one_detector(folder: Path) -> None:
    run_graph("examples/two_cameras.yaml", folder)
    starts = {}
    for source in ("north", "south"):
        records = lines(folder / f"out/{source}.jsonl")
        assert seqs(records) == list(range(FOUR_SECONDS))
        assert {record["source"] for record in records} == {source}
        assert len(film_times(folder / f"out/{source}.mp4")) == FOUR_SECONDS
        starts[source] = records[0]["pts_ns"]
    assert starts["north"] == 0
    assert starts["south"] >= 5 * 10**9


@pytest.mark.slow
def test_one_classifier_feeds_several_sinks(folder: Path) -> None:
    run_graph("examples/two_sinks.yaml", folder)
    assert seqs(lines(folder / "out/results.jsonl")) == list(range(FOUR_SECONDS))
    assert len(film_times(folder / "out/archive.mp4")) == FOUR_SECONDS
    assert len(film_times(folder / "out/small.mp4")) == FOUR_SECONDS
    assert (folder / "out/small.mp4").stat().st_size < (folder / "out/archive.mp4").stat().st_size / 2


@pytest.mark.slow
def test_a_camera_is_filmed_in_segments_with_events_and_a_preview(folder: Path) -> None:
    said = run_graph(
        "examples/live.yaml",
        folder,
        "--set",
        "preview.port=0",
        "--set",
        "film.segment=1.5s",
        "--set",
        "camera.duration=4s",
    )
    films = sorted((folder / "out").glob("camera-*Z*.mp4"))
    assert sum(len(film_times(film)) for film in films) == FOUR_SECONDS
    assert len(films) == 3
    assert "3 segments, without sound" in said
    events = lines(folder / "out/camera-events.jsonl")
    appeared = {event["track"] for event in events if event["event"] == "appeared"}
    assert appeared
    assert {event["track"] for event in events if event["event"] == "left"} == appeared
    assert any(event["garments"] for event in events if event["event"] == "wears")


@pytest.mark.slow
def test_a_stage_of_the_users_own_changes_the_picture(folder: Path) -> None:
    run_graph("examples/own_stage/pipeline.yaml", folder)
    assert len(film_times(folder / "out/blurred.mp4")) == FOUR_SECONDS
    assert seqs(lines(folder / "out/results.jsonl")) == list(range(FOUR_SECONDS))


@pytest.mark.slow
def test_replicas_change_nothing_in_the_results(folder: Path) -> None:
    found = []
    for replicas in (1, 3):
        short = ["--set", "camera.duration=5s"]
        many = ["--set", f"detect.replicas={replicas}", "--set", f"classify.replicas={replicas}"]
        run_graph("pipeline.yaml", folder, *short, *many)
        found.append(lines(folder / "out/results.jsonl"))
    one, three = found
    assert len(one) == len(three) == 50
    for first, second in zip(one, three, strict=True):
        for name in ("source", "seq", "epoch", "pts_ns", "uri", "size_wh", "status", "model"):
            assert first[name] == second[name]
        assert len(first["people"]) == len(second["people"])
        for person, same in zip(first["people"], second["people"], strict=True):
            assert person["box"] == pytest.approx(same["box"], abs=0.2)
            assert person["score"] == pytest.approx(same["score"], abs=1e-3)
            assert [g["label"] for g in person["garments"]] == [g["label"] for g in same["garments"]]
            for garment, other in zip(person["garments"], same["garments"], strict=True):
                assert garment["score"] == pytest.approx(other["score"], abs=1e-3)


@pytest.mark.slow
def test_a_film_without_people_is_a_film_with_nobody_in_it(folder: Path) -> None:
    import av
    import numpy as np

    with av.open(str(folder / "empty.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for level in range(25):
            picture = np.full((240, 320, 3), 100 + level, np.uint8)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        film.mux(stream.encode(None))
    summary = run_graph("pipeline.yaml", folder, "--set", "camera.uri=empty.mp4")
    records = lines(folder / "out/results.jsonl")
    assert seqs(records) == list(range(25))
    assert all(record["status"] == "ok" and record["people"] == [] for record in records)
    assert "people: 0 in 0 of 25 frames" in summary
