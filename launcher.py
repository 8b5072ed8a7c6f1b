#!/usr/bin/env python3
"""Run a graph of stages as processes: `python launcher.py pipeline.yaml`."""

import argparse
import contextlib
import importlib.util
import io
import random
import sys
from collections.abc import Callable
from pathlib import Path

from fashion_pipeline import STAGES, __version__
from framegraph.errors import GraphError
from framegraph.graph.registry import add_library
from framegraph.launch.arguments import add_graph, graph_words, number, parse_graph, refuse_passwords
from framegraph.support.secrets import redact
from framegraph.tools.describe.commands import inspect, new_stage, schema
from framegraph.view.printing import guard_streams, status_of_output

_ANSWERS = {"--check", "--draw"}
"""With these the first command says something, and runs nothing."""
INSTALL = "run `make run` or `make install` once, then .venv/bin/python launcher.py …"

# What runs is imported inside the commands, so that --help and --version answer at once.


def main(arguments: list[str]) -> int:
    add_library(STAGES)
    command = _COMMANDS.get(arguments[0]) if arguments else None
    try:
        if command is not completion:
            refuse_passwords(arguments)
        status = command(arguments[1:]) if command else run(arguments)
        return status_of_output(status, is_run=command is None and not _ANSWERS & _options(arguments))
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


def _options(arguments: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in arguments}


