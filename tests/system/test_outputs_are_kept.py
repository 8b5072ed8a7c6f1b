"""What a user has is never written over: not the input, under whatever name, and not what an earlier run left."""

import os
import re
import signal
import sys
from pathlib import Path

import cv2
import pytest

import launcher
from fashion_pipeline.stages.csv_sink import CsvSink
from tests.controlling import Remote, ticking_graph
from tests.launching import Launched, lines, seqs, wait_for
from tests.stages.source_kit import film_of, numbered
from tests.system.graphs import CHEAP

EARLIER = b'{"seq": 0, "of": "an earlier run"}\n'
OLDER = b'{"seq": 0, "of": "an older run"}\n'
SEGMENT = "film-20250101T000000Z.mp4"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a film and pictures, in which the launcher is started."""
    monkeypatch.chdir(tmp_path)
    film_of(tmp_path / "film.mp4", 5)
    for name in ("sub", "pictures"):
        (tmp_path / name).mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"pictures/{number}.png"), numbered(number))
    # A stage of one's own is imported from here, and its bytecode is no file that a run has written.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


def write_graph(folder: Path, stages: str, links: str, more: str = "") -> Path:
    """Write a graph file; `stages` has one stage a line."""
    text = "".join(f"  {line.strip()}\n" for line in stages.strip().splitlines())
    (folder / "graph.yaml").write_text(f"stages:\n{text}links: [{links}]\n{more}")
    return Path("graph.yaml")


def refused(graph: str, capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """Run what has to be refused, and return the sentence that says so; no file is changed by it or new."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert launcher.main([graph]) == 2
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    said = capsys.readouterr().err
    assert said.startswith("launcher: ")
    assert said.count("\n") == 1
    return said


# What a source reads


@pytest.mark.parametrize(
    "location",
    ["film.mp4", "hard.jsonl", "soft.jsonl", "sub/../film.mp4", "./film.mp4", "hard-results.jsonl"],
)
def test_a_film_is_not_written_over_under_any_name(
    folder: Path, capsys: pytest.CaptureFixture[str], location: str
) -> None:
    (folder / "hard.jsonl").hardlink_to("film.mp4")
    (folder / "soft.jsonl").symlink_to("film.mp4")
    # Beside an output stands how far it is: that is a file too.
    (folder / "hard-results.jsonl.progress").hardlink_to("film.mp4")
    said = refused(f"source uri=film.mp4 ! json_sink location={location}", capsys, folder)
    written = Path(f"{location}.progress" if location == "hard-results.jsonl" else location)
    assert f"would overwrite {written}, the input of 'source0' (as film.mp4); choose another location" in said


@pytest.mark.parametrize("uri", ["pictures", "pictures/*.png", "pictures/1.png"])
@pytest.mark.parametrize(
    "sink",
    [
        "json_sink location=pictures/1.png",
        "json_sink location=linked.png",
        "detect ! contact_sheet location=pictures/1.png",
    ],
)
def test_no_picture_of_the_input_is_written_over(
    folder: Path, capsys: pytest.CaptureFixture[str], uri: str, sink: str
) -> None:
    (folder / "linked.png").hardlink_to("pictures/1.png")
    said = refused(f"source uri={uri} ! {sink}", capsys, folder)
    assert "1.png" in said
    assert "the input of 'source0' (as pictures/1.png); choose another location" in said


@pytest.mark.parametrize("ledger", ["film.mp4", "sub/../film.mp4", "soft.json"])
def test_the_ledger_is_not_written_over_the_input(
    folder: Path, capsys: pytest.CaptureFixture[str], ledger: str
) -> None:
    (folder / "soft.json").symlink_to("film.mp4")
    write_graph(
        folder,
        """camera: {type: source, uri: film.mp4}
        results: {type: json_sink, location: out/results.jsonl}""",
        "camera ! results",
        f"ledger: {ledger}",
    )
    said = refused("graph.yaml", capsys, folder)
    assert f"the ledger would overwrite {Path(ledger)}, the input of 'camera' (as film.mp4)" in said


def test_the_ledger_that_nobody_named_is_not_written_over_the_input(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sub/ledger.json").hardlink_to("film.mp4")
    said = refused("source uri=film.mp4 ! json_sink location=sub/results.jsonl", capsys, folder)
    assert "the ledger would overwrite sub/ledger.json, the input of 'source0' (as film.mp4)" in said


def test_the_uri_of_a_source_of_ones_own_is_an_input_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "kept_films.py").write_text(
        "import dataclasses\n"
        "from framegraph.properties import REQUIRED, prop\n"
        "from framegraph.stage import Source\n"
        "class Mine(Source):\n"
        "    @dataclasses.dataclass(frozen=True, kw_only=True)\n"
        "    class Options:\n"
        "        uri: str = prop(REQUIRED, 'what to read')\n"
    )
    write_graph(
        folder,
        """mine: {type: kept_films.Mine, uri: film.mp4}
        results: {type: json_sink, location: ./sub/../film.mp4}""",
        "mine ! results",
    )
    assert "the input of 'mine' (as film.mp4)" in refused("graph.yaml", capsys, folder)


