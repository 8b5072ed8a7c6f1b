"""fashion-pipeline export RESULTS --to FORMAT: records in the formats of other tools."""

import argparse
from pathlib import Path

from framegraph.support.commands import Command


class Export(Command):
    line = "results as COCO, MOT Challenge, Parquet, CSV or CVAT"
    description = "Write what json_sink has written in the format of another tool: docs/exports.md."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        from fashion_pipeline.export import find, names

        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = "formats:\n" + "\n".join(f"  {name:<8} {find(name).line}" for name in names())
        parser.add_argument(
            "results",
            nargs="+",
            help="a results.jsonl; several of one run, a glob, or a location with {time} or {index}; - for "
            "standard input",
        )
        parser.add_argument("--to", required=True, choices=names(), help="the format, see below")
        parser.add_argument(
            "--out", type=Path, help="the new file or folder (default: beside a single file of results)"
        )
        parser.add_argument("--run", default="", help="only lines of this run, where files hold several")

    def run(self, options: argparse.Namespace) -> int:
        from fashion_pipeline.export.shared.exporting import export

        try:
            print(export(options.results, options.to, out=options.out, run=options.run))
        except KeyboardInterrupt:
            return 130
        return 0
