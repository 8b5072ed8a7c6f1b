"""Which files an export reads, in which order, what it refuses, and that its output comes whole or not at all."""

import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fashion_pipeline.command import main
from fashion_pipeline.export import find, names
from fashion_pipeline.export.shared.exporting import export
from fashion_pipeline.export.shared.records import Line, read_lines
from framegraph.errors import GraphError
from tests.export.kit import garment, packet, person, records, story, write_results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results.jsonl", story())


def seqs(paths: list[Path], run: str = "") -> list[int]:
    return [line.first_seq for line in read_lines(paths, run)]


def changed(path: Path, number: int, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the record in a line, counted from 1."""
    lines = path.read_bytes().split(b"\n")
    record = json.loads(lines[number - 1])
    change(record)
    lines[number - 1] = json.dumps(record).encode()
    path.write_bytes(b"\n".join(lines))


def refusal(*words: str, to: str = "csv", out: Path | None = None) -> str:
    with pytest.raises(GraphError) as refused:
        export(words, to, out=out)
    return str(refused.value)


def test_the_command_writes_beside_the_results_and_says_what(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(results), "--to", "coco"]) == 0
    out = results.with_name("results.coco.json")
    assert capsys.readouterr().out == f"wrote {out}: 13 frames, 5 not analysed; 9 boxes of people\n"
    assert main(["export", str(results), "--to", "coco"]) == 2
    assert f"{out} exists; remove it, or name another place with --out" in capsys.readouterr().err


@pytest.mark.parametrize("name", names())
def test_every_format_has_a_place_of_its_own(name: str, results: Path) -> None:
    export([str(results)], name)
    assert results.with_name(f"results{find(name).suffix}").exists()


def test_standard_input_is_read(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(results.read_bytes()))
    monkeypatch.setattr("sys.stdin", stream)
    out = results.with_name("a.csv")
    export(["-"], "csv", out=out)
    export([str(results)], "csv", out=results.with_name("b.csv"))
    assert out.read_bytes() == results.with_name("b.csv").read_bytes()


@pytest.mark.parametrize("word", ["results-{time}.jsonl", "results-*.jsonl", "files"])
def test_segments_are_read_in_the_order_in_which_they_were_written(word: str, tmp_path: Path) -> None:
    # By name, the second of the same second comes before the first.
    segments = [
        "results-20260101T000000Z.jsonl",
        "results-20260101T000000Z-2.jsonl",
        "results-20260101T000000Z-10.jsonl",
    ]
    for number, segment in enumerate(segments):
        write_results(tmp_path / segment, [packet(number * 2, person(1)), packet(number * 2 + 1)])
    words = (
        [str(tmp_path / segment) for segment in sorted(segments)]
        if word == "files"
        else [str(tmp_path / word)]
    )
    export(words, "mot", out=tmp_path / "out")
    assert [
        line.split(",")[0] for line in (tmp_path / "out/camera/det/det.txt").read_text().splitlines()
    ] == ["1", "3", "5"]


def test_files_of_two_runs_are_refused_unless_one_is_chosen(tmp_path: Path) -> None:
    first = write_results(tmp_path / "a.jsonl", [packet(0), packet(1)], run="first")
    second = write_results(tmp_path / "b.jsonl", [packet(0), packet(1)], run="second")
    said = refusal(str(first), str(second), out=tmp_path / "out.csv")
    assert said.startswith(f"{second}:1: this line is of run second, those before it are of run first;")
    assert "--run first" in said
    assert seqs([first, second], "second") == [0, 1]


def test_a_file_given_twice_is_refused(results: Path) -> None:
    said = refusal(str(results), str(results), out=results.with_name("out.csv"))
    assert f"{results}:1: frame 0 of source 'camera' comes after its frame 9; give each file once" in said


@pytest.mark.parametrize("cut", [1, 40])
def test_a_last_line_that_is_cut_off_is_named(cut: int, results: Path) -> None:
    data = results.read_bytes()
    results.write_bytes(data[: -1 - cut])
    assert refusal(str(results)).startswith(f"{results}:11: the line, the last, is cut off; ")
    assert "finish the run by --resume" in refusal(str(results))
    assert not results.with_name("results.csv").exists()


def test_a_whole_last_line_needs_no_line_feed(results: Path) -> None:
    results.write_bytes(results.read_bytes()[:-1])
    assert len(seqs([results])) == 11


def test_a_damaged_line_in_the_middle_is_named(results: Path) -> None:
    lines = results.read_bytes().split(b"\n")
    lines[3] = b"\0\0\0" + lines[3][3:50]
    results.write_bytes(b"\n".join(lines))
    assert refusal(str(results)).startswith(f"{results}:4: the line is damaged: '\\x00\\x00\\x00")


def set_to(value: object, *keys: str | int) -> Callable[[Any], object]:
    """Return what sets the field that the keys lead to."""

    def change(record: Any) -> None:
        for key in keys[:-1]:
            record = record[key]
        record[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_to("left", "event"), "the line is one of events"),
        (set_to(2, "version"), "version: expected 1, found '2'"),
        (
            set_to("../../etc", "source"),
            "source: expected a name of letters, digits, _ and -, found '../../etc'",
        ),
        (set_to(True, "seq"), "seq: expected a whole number, found 'True'"),
        (set_to(10**30, "pts_ns"), "pts_ns: expected a whole number"),
        (set_to([0, 4], "size_wh"), "size_wh: expected [width, height], found '[0, 4]'"),
        (
            set_to([1, None, 3, 4], "people", 0, "box"),
            "people[0].box: expected [x0, y0, x1, y1], found '[1, None, 3, 4]'",
        ),
        (set_to([9, 0, 3, 4], "people", 0, "box"), "people[0].box: expected"),
        (set_to(float("nan"), "people", 0, "score"), "people[0].score: expected a number, found 'nan'"),
        (set_to(-1, "people", 0, "track"), "people[0].track: expected a whole number"),
        (set_to(3, "people", 0, "garments", 0, "label"), "people[0].garments[0].label: expected text"),
        (
            set_to({"red": "x"}, "people", 0, "garments", 0, "color_shares"),
            "color_shares: expected numbers by colour",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_line(
    change: Callable[[Any], object], said: str, results: Path
) -> None:
    changed(results, 3, change)
    assert refusal(str(results)).startswith(f"{results}:3: ")
    assert said in refusal(str(results))


def test_half_a_character_is_replaced(results: Path) -> None:
    changed(results, 1, set_to("\ud800", "uri"))
    for name in names():
        export([str(results)], name)
    assert json.loads(results.with_name("results.coco.json").read_bytes())["images"][0]["uri"] == "?"


def test_a_field_of_a_users_own_stage_is_no_fault(results: Path) -> None:
    changed(results, 1, set_to({"tall": [1]}, "people", 0, "mine"))
    assert len(seqs([results])) == len(records(results))


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("place", ["results", "out"])
def test_an_export_that_fails_leaves_nothing(name: str, place: str, results: Path) -> None:
    out = results.with_name("out")
    if place == "results":
        results.write_bytes(results.read_bytes() + b"{")
    else:
        out.symlink_to("nowhere")
    before = sorted(results.parent.iterdir())
    refusal(str(results), to=name, out=out)
    assert sorted(results.parent.iterdir()) == before


@pytest.mark.parametrize("name", names())
def test_what_a_killed_export_left_is_no_obstacle(name: str, results: Path) -> None:
    out = results.with_name("out")
    part = results.with_name(".out.part")
    if find(name).suffix in (".mot", ".cvat"):
        part.mkdir()
        (part / "rest").write_text("rest")
    else:
        part.write_text("rest")
    export([str(results)], name, out=out)
    assert sorted(path.name for path in results.parent.iterdir()) == ["out", "results.jsonl"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.jsonl"], "nothing.jsonl: there is no such file"),
        (["nothing-*.jsonl"], "nothing-*.jsonl: there is no such file"),
        (["-", "results.jsonl"], "- is standard input and stands alone"),
        (["-"], "say where to write with --out"),
        (["results.jsonl", "results.jsonl"], "say where to write with --out"),
    ],
)
def test_words_that_name_nothing_are_refused(
    words: list[str], said: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(results.parent)
    assert said in refusal(*words)


def test_a_folder_is_no_results(tmp_path: Path) -> None:
    assert refusal(str(tmp_path), out=tmp_path / "out.csv") == f"{tmp_path}: Is a directory"


def test_parquet_without_its_package_says_what_to_install(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    said = "the format parquet needs pyarrow, which is not installed; install it: pip install 'fashion-pipeline[parquet]'"
    assert refusal(str(results), to="parquet") == said


@pytest.mark.parametrize("name", names())
def test_memory_does_not_grow_with_the_number_of_frames(
    name: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fashion_pipeline.export.parquet.ROWS_IN_GROUP", 50)
    (line, *_rest) = read_lines(
        [write_results(results.with_name("one"), [packet(0, person(1, garment("Hat")))])]
    )

    def lines(count: int) -> Iterator[Line]:
        for seq in range(count):
            yield Line(line.run, line.source, seq, seq, line.status, line.frame)

    def peak_bytes(count: int) -> int:
        tracemalloc.start()
        find(name).write(lines(count), results.with_name(f"out{count}"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(10)
    assert peak_bytes(600) < peak_bytes(60) + 100_000
