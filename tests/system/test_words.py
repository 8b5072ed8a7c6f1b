"""Words of the command line that were meant otherwise, and passwords in any of them."""

import argparse
import sys
from pathlib import Path

import pytest

import launcher
from framegraph.support.commands import Command
from framegraph.tools.commands.run import Run
from tests.launching import PROJECT

PASSWORD = "hunter22"
CAMERA = f"rtsp://user:{PASSWORD}@host/stream"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([CAMERA], id="as the graph"),
        pytest.param([f"source uri={CAMERA}"], id="in what is no graph"),
        pytest.param(["trace", CAMERA], id="of another command"),
        pytest.param(["pipeline.yaml", "--set", "camera.uri", CAMERA], id="as a surplus word"),
        pytest.param(["pipeline.yaml", f"--set=camera.uri={CAMERA}"], id="in one word with its option"),
        pytest.param(["pipeline.yaml", "--check", CAMERA], id="behind an option"),
    ],
)
def test_a_password_in_any_word_is_refused_and_not_shown(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert launcher.main(words) == 2
    printed = capsys.readouterr()
    assert PASSWORD not in printed.out + printed.err
    assert "a password on the command line can be read by every user of this machine" in printed.err


def test_a_password_that_is_a_usual_word_leaves_the_remedy_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert launcher.main(["pipeline.yaml", "--set", "camera.uri=rtsp://user:password@host/stream"]) == 2
    assert "--set camera.uri=rtsp://host/stream: a password on" in capsys.readouterr().err
    assert launcher.main(["pipeline.yaml", "--set", "camera.uri=http://host/v?token=abcdef"]) == 2
    assert "camera.uri=http://host/v?token=***: a password on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inpsect", "detect"], "unknown command 'inpsect'; did you mean 'inspect'?"),
        (["ruhn", "pipeline.yaml"], "unknown command 'ruhn'; did you mean 'run'?"),
        (["pipeline.yaml", "--set", "a.b=c", "d.e=f"], "'d.e=f' stands alone; write --set before each: --set d.e=f"),
        (["trace", "README.md"], "README.md: is no trace of a run; name what a run wrote with `--trace FILE`"),
        (["pipeline.yaml", "--trace", "README.md"], "--trace: README.md is there and is no trace; name another"),
        (
            ["pipeline.yaml", "--check", "--set", "camera.uri=rtsp://user:${CAM-PW}@host/s"],
            "'${CAM-…}' is of a shell; here a variable is ${CAM}, and it has to be set: export CAM=",
        ),
        (
            ["pipeline.yaml", "--check", "--set", "camera.uri=rtsp://ho st/s"],
            "uri: the host has a blank in it; write rtsp://HOST[:PORT]/PATH (with --set camera.uri=rtsp://ho st/s)",
        ),
        (
            ["pipeline.yaml", "--check", "--set", "classify.model=models/ssdlite.onnx"],
            "'models/ssdlite.onnx' is no model of this project: NAME.safetensors, or NAME.json beside NAME.onnx",
        ),
    ],
)  # fmt: skip
def test_a_word_that_was_meant_otherwise_is_told_what_to_write(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launcher.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_the_onnx_file_of_a_street_model_names_it() -> None:
    words = ["pipeline.yaml", "--check", "--set", "crop.model=models/street.onnx"]
    assert launcher.main([*words, "--set", "classify.model=models/street.onnx"]) == 0


def test_a_python_without_our_libraries_is_told_where_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacks(_command: Command, _options: argparse.Namespace) -> int:
        raise ModuleNotFoundError(
            "No module named 'msgpack_that_is_not_there'", name="msgpack_that_is_not_there"
        )

    monkeypatch.setattr(Run, "run", lacks)
    assert launcher.main(["pipeline.yaml"]) == 2
    said = f"launcher: {sys.executable} has no module msgpack_that_is_not_there; run `make run`"
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import not_there_at_all\n", "importing broken_stages raises ModuleNotFoundError: No module named"),
        ("class A(:\n", "importing broken_stages raises SyntaxError: invalid syntax"),
        ("x = 1\ny = 1 / 0\n", "importing broken_stages raises ZeroDivisionError: division by zero"),
        (
            "from framegraph.stage import Stage\nclass A(Stage):\n    class Options: pass\n",
            "stage type 'broken_stages.A': its Options is not a dataclass; write @dataclasses.dataclass(frozen=True, kw_only=True) above it",
        ),
    ],
)
def test_a_stage_of_ones_own_that_cannot_be_imported_is_named_with_its_place(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str,
    said: str,
) -> None:
    (tmp_path / "broken_stages.py").write_text(content)
    graph = (
        "stages: {a: {type: source, uri: x}, b: {type: broken_stages.A}, c: {type: json_sink, location: o}}"
    )
    (tmp_path / "graph.yaml").write_text(
        f"{graph.replace('uri: x', f'uri: {PROJECT}/samples/plaza.mp4')}\nlinks: [a ! b ! c]\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "broken_stages", raising=False)
    assert launcher.main([str(tmp_path / "graph.yaml"), "--check"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"launcher: {tmp_path}/graph.yaml:1:")
    assert said in line
    if "importing" in said:
        assert "broken_stages.py:" in line
    monkeypatch.delitem(sys.modules, "broken_stages", raising=False)
