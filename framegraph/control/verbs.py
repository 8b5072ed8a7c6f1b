"""The launcher's commands for a running graph: arguments in, one request, its answer printed.

Variables are expanded here: the environment of who types the command is meant, and the value goes over the
socket, never onto a command line.
"""

import argparse
import json
import os
import re
from collections.abc import Callable
from typing import Any

from framegraph.control.client import RunningGraph, ask, find_run, wait_for_end
from framegraph.errors import GraphError
from framegraph.graph.yaml_text import expand, node_from_text, refuse_literal_password
from framegraph.view.listing import listing

ATTACH_LIMIT_S = 90.0
"""Loading a source and telling every process of it."""
SCALE_LIMIT_S = 150.0
"""Loading a model, or finishing what a replica holds."""
ANSWER_LIMIT_S = 30.0
END_LIMIT_S = 300.0
"""Until the sinks have completed their files."""


def attach(arguments: list[str]) -> int:
    """launcher.py attach NAME URI: link a source into the running graph."""
    parser = _parser("attach", "Attach a source to the running graph.")
    parser.add_argument("name", help="of the source; stands for {source} in locations")
    parser.add_argument(
        "uri", help="a file, or an address; a password as '${PASSWORD}' or '${file:PATH}', in single quotes"
    )
    parser.add_argument(
        "--to", action="append", default=[], metavar="STAGE", help="default: as the graph's first source"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="PROPERTY=VALUE", help="e.g. max-fps=10, priority=2"
    )
    options = parser.parse_args(arguments)
    place = f"attach {options.name}"
    values: dict[str, Any] = {}
    for text in options.set:
        word, equals, value = text.partition("=")
        if not (equals and word):
            raise GraphError(f"{place}: --set {text}: expected PROPERTY=VALUE, e.g. --set max-fps=10")
        refuse_literal_password(value, place)
        values[word] = node_from_text(value, f"{place}: --set {word}").plain()
    refuse_literal_password(options.uri, place)
    running = find_run(options.run)
    values["uri"] = _from_its_folder(expand(options.uri, place), running)
    said = {"name": options.name, "properties": values, "to": options.to}
    return _ask(running, "attach", said, ATTACH_LIMIT_S)


def detach(arguments: list[str]) -> int:
    """launcher.py detach NAME: let a source end, and free what it has."""
    parser = _parser("detach", "Let a source of the running graph end: what is under way gets 5 s (drain).")
    parser.add_argument("name")
    options = parser.parse_args(arguments)
    return _ask(find_run(options.run), "detach", {"name": options.name}, ATTACH_LIMIT_S)


def scale(arguments: list[str]) -> int:
    """launcher.py scale STAGE N: more or fewer processes for a worker."""
    parser = _parser("scale", "Change the number of replicas of a worker.")
    parser.add_argument("stage")
    parser.add_argument("replicas", type=int, metavar="N")
    options = parser.parse_args(arguments)
    said = {"stage": options.stage, "replicas": options.replicas}
    return _ask(find_run(options.run), "scale", said, SCALE_LIMIT_S)


def set_property(arguments: list[str]) -> int:
    """launcher.py set STAGE.PROPERTY=VALUE: of those that can be set while running."""
    parser = _parser("set", "Set a property of a running stage.")
    parser.add_argument("assignment", metavar="STAGE.PROPERTY=VALUE")
    options = parser.parse_args(arguments)
    target, equals, text = options.assignment.partition("=")
    stage, dot, word = target.partition(".")
    if not (equals and dot and stage and word):
        raise GraphError(f"set {target}: expected STAGE.PROPERTY=VALUE, e.g. set detect.timeout=60s")
    place = f"set {target}"
    refuse_literal_password(text, place)
    said = {"stage": stage, "property": word, "value": node_from_text(text, place).plain()}
    return _ask(find_run(options.run), "set", said, ANSWER_LIMIT_S)


def list_graph(arguments: list[str]) -> int:
    """launcher.py list: what runs, how fast, and how old each figure is."""
    parser = _parser("list", "Show the processes and sources of the running graph.")
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    options = parser.parse_args(arguments)
    running = find_run(options.run)
    answer = ask(running, "list", {}, ANSWER_LIMIT_S)
    print(json.dumps(answer["data"], indent=2) if options.json else listing(answer["data"]))
    return 0


def stop(arguments: list[str]) -> int:
    """launcher.py stop: end the run as the first Ctrl-C does, and wait for its files."""
    parser = _parser("stop", "End the running graph: sources send EOS, the sinks complete their files.")
    options = parser.parse_args(arguments)
    running = find_run(options.run)
    status = _ask(running, "stop", {}, ANSWER_LIMIT_S)
    if status == 0 and not wait_for_end(running, END_LIMIT_S):
        raise GraphError(f"stop: run {running.run} is still finishing after {END_LIMIT_S:g} s; see list")
    return status


def _parser(verb: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"launcher.py {verb}", description=description)
    parser.add_argument("--run", metavar="ID", help="which graph, when several run")
    return parser


def _ask(running: RunningGraph, verb: str, arguments: dict[str, Any], timeout_s: float) -> int:
    answer = ask(running, verb, arguments, timeout_s)
    if not answer["ok"]:
        raise GraphError(answer["text"])
    print(answer["text"])
    return 0


def _from_its_folder(uri: str, running: RunningGraph) -> str:
    """A relative path is meant from where the command is typed, which need not be where the graph runs."""
    is_path = not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", uri)
    return os.path.join(os.getcwd(), uri) if is_path and os.getcwd() != running.cwd else uri


VERBS: dict[str, Callable[[list[str]], int]] = {
    "attach": attach,
    "detach": detach,
    "list": list_graph,
    "scale": scale,
    "set": set_property,
    "stop": stop,
}
