"""The command `fashion-pipeline`, which is launcher.py as well: arguments in, exit status out."""

import importlib.util
import sys
from pathlib import Path

from fashion_pipeline import GRAPHS_FOLDER, SAMPLE, STAGES, __version__
from framegraph.errors import GraphError
from framegraph.launch.arguments import refuse_passwords
from framegraph.support.commands import Commands, DefaultGraph
from framegraph.support.secrets import redact
from framegraph.view.printing import guard_streams, status_of_output

COMMANDS = Commands(
    "framegraph.control.commands",
    "framegraph.tools.commands",
    "fashion_pipeline.commands",
    version=f"fashion pipeline {__version__}",
    default=DefaultGraph(path=GRAPHS_FOLDER / "pipeline.yaml", source="camera", uri=str(SAMPLE)),
)
PROJECT = Path(__file__).resolve().parents[1]
INSTALL = (
    "run `make run` or `make install` once, then .venv/bin/python launcher.py …"
    if (PROJECT / "Makefile").is_file()
    else "install the package again, with what it needs"
)


def main(arguments: list[str]) -> int:
    """Do what the arguments say and return the exit status; SystemExit(2) when they cannot be understood."""
    try:
        is_named = bool(arguments) and arguments[0] in COMMANDS
        command = COMMANDS.find(arguments[0] if is_named else "")
        if command.refuses_passwords:
            refuse_passwords(arguments)
        options = command.parse(command.parser(), arguments[1:] if is_named else arguments)
        # Only now, so that --help and --version answer at once.
        from framegraph.graph.registry import add_library

        add_library(STAGES)
        return status_of_output(command.run(options), is_run=command.is_run(options))
    except SystemExit as ended:
        if ended.code:
            raise
        # argparse has answered --help or --version.
        return status_of_output(0, is_run=False)
    except GraphError as error:
        for problem in error.problems:
            print(f"launcher: {redact(problem)}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if importlib.util.find_spec((error.name or "").partition(".")[0] or "framegraph") is not None:
            raise
        print(f"launcher: {sys.executable} has no module {error.name}; {INSTALL}", file=sys.stderr)
        return 2


def run_as_program() -> None:
    """Do what the words of the command line say, and exit."""
    guard_streams()
    sys.exit(main(sys.argv[1:]))
