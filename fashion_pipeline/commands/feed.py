"""launcher.py feed: run a graph for the Python program that has started this one."""

import argparse
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from framegraph.launch.arguments import add_graph, graph_words, read_graph
from framegraph.support.commands import Command, Commands, DefaultGraph


class Feed(Command):
    line = "run a graph for a Python program: fashion_pipeline.run calls this"
    description = "Run a graph whose records go to the program that has started this one (docs/python.md)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_graph(parser)
        parser.add_argument("--through", metavar="GRAPH", help="the graph, if the first word is its input")
        parser.add_argument("--pictures", action="store_true", help="hand over the pictures too")
        parser.add_argument(
            "--folder", type=Path, required=True, help="where the program's socket is, and the ledger goes"
        )

    def run(self, options: argparse.Namespace) -> int:
        from fashion_pipeline import GRAPHS_FOLDER, SAMPLE
        from fashion_pipeline.python.with_sink import read_with_input, with_app_sink, with_ledger
        from fashion_pipeline.stages.app_sink import READER
        from framegraph.launch.session import run_graph
        from framegraph.tools.plan.auto import resolve_auto

        program = os.getppid()
        threading.Thread(target=_end_with_program, daemon=True).start()
        os.environ[READER] = f"ipc://{options.folder / 'records'}"
        default = DefaultGraph(path=GRAPHS_FOLDER / "records.yaml", source="camera", uri=str(SAMPLE))
        if options.through:
            graph = read_with_input(options.through, options.graph, options.set)
            options.graph = options.through
        else:
            graph = read_graph(options, Commands(default=default))
        graph = with_ledger(with_app_sink(graph, pictures=options.pictures), options.folder)
        graph = resolve_auto(graph, graph_words(options), lambda text: print(text, file=sys.stderr))
        status = run_graph(graph, quiet=True, verbose=False, resume=False)
        if graph.ledger_path and graph.ledger_path.exists():
            copy = options.folder / "ledger.json"
            if graph.ledger_path != copy:
                shutil.copyfile(graph.ledger_path, copy)
        if os.getppid() != program:
            # It was killed, so nobody else removes its folder.
            shutil.rmtree(options.folder, ignore_errors=True)
        return status

    def is_run(self, options: argparse.Namespace) -> bool:
        return True


def _end_with_program() -> None:
    """Stop the run once the program has closed our standard input, on purpose or by its death."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
