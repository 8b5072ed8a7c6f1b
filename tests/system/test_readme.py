"""The launcher's commands in README.md and docs/ are right: those that run a graph are checked, others are run."""

import re
import shlex
from pathlib import Path

import pytest

import launcher
from tests.launching import PROJECT, launch_here

DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md")), PROJECT / "examples/README.md"]
_BLOCK = re.compile(r"^```sh\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
_IN_TEXT = re.compile(r"`(python launcher\.py [^`\n]+)`")
_START_NOTHING = {"inspect", "schema", "new-stage", "completion"}


def commands() -> list[str]:
    """Return the launcher's command lines in the order in which a reader meets them, each once."""
    found: dict[str, None] = {}
    for document in DOCUMENTS:
        if not document.exists():
            continue
        text = document.read_text(encoding="utf-8")
        shell = "\n".join(_BLOCK.findall(text)).replace("\\\n", " ")
        for line in [*shell.splitlines(), *_IN_TEXT.findall(text)]:
            if re.match(r"(python|\./)\s*launcher\.py\s", line.strip()):
                found[line.strip()] = None
    return list(found)


def arguments_of(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    words = words[2:] if words[0] == "python" else words[1:]
    redirected = [at for at, word in enumerate(words) if word in (">", "|")]
    return words[: redirected[0]] if redirected else words


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the reader sees it, with a film of theirs in it."""
    folder = tmp_path_factory.mktemp("readme")
    for name in (
        "launcher.py",
        "pipeline.yaml",
        "framegraph",
        "fashion_pipeline",
        "stages",
        "fashion",
        "models",
        "samples",
        "examples",
    ):
        (folder / name).symlink_to(PROJECT / name)
    (folder / "film.mp4").symlink_to(PROJECT / "samples/plaza.mp4")
    (folder / "films").mkdir()
    (folder / "films/film.mp4").symlink_to(PROJECT / "samples/plaza.mp4")
    return folder


def test_there_are_commands_to_check() -> None:
    assert "python launcher.py pipeline.yaml" in {line.partition("  ")[0] for line in commands()}


@pytest.mark.parametrize("line", commands())
def test_a_command_is_right(line: str, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = arguments_of(line)
    if any(word.upper() in ("NAME", "TYPE", "GRAPH") for word in arguments):
        arguments = ["--help" if word.isupper() else word for word in arguments]
    elif arguments[0] == "drill":
        # What it would harm is checked; the drill itself has tests of its own.
        arguments = [arguments[1], "--check"]
    elif arguments[0] not in launcher.COMMANDS:
        arguments = [*(word for word in arguments if word != "--resume"), "--check"]
    elif arguments[0] not in _START_NOTHING:
        # It speaks to a graph that runs: that there is such a command is what can be known here.
        arguments = [arguments[0], "--help"]
    monkeypatch.setenv("CAM_PASSWORD", "word")
    status, _out, said = launch_here(copy, *arguments)
    assert status == 0, f"{line}\n{said}"
