"""Whatever is wrong with the input: one clear error that says where and what to do, and no traceback."""

from pathlib import Path

import pytest
from PIL import Image

import launcher
from tests.launching import PROJECT, Launched, launch_here, lines
from tests.system.graphs import cheap_graph

GRAPH = """\
stages:
  camera:   {type: source, uri: film.mp4}
  detect:   {type: detect}
  crop:     {type: crop}
  classify: {type: classify}
  results:  {type: json_sink, location: out/results.jsonl}
links:
  - camera ! detect ! crop ! classify ! results
"""


def refuse(folder: Path, *arguments: str, graph: str = GRAPH) -> str:
    (folder / "graph.yaml").write_text(graph)
    if not (folder / "film.mp4").exists():
        (folder / "film.mp4").symlink_to(PROJECT / "samples/plaza.mp4")
    status, _out, said = launch_here(folder, "graph.yaml", *arguments)
    assert status == 2, said
    return said


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("confidence: 2", "{type: detect}", "graph.yaml:3:40: stage 'detect', property 'confidence': must be at most 1"),
        ("confidance: 0.5", "{type: detect}", "graph.yaml:3:28: stage 'detect': unknown property 'confidance'; did you mean 'confidence'?"),
        ("replicas: 0", "{type: detect}", "graph.yaml:3:38: stage 'detect', property 'replicas': must be at least 1, got 0"),
        ("device: 'cuda:7'", "{type: detect}", "there is no device 'cuda:7' on this machine; use device: cpu or auto"),
        ("model: v9", "{type: classify}", "graph.yaml:5:3: stage 'classify': there is no model 'v9'"),
    ],
    ids=["value", "property", "replicas", "device", "model"],
)  # fmt: skip
def test_a_wrong_property_is_named_with_its_place(tmp_path: Path, wrong: str, right: str, said: str) -> None:
    assert said in refuse(tmp_path, graph=GRAPH.replace(right, right[:-1] + f", {wrong}}}"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("type: detect", "type: detekt", "graph.yaml:3:20: stage 'detect': unknown stage type 'detekt'; did you mean 'detect'?"),
        ("links:", "linkes:", "unknown key 'linkes'; did you mean 'links'?"),
        ("camera ! detect", "camera ! detct", "graph.yaml:8:5: there is no stage 'detct'; did you mean 'detect'?"),
        ("! results", "! results\n  - crop ! detect", "the links run in a circle: detect ! crop ! detect"),
        ("! results", "! results\n  - crop ! results", "two paths lead from source 'camera' to stage 'results'"),
        ("! results", "! results\n  - classify ! camera", "ends at a source; a source takes no packets"),
        ("camera ! detect ! crop", "camera ! crop", "stage 'detect' has no link"),
        ("detect ! crop ! classify", "crop ! detect ! classify", "takes 'people', which no stage before it gives; put 'detect' before it"),
        ("links:", "links: [", "is not YAML"),
    ],
    ids=["type", "key", "name", "circle", "two paths", "into a source", "no link", "order", "not YAML"],
)  # fmt: skip
def test_a_wrong_graph_is_refused_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in refuse(tmp_path, "--check", graph=GRAPH.replace(old, new, 1))


def test_a_graph_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("stages: {a: Größe}".encode("latin-1"))
    with Launched(Path("latin.yaml"), folder=tmp_path) as run:
        assert run.wait() == 2
        assert "latin.yaml: is not UTF-8 text (byte 14); save it as UTF-8" in run.stderr


def test_a_missing_film_is_refused(tmp_path: Path) -> None:
    assert "no-such.mp4" in refuse(tmp_path, "--set", "camera.uri=no-such.mp4")


def test_a_zero_byte_film_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nothing.mp4").touch()
    assert "nothing.mp4" in refuse(tmp_path, "--set", "camera.uri=nothing.mp4")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert "photos" in refuse(tmp_path, "--set", "camera.uri=photos")


def test_a_text_file_is_no_film(tmp_path: Path) -> None:
    (tmp_path / "letter.mp4").write_text("Dear film, " * 100)
    assert "letter.mp4" in refuse(tmp_path, "--set", "camera.uri=letter.mp4")


def test_a_corrupt_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").write_bytes(b'\x10\0\0\0\0\0\0\0{"a": 1')
    assert "mine.safetensors" in refuse(tmp_path, "--set", "classify.model=mine.safetensors")


