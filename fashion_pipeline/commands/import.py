"""fashion-pipeline import RESULTS --into DB: results of an earlier run into a database."""

import argparse
from pathlib import Path

from framegraph.errors import GraphError
from framegraph.support.commands import Command


class Import(Command):
    line = "results of an earlier run into a database"
    description = "Write what a json_sink recorded into the database of a store_sink, to be asked."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("results", nargs="+", type=Path, help="files that a json_sink has written")
        parser.add_argument("--into", default="out/store.db", metavar="DB", help="default: out/store.db")

    def run(self, options: argparse.Namespace) -> int:
        from fashion_pipeline.store.importing import import_lines

        for path in options.results:
            try:
                with path.open(encoding="utf-8") as lines:
                    written, known = import_lines(str(path), lines, options.into)
            except OSError as error:
                raise GraphError(f"{path}: {error.strerror}; name a file of a json_sink") from None
            there = f", {known} were there" if known else ""
            print(f"{path}: {written} frames written{there}")
        return 0