def test_what_is_moved_aside_is_not_put_in_the_place_of_the_input(folder: Path) -> None:
    """Somebody plays again what an earlier run has left, into the same location."""
    (folder / "a.jsonl").write_bytes(EARLIER)
    film = folder / "a.jsonl.previous"
    (folder / "film.mp4").rename(film)
    before = film.read_bytes()
    with Launched(
        write_graph(
            folder,
            """camera: {type: source, uri: a.jsonl.previous}
            results: {type: json_sink, location: a.jsonl}""",
            "camera ! results",
        ),
        folder=folder,
    ) as run:
        run.wait()
    assert film.read_bytes() == before


# What is no file


@pytest.mark.parametrize("location", ["/dev/stdout", "/dev/full", "/dev/null", "/proc/self/fd/1", "pipe"])
def test_what_cannot_be_cut_back_is_no_location(
    folder: Path, capsys: pytest.CaptureFixture[str], location: str
) -> None:
    os.mkfifo(folder / "pipe")
    said = refused(f"source uri=film.mp4 ! json_sink location={location}", capsys, folder)
    assert f"cannot write {location}: it is not a file that could be truncated after a fault; choose" in said


def test_a_file_in_shared_memory_is_a_location(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    location = f"/dev/shm/nothing-{os.getpid()}.jsonl"
    assert launcher.main([f"source uri=film.mp4 ! json_sink location={location}", "--check"]) == 0
    assert not Path(location).exists()


# What an earlier run has left


@pytest.fixture(scope="module")
def after_a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of a graph with sinks of every kind, where an earlier run had written."""
    folder = tmp_path_factory.mktemp("kept")
    film_of(folder / "film.mp4", 30)
    graph = write_graph(
        folder,
        """camera: {type: source, uri: film.mp4}
        moved: {type: json_sink, location: out/moved.jsonl}
        replaced: {type: csv_sink, location: out/replaced.csv, overwrite: true}
        empty: {type: json_sink, location: out/empty.jsonl}
        home: {type: json_sink, location: ~/home.jsonl}
        segments: {type: video_sink, location: "out/film-{time}.mp4", segment: 1s, preset: ultrafast}""",
        "camera ! moved, camera ! replaced, camera ! empty, camera ! home, camera ! segments",
    )
    (folder / "out").mkdir()
    (folder / "home").mkdir()
    for name in ("out/moved.jsonl", "out/replaced.csv", "home/home.jsonl", f"out/{SEGMENT}"):
        (folder / name).write_bytes(EARLIER)
    (folder / "out/moved.jsonl.previous").write_bytes(OLDER)
    (folder / "out/empty.jsonl").touch()
    with Launched(graph, folder=folder, env={"HOME": str(folder / "home")}) as run:
        assert run.wait() == 0, run.stderr
    return folder


def said_of(folder: Path) -> list[str]:
    return (folder / "launcher.err").read_text().splitlines()


def test_the_file_of_an_earlier_run_is_moved_aside_and_an_older_one_gives_way(after_a_run: Path) -> None:
    assert (after_a_run / "out/moved.jsonl.previous").read_bytes() == EARLIER
    assert seqs(lines(after_a_run / "out/moved.jsonl")) == list(range(30))
    said = [line for line in said_of(after_a_run) if "out/moved.jsonl" in line]
    assert len(said) == 1
    assert said[0].endswith(
        "out/moved.jsonl is of an earlier run: it is now out/moved.jsonl.previous (overwrite: true replaces it)"
    )


def test_with_overwrite_the_file_of_an_earlier_run_is_replaced(after_a_run: Path) -> None:
    assert CsvSink.count(after_a_run / "out/replaced.csv") == 30
    assert EARLIER not in (after_a_run / "out/replaced.csv").read_bytes()
    assert not (after_a_run / "out/replaced.csv.previous").exists()
    assert "replaced.csv" not in "".join(said_of(after_a_run))


def test_an_empty_file_is_not_worth_keeping(after_a_run: Path) -> None:
    assert seqs(lines(after_a_run / "out/empty.jsonl")) == list(range(30))
    assert not (after_a_run / "out/empty.jsonl.previous").exists()


def test_segments_of_an_earlier_run_stay_where_they_are(after_a_run: Path) -> None:
    assert (after_a_run / "out" / SEGMENT).read_bytes() == EARLIER
    assert len(list((after_a_run / "out").glob("film-*.mp4"))) == 1 + 3
    assert not list((after_a_run / "out").glob("film-*.previous"))


def test_a_tilde_is_the_home_folder_there_too(after_a_run: Path) -> None:
    assert seqs(lines(after_a_run / "home/home.jsonl")) == list(range(30))
    assert (after_a_run / "home/home.jsonl.previous").read_bytes() == EARLIER
    assert not (after_a_run / "~").exists()


def test_a_file_that_cannot_be_moved_aside_ends_the_run_before_it_is_touched(tmp_path: Path) -> None:
    film_of(tmp_path / "film.mp4", 5)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/results.jsonl").write_bytes(EARLIER)
    (tmp_path / "out/results.jsonl.previous").mkdir()
    graph = write_graph(
        tmp_path,
        """camera: {type: source, uri: film.mp4}
        results: {type: json_sink, location: out/results.jsonl}""",
        "camera ! results",
    )
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 2, run.stderr
        assert "cannot be moved to out/results.jsonl.previous: Is a directory" in run.stderr
        assert "; move it yourself, or set overwrite: true" in run.stderr
        assert "Traceback" not in run.stderr
    assert (tmp_path / "out/results.jsonl").read_bytes() == EARLIER


def test_what_is_moved_aside_is_not_put_in_the_place_of_another_output(tmp_path: Path) -> None:
    film_of(tmp_path / "film.mp4", 5)
    (tmp_path / "a.jsonl").write_bytes(EARLIER)
    (tmp_path / "a.jsonl.previous").write_bytes(OLDER)
    graph = write_graph(
        tmp_path,
        """camera: {type: source, uri: film.mp4}
        one: {type: json_sink, location: a.jsonl}
        other: {type: json_sink, location: a.jsonl.previous}""",
        "camera ! one, camera ! other",
    )
    with Launched(graph, folder=tmp_path) as run:
        run.wait()
    kept = [path.read_bytes() for path in tmp_path.glob("a.jsonl*")]
    assert EARLIER in kept
    assert OLDER in kept


@pytest.mark.slow
def test_a_resumed_run_moves_nothing(tmp_path: Path) -> None:
    (tmp_path / "cheap_stages.py").write_text((CHEAP / "cheap_stages.py").read_text())
    graph = write_graph(
        tmp_path,
        """counter: {type: cheap_stages.Counter, frames: 80}
        work: {type: cheap_stages.Work, sleep-ms: 5}
        results: {type: json_sink, location: out/results.jsonl}""",
        "counter ! work ! results",
    )
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) > 20, "frames", run)
        run.process.kill()
    with Launched(graph, "--resume", folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert "of an earlier run" not in run.stderr
    assert seqs(lines(tmp_path / "out/results.jsonl")) == list(range(80))
    assert not list(tmp_path.rglob("*.previous"))


@pytest.mark.slow
def test_a_source_that_is_attached_moves_aside_what_an_earlier_run_left_of_its_name(tmp_path: Path) -> None:
    graph = ticking_graph(tmp_path, a={"fps": 30})
    (tmp_path / "out").mkdir()
    (tmp_path / "out/door.jsonl").write_bytes(EARLIER)
    with Launched(graph, folder=tmp_path) as run:
        remote = Remote(run)
        remote.wait_delivered("a", 1)
        answer = remote.answer("attach", name="door", properties={"live": False, "fps": 50}, to=[])
        assert answer["ok"], answer["text"]
        assert answer["text"].splitlines()[-1] == (
            "out/door.jsonl is of an earlier run: it is now out/door.jsonl.previous (overwrite: true replaces it)"
        )
        remote.wait_delivered("door", 3)
        remote.ask("stop")
        assert run.wait() == 0, run.stderr
    assert (tmp_path / "out/door.jsonl.previous").read_bytes() == EARLIER
    assert not (tmp_path / "out/a.jsonl.previous").exists()
    records = lines(tmp_path / "out/door.jsonl")
    assert seqs(records) == list(range(len(records)))


# What was never begun


@pytest.mark.slow
def test_a_camera_that_never_comes_leaves_no_file_and_the_summary_claims_none(tmp_path: Path) -> None:
    graph = write_graph(
        tmp_path,
        """camera: {type: source, uri: "rtsp://127.0.0.1:1/x"}
        results: {type: json_sink, location: out/results.jsonl}
        film: {type: video_sink, location: out/film.mp4}""",
        "camera ! results, camera ! film",
    )
    with Launched(graph, folder=tmp_path) as run:
        wait_for((tmp_path / "out/results.jsonl").exists, "a results file", run)
        wait_for((tmp_path / "out/film.mp4").exists, "a film", run)
        run.signal(signal.SIGINT)
        assert run.wait() == 130, run.stderr
        for name in ("out/results.jsonl", "out/film.mp4"):
            assert re.search(
                rf"^  no frame of camera came, so there is no \S*{name}$", run.stdout, re.MULTILINE
            )
        assert [line for line in run.stdout.splitlines() if "wrote" in line] == [
            "wrote out/ledger.json (ledger)"
        ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ledger.json"]