def test_a_location_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refuse(tmp_path, "--set", "results.location=file/results.jsonl")
    assert "cannot write file/results.jsonl: " in said
    assert "is not a folder" in said


def test_two_sinks_on_one_file_are_refused(tmp_path: Path) -> None:
    more = GRAPH.replace("links:", "  again: {type: json_sink, location: out/results.jsonl}\nlinks:")
    graph = more + "  - classify ! again\n"
    assert "stages 'results' and 'again' both write out/results.jsonl" in refuse(tmp_path, graph=graph)


def test_checking_starts_nothing_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    (tmp_path / "film.mp4").symlink_to(PROJECT / "samples/plaza.mp4")
    with Launched(Path("graph.yaml"), "--check", folder=tmp_path) as run:
        assert run.wait() == 0
        assert "nothing wrong was found" in run.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--set", "results.location=/proc/none/r.jsonl"],
            "cannot write /proc/none/r.jsonl: it is not a file",
        ),
        (["--trace", "."], "--trace: . cannot be written: it is a folder; name another file"),
        (["--set", f"camera.uri={'x' * 300}.mp4"], "File name too long; name another file"),
    ],
    ids=["output", "trace", "film"],
)
def test_a_path_that_cannot_be_is_refused_before_the_run(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    assert said in refuse(tmp_path, *arguments)
    assert not (tmp_path / "out/results.jsonl").exists()


def test_a_known_model_of_another_kind_is_named_too(tmp_path: Path) -> None:
    assert "known are: street, v1" in refuse(tmp_path, "--check", "--set", "classify.model=none")


def test_crops_of_another_model_are_refused(tmp_path: Path) -> None:
    assert (
        "graph.yaml:5:3: stage 'classify' (classify) takes 'people/crops' as the whole person, 28x28 in grey, "
        "but 'crop' gives it as the whole person, 160x448 in colour; set both alike, e.g. the same model"
    ) in refuse(tmp_path, "--check", "--set", "classify.model=v2_da")


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "graph.yaml", "--seconds", "nan"],
        ["plan", "graph.yaml", "--cameras", "-3"],
        ["plan", "graph.yaml", "--fps", "0"],
        ["drill", "graph.yaml", "kill:any", "--times", "0"],
        ["drill", "graph.yaml", "kill:any", "--max-pause", "-1"],
    ],
    ids=lambda words: f"{words[0]} {words[-2]}",
)
def test_a_number_out_of_range_is_refused_at_once(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        launcher.main(words)
    assert caught.value.code == 2
    assert f"argument {words[-2]}: expected a" in capsys.readouterr().err


def test_too_few_open_files_are_told_before_anything_starts(tmp_path: Path) -> None:
    through = ("bash", "-c", 'ulimit -n 100; exec "$@"', "bash")
    with Launched(cheap_graph(tmp_path, frames=5), folder=tmp_path, through=through) as run:
        assert run.wait() == 2
        assert run.stderr == "launcher: only 100 files may be open at once here (ulimit -n); allow 256\n"


@pytest.mark.slow
def test_a_temporary_folder_with_an_endless_name_is_passed_over(tmp_path: Path) -> None:
    with Launched(cheap_graph(tmp_path, frames=5), folder=tmp_path, env={"TMPDIR": "/x" * 6000}) as run:
        assert run.wait() == 0, run.stderr
        assert "Traceback" not in run.stderr


@pytest.mark.slow
def test_a_picture_that_would_fill_the_memory_is_not_decoded(tmp_path: Path) -> None:
    """900 million pixels in 110 kB."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("1", (30_000, 30_000)).save(folder / "1.png")
    Image.new("RGB", (64, 48)).save(folder / "2.png")
    graph = tmp_path / "graph.yaml"
    graph.write_text(
        "stages:\n  photos: {type: source, uri: photos}\n"
        "  results: {type: json_sink, location: out/results.jsonl}\nlinks: [photos ! results]\n"
    )
    limit = 3 * 2**30  # of address space: decoded it takes more
    through = ("bash", "-c", f'ulimit -v {limit // 1024}; exec "$@"', "bash")
    with Launched(graph, folder=tmp_path, through=through) as run:
        status = run.wait()
        assert status in (0, 3), run.stderr
    assert [record["size_wh"] for record in lines(tmp_path / "out/results.jsonl") if "seq" in record][-1] == [
        64,
        48,
    ]
