"""launcher.py trace [FILE]: show where frames spend their time, in the running graph or in an earlier run."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from framegraph.support.commands import Command


class Trace(Command):
    line = "where frames spend their time, now or in an earlier run"
    description = (
        "Show where frames spend their time. Without FILE: in the running graph, by its samples "
        "(one frame in 25, and those tried again), and the timeline of the newest. With FILE: what a run "
        "wrote with --trace FILE."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="of a run with --trace FILE, or of --save")
        parser.add_argument(
            "--frame", metavar="SOURCE:SEQ", help="the timeline of this frame, e.g. source:25"
        )
        parser.add_argument("--run", metavar="ID", help="which graph, when several run")
        parser.add_argument(
            "--save", type=Path, metavar="FILE", help="for ui.perfetto.dev; of the running graph"
        )

    def parse(self, parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
        options = parser.parse_args(words)
        if options.file is not None and (options.run or options.save):
            parser.error("--run and --save are of a running graph: leave FILE out")
        return options

    def run(self, options: argparse.Namespace) -> int:
        if options.file is None:
            from framegraph.control.traced import describe_running

            print("\n".join(describe_running(options.run, options.frame, options.save)))
            return 0
        from framegraph.traces.timeline import describe_frame, describe_whole, read_trace

        read = read_trace(options.file)
        print("\n".join(describe_frame(read, options.frame) if options.frame else describe_whole(read)))
        return 0
