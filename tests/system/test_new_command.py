"""A command is one file: whoever puts it there has it listed, completed, and obeyed by a running graph."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from framegraph.support.commands import Commands
from tests.controlling import Remote, launcher
from tests.launching import PROJECT, Launched
from tests.system.graphs import cheap_graph

HOW_MANY = '''
"""launcher.py how-many KIND: stages of a running graph."""

from framegraph.control.command import Answer, RunningCommand


class HowMany(RunningCommand):
    line = "so many stages of a kind run"
    description = "Count stages."

    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.add_argument("kind")
        parser.add_argument("--words", choices=("few", "many"), default="few")

    def run(self, options):
        from framegraph.control.client import find_run

        answer = self.ask(find_run(options.run), {"kind": options.kind})
        print(answer.text if options.words == "many" else answer.data["stages"])
        return 0

    def carry_out(self, parts, said):
        from framegraph.errors import GraphError

        stages = parts.state.graph.of_kind(said["kind"])
        yield
        if not stages:
            raise GraphError(f"how-many: there is no {said['kind']}")
        return Answer(f"{len(stages)} {said['kind']}s in run {parts.state.paths.run}", {"stages": len(stages)})

    def completions(self, before, last):
        return ["source", "sink"]
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with one file more; nothing else of it is changed."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(
        PROJECT / "framegraph", folder / "framegraph", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(PROJECT / "launcher.py", folder)
    (folder / "fashion_pipeline").symlink_to(PROJECT / "fashion_pipeline")
    (folder / "framegraph/control/commands/how_many.py").write_text(HOW_MANY, encoding="utf-8")
    return folder


def say(project: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(project / "launcher.py"), *words],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_listed_and_has_its_help(project: Path) -> None:
    assert "\n  how-many    so many stages of a kind run\n" in say(project, "--help")
    assert say(project, "how-many", "--help").startswith("usage: launcher.py how-many [-h] [--run ID]")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["how"], ["how-many"]),
        (["how-many", "--w"], ["--words"]),
        (["how-many", "--words", ""], ["few", "many"]),
        (["how-many", "s"], ["sink", "source"]),
    ],
)
def test_it_is_completed(project: Path, words: list[str], offered: list[str]) -> None:
    assert say(project, "completion", "--", *words).split() == offered


@pytest.fixture(scope="module")
def run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    folder = tmp_path_factory.mktemp("run")
    graph = cheap_graph(folder, frames=10**6, work={"sleep_ms": 20})
    with Launched(graph, "--set", "counter.drain=0.1s", folder=folder, project=project) as launched:
        yield launched


def test_a_running_graph_obeys_it(run: Launched) -> None:
    remote = Remote(run)
    asked = launcher(run, "how-many", "sink")
    assert (asked.returncode, asked.stdout) == (0, "2\n"), asked.stderr
    asked = launcher(run, "how-many", "sink", "--words", "many")
    assert (asked.returncode, asked.stdout) == (0, f"2 sinks in run {remote.folder.name}\n"), asked.stderr


def test_what_a_running_graph_refuses_is_said(run: Launched) -> None:
    Remote(run)
    asked = launcher(run, "how-many", "ordered")
    assert (asked.returncode, asked.stdout, asked.stderr) == (
        2,
        "",
        "launcher: how-many: there is no ordered\n",
    )
    assert "there is no command 'how-manny'; did you mean 'how-many'?" in Remote(run).refused("how-manny")


def test_a_file_that_is_no_command_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room/empty.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TypeError, match=r"empty\.py must define one Command, it defines 0"):
        Commands("room")["empty"]


def test_help_needs_nothing_that_is_installed() -> None:
    """So it answers at once, and also where nothing was installed yet."""
    done = subprocess.run(
        [sys.executable, "-E", "-S", str(PROJECT / "launcher.py"), "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "\n  attach      link a source into a running graph\n" in done.stdout
