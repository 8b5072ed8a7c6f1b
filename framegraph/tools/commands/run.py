"""launcher.py GRAPH: run, check or draw a graph. The launcher's default command."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from framegraph.errors import GraphError
from framegraph.launch.arguments import add_graph, graph_words, parse_graph, read_graph
from framegraph.support.commands import Command, program


class Run(Command):
    line = "run a graph, or the default graph on an input"
    description = "Run a graph of stages, each its own process."

    def parser(self) -> argparse.ArgumentParser:
        parser = super().parser()
        if self.name:
            return parser
        parser.epilog = "other commands, each with its own --help:\n" + "\n".join(
            f"  {name:<12}{command.line}" for name, command in self.commands.items()
        )
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_graph(parser, is_optional=bool(self.name))
        parser.add_argument("--check", action="store_true", help="check the graph and start nothing")
        parser.add_argument("--draw", choices=("mermaid", "svg"), help="print a drawing and start nothing")
        parser.add_argument(
            "--resume",
            action="store_true",
            help="continue where an earlier run on the same input was cut off",
        )
        parser.add_argument("--quiet", action="store_true", help="only warnings, errors and the summary")
        parser.add_argument(
            "-v", "--verbose", action="store_true", help="every state change and library message"
        )
        parser.add_argument(
            "--trace",
            type=Path,
            metavar="FILE",
            help=f"write where each frame was and when, for `{program()} trace`",
        )
        parser.add_argument(
            "--trace-every",
            type=int,
            metavar="N",
            help="note only each N-th frame (default: 1 with --trace, else 25; 0: none)",
        )
        parser.add_argument("--version", action="version", version=self.commands.version)

    def parse(self, parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
        options = parse_graph(parser, words, self.commands)
        if options.trace_every is not None and options.trace_every < (1 if options.trace else 0):
            parser.error(f"--trace-every {options.trace_every}: N is 1 or more, or 0 without --trace")
        return options

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.launch.batch import run_batch
        from framegraph.launch.batch_graph import batch_of
        from framegraph.launch.session import check_only, run_graph
        from framegraph.traces.recorder import SAMPLED_EVERY

        graph = read_graph(options, self.commands)
        batch = batch_of(graph)
        if options.check:
            return check_only(graph, batch)
        if options.draw:
            from framegraph.tools.describe.drawing import draw

            print(draw(graph, options.draw), end="")
            return 0
        from framegraph.tools.plan.auto import resolve_auto

        words = [*graph_words(options), *(batch.words if batch else ())]
        graph = resolve_auto(graph, words, lambda text: print(text, file=sys.stderr))
        every = options.trace_every
        if every is None:
            every = 1 if options.trace else SAMPLED_EVERY
        if batch is not None:
            if options.trace:
                raise GraphError(f"--trace is for one input, here are {len(batch.uris)}; name one of them")
            batch = dataclasses.replace(batch, graph=graph)
            return run_batch(batch, quiet=options.quiet, verbose=options.verbose, every=every)
        return run_graph(
            graph,
            quiet=options.quiet,
            verbose=options.verbose,
            resume=options.resume,
            trace=options.trace,
            every=every,
        )

    def is_run(self, options: argparse.Namespace) -> bool:
        return not (options.check or options.draw)

    def completions(self, before: Sequence[str], last: str) -> list[str]:
        from framegraph.tools.describe.completion import graphs

        return [*([] if before else self.commands), *graphs(last)]
