"""The launcher's commands, as they are typed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.launching import PROJECT, Launched, film_times, launch_here, lines, seqs

QUIET_S = 60.0
"""Far beyond what a command that starts nothing takes."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder in which samples/ is found, as in the project's own."""
    for name in ("samples", "pipeline.yaml"):
        (tmp_path / name).symlink_to(PROJECT / name)
    return tmp_path


def launch(folder: Path, *arguments: str, status: int = 0) -> str:
    """Run the command to its end; return what it printed, or what it complained of."""
    ended, out, err = launch_here(folder, *arguments)
    assert ended == status, err
    return err if status else out


@pytest.mark.slow
def test_a_graph_in_one_line_runs(folder: Path) -> None:
    line = (
        "source uri=samples/plaza.mp4 duration=1s ! detect ! crop ! classify name=c ! "
        'video_sink location="out/b c.mp4" preset=ultrafast  c. ! json_sink location=out/r.jsonl'
    )
    with Launched(Path(line), "--set", "detect0.confidence=0.6", folder=folder) as run:
        assert run.wait() == 0, run.stderr
    assert seqs(lines(folder / "out/r.jsonl")) == list(range(10))
    assert len(film_times(folder / "out/b c.mp4")) == 10


def test_a_wrong_line_is_refused_with_its_column(folder: Path) -> None:
    said = launch(folder, "source uri=samples/plaza.mp4 ! detekt ! json_sink location=a", status=2)
    assert said.startswith("launcher: graph:1:32: stage 'detekt0': unknown stage type 'detekt'; did you mean")


def test_inspect_lists_the_types_and_tells_of_one(folder: Path) -> None:
    listed = [line.split()[:2] for line in launch(folder, "inspect").splitlines()]
    assert ["video_sink", "sink"] in listed
    told = launch(folder, "inspect", "detect")
    assert told.startswith("detect: a worker\n")
    assert "SRC: 'src'\n    video/x-raw, format=BGR\n    people\n" in told


def test_inspect_tells_the_caps_of_a_graph(folder: Path) -> None:
    line = "source uri=samples/plaza.mp4 ! detect ! json_sink location=a"
    assert "\ndetect0 ! json_sink0  video/x-raw, format=BGR; people\n" in launch(folder, "inspect", line)
    assert launch(folder, "inspect", "pipeline.yaml").startswith("fashion: ")


def test_inspect_refuses_an_unknown_type(folder: Path) -> None:
    said = launch(folder, "inspect", "detekt", status=2)
    assert "launcher: unknown stage type 'detekt'; did you mean 'detect'?" in said


def test_a_graph_is_drawn_and_nothing_is_started(folder: Path) -> None:
    assert launch(folder, "pipeline.yaml", "--draw", "mermaid").startswith("flowchart LR\n")
    picture = ElementTree.fromstring(launch(folder, "pipeline.yaml", "--draw", "svg"))
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert not (folder / "out").exists()


def test_the_schema_is_json_and_the_reference_is_text(folder: Path) -> None:
    schema = json.loads(launch(folder, "schema"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert launch(folder, "schema", "--markdown").startswith("# pipeline.yaml\n")


def test_a_reader_that_has_enough_is_no_fault(folder: Path) -> None:
    command = [sys.executable, str(PROJECT / "launcher.py"), "inspect", "detect"]
    read, write = os.pipe()
    os.close(read)  # as when `| head` has ended
    done = subprocess.run(
        command, cwd=folder, stdout=write, stderr=subprocess.PIPE, text=True, check=False, timeout=QUIET_S
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_new_stage_is_checked_and_inspected_where_it_was_written(folder: Path) -> None:
    said = launch(folder, "new-stage", "how_dim")
    assert said == "wrote how_dim.py\nwrote test_how_dim.py\nin a graph: type: how_dim.HowDim\n"
    assert "white  : The value of a pixel" in launch(folder, "inspect", "how_dim.HowDim")
    line = "source uri=samples/plaza.mp4 ! how_dim.HowDim ! json_sink location=a"
    assert "nothing wrong was found" in launch(folder, line, "--check")
    assert "how_dim.py exists; choose another name" in launch(folder, "new-stage", "how_dim", status=2)


def test_completion_prints_a_script_and_answers_it(folder: Path) -> None:
    assert "complete -o default -F" in launch(folder, "completion")
    assert launch(folder, "completion", "--", "pipeline.yaml", "--dr") == "--draw\n"


@pytest.mark.parametrize("command", ["", "drill", "inspect", "schema", "new-stage", "completion"])
def test_every_command_has_its_help(folder: Path, command: str) -> None:
    assert f"usage: launcher.py {command}".strip() in launch(folder, *filter(None, [command]), "--help")


LOADED = """
import contextlib, io, json, sys
import launcher
with contextlib.redirect_stdout(io.StringIO()):
    for arguments in (["inspect"], ["inspect", "detect"], ["schema"], ["pipeline.yaml", "--draw", "svg"]):
        assert launcher.main(arguments) == 0
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_to_inspect_and_to_draw_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=QUIET_S,
    )
    assert done.returncode == 0, done.stderr
    heavy = {"cv2", "torch", "torchvision", "tensorflow", "av", "openvino", "onnxruntime", "imageai"}
    assert not heavy & set(json.loads(done.stdout))