def run(arguments: list[str]) -> int:
    """launcher.py GRAPH: run it, or check it."""
    parser = argparse.ArgumentParser(
        prog="launcher.py",
        description="Run a graph of stages, each its own process.",
        epilog="other commands, each with its own --help:\n"
        + "\n".join(f"  {name:<12}{line}" for name, line in _LINES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_graph(parser)
    parser.add_argument("--check", action="store_true", help="check the graph and start nothing")
    parser.add_argument("--draw", choices=("mermaid", "svg"), help="print a drawing and start nothing")
    parser.add_argument(
        "--resume", action="store_true", help="go on where an earlier run on the same input was cut off"
    )
    parser.add_argument("--quiet", action="store_true", help="only warnings, errors and the summary")
    parser.add_argument("-v", "--verbose", action="store_true", help="every state change and library message")
    parser.add_argument(
        "--trace", type=Path, metavar="FILE", help="write when each frame was where, for `launcher.py trace`"
    )
    parser.add_argument(
        "--trace-every",
        type=int,
        metavar="N",
        help="note only each N-th frame (default: 1 with --trace, else 25; 0: none)",
    )
    parser.add_argument("--version", action="version", version=f"fashion pipeline {__version__}")
    options = parse_graph(parser, arguments, _COMMANDS)
    if options.trace_every is not None and options.trace_every < (1 if options.trace else 0):
        parser.error(f"--trace-every {options.trace_every}: N is 1 or more, or 0 without --trace")
    from framegraph.graph.reader import read_graph_argument
    from framegraph.launch.session import check_only, run_graph
    from framegraph.traces.recorder import SAMPLED_EVERY

    graph = read_graph_argument(options.graph, options.set)
    if options.check:
        return check_only(graph)
    if options.draw:
        from framegraph.tools.describe.drawing import draw

        print(draw(graph, options.draw), end="")
        return 0
    from framegraph.tools.plan.auto import resolve_auto

    graph = resolve_auto(graph, graph_words(options), lambda text: print(text, file=sys.stderr))
    every = options.trace_every
    if every is None:
        every = 1 if options.trace else SAMPLED_EVERY
    return run_graph(
        graph,
        quiet=options.quiet,
        verbose=options.verbose,
        resume=options.resume,
        trace=options.trace,
        every=every,
    )


def plan(arguments: list[str]) -> int:
    """launcher.py plan GRAPH: what it will reach on this machine, and what to set."""
    parser = argparse.ArgumentParser(
        prog="launcher.py plan",
        description="Measure each stage alone, and say what the graph reaches here and what holds it back.",
    )
    add_graph(parser)
    parser.add_argument("--seconds", type=number(float, 0.1), default=3.0, help="for each stage (default 3)")
    parser.add_argument("--cameras", type=number(int, 1), help="say whether so many cameras hold; with --fps")
    parser.add_argument(
        "--fps", type=number(float, 0.001), default=25.0, help="frames a second of each camera (default 25)"
    )
    options = parser.parse_args(arguments)
    from framegraph.graph.reader import read_graph_argument
    from framegraph.tools.plan.auto import remember
    from framegraph.tools.plan.forecast import forecast
    from framegraph.tools.plan.measure import cores, measure_graph
    from framegraph.tools.plan.report import describe, describe_sources

    graph = read_graph_argument(options.graph, options.set)
    costs = measure_graph(
        graph, graph_words(options), seconds=options.seconds, say=lambda text: print(text, file=sys.stderr)
    )
    remember(graph, costs)
    found = forecast(graph, costs, cores())
    print("\n".join(describe(graph, costs, found)))
    if options.cameras:
        print(describe_sources(found, options.cameras, options.fps, "camera"))
    return 0


def trace(arguments: list[str]) -> int:
    """launcher.py trace [FILE]: where frames spend their time, in the running graph or in an earlier run."""
    parser = argparse.ArgumentParser(
        prog="launcher.py trace",
        description="Show where frames spend their time. Without FILE: in the running graph, by its samples "
        "(one frame in 25, and those tried again), and the timeline of the newest. With FILE: what a run "
        "wrote with --trace FILE.",
    )
    parser.add_argument("file", type=Path, nargs="?", help="of a run with --trace FILE, or of --save")
    parser.add_argument("--frame", metavar="SOURCE:SEQ", help="the timeline of this frame, e.g. camera:25")
    parser.add_argument("--run", metavar="ID", help="which graph, when several run")
    parser.add_argument("--save", type=Path, metavar="FILE", help="for ui.perfetto.dev; of the running graph")
    options = parser.parse_args(arguments)
    if options.file is None:
        from framegraph.control.traced import describe_running

        print("\n".join(describe_running(options.run, options.frame, options.save)))
        return 0
    if options.run or options.save:
        parser.error("--run and --save are of a running graph: leave FILE out")
    from framegraph.traces.timeline import describe_frame, describe_whole, read_trace

    read = read_trace(options.file)
    print("\n".join(describe_frame(read, options.frame) if options.frame else describe_whole(read)))
    return 0


def drill(arguments: list[str]) -> int:
    """launcher.py drill GRAPH FAULT …: run it, harm its processes, say what was lost."""
    parser = argparse.ArgumentParser(
        prog="launcher.py drill",
        description="Run a graph, kill or stop its processes at random moments, and give a verdict.",
    )
    add_graph(parser)
    parser.add_argument(
        "fault", nargs="+", help="kill:any, kill:detect.1, kill:crop+film, again:film, stop:film"
    )
    parser.add_argument("--times", type=number(int, 1), default=5, help="faults in all (default 5)")
    parser.add_argument("--seed", type=int, help="to repeat a drill; printed when it is not given")
    parser.add_argument(
        "--max-pause", type=number(float, 0), default=1.5, help="seconds between faults, at most"
    )
    parser.add_argument("--stop", action="store_true", help="Ctrl-C after the last fault: for endless inputs")
    options = parser.parse_args(arguments)
    from framegraph.graph.reader import read_graph_argument
    from framegraph.tools.drill import Drill

    graph = read_graph_argument(options.graph, options.set)
    seed = options.seed if options.seed is not None else random.randrange(10**6)
    print(f"seed {seed}", flush=True)
    harm = Drill(graph, graph_words(options), options.fault, times=options.times, seed=seed)
    verdict = harm.go(max_pause_s=options.max_pause, stop_at_end=options.stop)
    print(verdict.describe())
    return 0 if verdict.passed else 1


def _running(verb: str) -> Callable[[list[str]], int]:
    """Return a command for a running graph: docs/control.md."""

    def command(arguments: list[str]) -> int:
        from framegraph.control.verbs import VERBS

        return VERBS[verb](arguments)

    return command


def completion(arguments: list[str]) -> int:
    """launcher.py completion: the script for bash, or what the last of WORDS may become."""
    parser = argparse.ArgumentParser(
        prog="launcher.py completion",
        description="Print a script for bash: source <(./launcher.py completion)",
    )
    parser.add_argument("words", nargs="*", help="after --: the words of a line; prints what may follow")
    options = parser.parse_args(arguments)
    from framegraph.tools.describe.completion import BASH, candidates

    if not options.words:
        print(BASH, end="")
    else:
        print("\n".join(candidates(options.words, _COMMANDS, _help_of)))
    return 0


def _help_of(command: str) -> str:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        main([command, "--help"] if command else ["--help"])
    return text.getvalue()


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    **{verb: _running(verb) for verb in ("attach", "detach", "list", "scale", "set", "stop")},
    "drill": drill,
    "plan": plan,
    "trace": trace,
    "inspect": inspect,
    "schema": schema,
    "new-stage": new_stage,
    "completion": completion,
}

_LINES = {
    "attach": "link a source into a running graph",
    "detach": "let a source of a running graph end",
    "list": "what runs, how fast, and how old each figure is",
    "scale": "more or fewer processes for a stage of a running graph",
    "set": "set a property of a running stage",
    "stop": "end a running graph, with its files complete",
    "drill": "run a graph, kill its processes, and say what was lost",
    "plan": "what a graph will reach on this machine, and what to set",
    "trace": "where frames spend their time, now or in an earlier run",
    "inspect": "a stage type: what it takes, gives and can be told",
    "schema": "the JSON Schema of pipeline.yaml, for editors",
    "new-stage": "a stage of your own and its test, to begin with",
    "completion": "the completion of these words for bash",
}
"""What each command does, for --help."""

if __name__ == "__main__":
    guard_streams()
    sys.exit(main(sys.argv[1:]))
