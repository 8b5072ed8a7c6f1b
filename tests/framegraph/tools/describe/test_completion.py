"""What Tab offers is what the launcher takes at that place."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import launcher
from framegraph.errors import GraphError
from framegraph.graph.registry import known_types
from framegraph.tools.describe.completion import candidates, script
from tests.launching import PROJECT


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pipeline.yaml", "samples", "models"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "more").mkdir()
    (tmp_path / "more/two.yml").touch()
    monkeypatch.chdir(tmp_path)


def offered(*words: str) -> list[str]:
    return candidates(list(words), launcher.COMMANDS)


def test_the_first_word_is_a_command_or_a_graph() -> None:
    found = offered("")
    assert {"drill", "inspect", "schema", "new-stage", "completion"} <= set(found)
    assert {"pipeline.yaml", "more/"} <= set(found)
    assert "notes.txt" not in found
    assert offered("insp") == ["inspect"]
    assert offered("more/") == ["more/two.yml"]
    assert offered("none/") == []


def test_options_are_those_of_the_command() -> None:
    assert {"--check", "--draw", "--resume", "--set", "--quiet", "--help"} <= set(
        offered("pipeline.yaml", "--")
    )
    assert offered("pipeline.yaml", "--dr") == ["--draw"]
    assert "--check" not in offered("drill", "--")
    assert {"--seed", "--times"} <= set(offered("drill", "--"))
    assert offered("schema", "--m") == ["--markdown"]


def test_the_words_of_an_option_are_offered() -> None:
    assert offered("pipeline.yaml", "--draw", "") == ["mermaid", "svg"]
    assert offered("drill", "pipeline.yaml", "--seed", "") == []


def test_inspect_is_offered_the_types() -> None:
    assert set(known_types()) <= set(offered("inspect", ""))
    assert offered("inspect", "vid") == ["video_sink"]


def test_set_is_offered_stages_properties_and_values() -> None:
    assert offered("pipeline.yaml", "--set", "camera.ur") == ["camera.uri="]
    assert "detect.replicas=" in offered("pipeline.yaml", "--set", "detect.")
    assert offered("pipeline.yaml", "--set", "camera.loop=") == ["camera.loop=false", "camera.loop=true"]
    assert offered("pipeline.yaml", "--set", "film.fsync=a") == ["film.fsync=always"]
    assert offered("--set", "camera.") == []
    assert offered("missing.yaml", "--set", "camera.") == []


def test_a_new_name_is_left_to_the_user() -> None:
    assert offered("new-stage", "") == []


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("./launcher.py insp", ["inspect"]),
        ("./launcher.py pipeline.yaml --dr", ["--draw"]),
        ("./launcher.py pipeline.yaml --draw ", ["mermaid", "svg"]),
        ("./launcher.py pipeline.yaml --set camera.ur", ["camera.uri="]),
        ("./launcher.py pipeline.yaml --set film.fsync=al", ["always"]),
        # Nothing of ours fits: bash goes on with the names of files.
        ("./launcher.py pipeline.yaml --set camera.uri=sam", []),
        ("an-installed-one pipeline.yaml --dr", ["--draw"]),
    ],
)
def test_bash_completes(tmp_path: Path, line: str, answer: list[str]) -> None:
    """The script in a real bash, called as Readline calls it."""
    name = line.split(maxsplit=1)[0].removeprefix("./")
    program = tmp_path / name
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {PROJECT / "launcher.py"} "$@"\n')
    program.chmod(0o755)
    commands = (
        "compopt() { :; }\n"  # it may be called only while Readline completes
        f"{script(name)}\nCOMP_LINE={shlex.quote(line)}; COMP_POINT=${{#COMP_LINE}}\n"
        f"set -- $(complete -p {line.split(maxsplit=1)[0]})\n"
        '"${@: -2:1}"; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", commands],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == answer


def test_a_program_without_a_name_of_its_own_is_not_completed() -> None:
    with pytest.raises(GraphError, match="not by 'python -m fashion_pipeline'"):
        script("python -m fashion_pipeline")
