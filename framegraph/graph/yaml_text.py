"""YAML with positions: every value has its file, line and column, for use in errors."""

from __future__ import annotations

import codecs
import dataclasses
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from framegraph.errors import GraphError
from framegraph.graph.problems import Problems
from framegraph.support import secrets

_VARIABLE = re.compile(r"\$\{(file:)?([^}]*)\}")
_BRACE_IN_VALUE = re.compile(r"[\w$/.-]\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_A_SHELL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:?[-+?=])")
_MERGE = "tag:yaml.org,2002:merge"
_HOME = re.compile(r"~[\w.-]*/")
MAX_GRAPH_BYTES, MAX_NODES = 1_000_000, 100_000
ON_COMMAND_LINE = "on the command line can be read by every user of this machine (ps)"


@dataclasses.dataclass(frozen=True)
class Node:
    """A value with its position. `value` is a scalar, a list of nodes, or a dict of key to (key node,
    node)."""

    value: Any
    place: str

    def fail(self, problem: str) -> GraphError:
        return GraphError(f"{self.place}: {problem}")

    def mapping(self, what: str) -> dict[str, tuple[Node, Node]]:
        if not isinstance(self.value, dict):
            raise self.fail(f"{what} must be a map of names to values, found {_kind(self.value)}")
        return self.value

    def plain(self) -> Any:
        """Return the value as plain Python, without positions."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, (_key, node) in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    return {dict: "a map", list: "a list", str: "text", bool: "true or false"}.get(type(value), "a number")


def read_yaml(path: Path) -> Node:
    """Read one YAML document with positions; GraphError names file, line and column."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_GRAPH_BYTES + 1)
        # A file that is not text gets that error, however long it is; the last character may be cut in two.
        codecs.getincrementaldecoder("utf-8")().decode(content, final=len(content) <= MAX_GRAPH_BYTES)
        if len(content) > MAX_GRAPH_BYTES:
            raise GraphError(f"{path}: has more than {MAX_GRAPH_BYTES} bytes; a graph has some hundred lines")
        text = content.decode("utf-8")
    except FileNotFoundError:
        raise GraphError(f"{path}: no such file; name the graph, for example pipeline.yaml") from None
    except IsADirectoryError:
        raise GraphError(f"{path}: is a folder; name the graph file in it") from None
    except OSError as error:
        raise GraphError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        remedy = (
            "save it as UTF-8" if path.suffix in (".yaml", ".yml") else "name the graph, and inputs by --set"
        )
        raise GraphError(f"{path}: is not UTF-8 text (byte {error.start}); {remedy}") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        problem = error.problem or error.context or ""
        line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
        raise GraphError(f"{place}: is not YAML: {problem}{_yaml_remedy(problem, line)}") from None
    except yaml.YAMLError as error:
        raise GraphError(f"{path}: is not YAML: {error}") from None
    except RecursionError:
        raise GraphError(f"{path}: is nested too deeply to be a graph") from None
    if root is None:
        raise GraphError(f"{path}:1:1: is empty; a graph has 'stages' and 'links'")
    try:
        if _count_nodes(root) > MAX_NODES:
            raise GraphError(f"{path}: its anchors stand for over {MAX_NODES} values; write the values out")
        return _node(root, str(path))
    except RecursionError:
        raise GraphError(f"{path}: an anchor refers to itself; write the values out") from None


def _count_nodes(root: yaml.Node) -> int:
    """Return how many values a document would have with each alias written out, without expanding them."""
    counts: dict[int, int] = {}

    def count(node: yaml.Node) -> int:
        if id(node) not in counts:
            children = node.value if isinstance(node, yaml.CollectionNode) else []
            flat = [each for child in children for each in (child if isinstance(child, tuple) else (child,))]
            # A node below itself would never end; `_node` reports it.
            counts[id(node)] = 1
            counts[id(node)] = 1 + sum(map(count, flat))
        return counts[id(node)]

    return count(root)


def _yaml_remedy(problem: str, line: str) -> str:
    """Return a hint, "; …", for mistakes that YAML's own message does not explain."""
    if "'\\t'" in problem:
        return "; indent with spaces, not with tabs"
    if "another document" in problem:
        return "; a graph file holds one, remove the line ---"
    if _BRACE_IN_VALUE.search(line):
        return "; put a value with { and } into quotes, e.g. uri: '${ADDRESS}'"
    return ""


def node_from_text(text: str, place: str) -> Node:
    """Read a single value, as given with --set. What is not YAML, such as *.txt, is text as it stands, and
    so is what YAML would split: `part 1: begun.txt`, `part #3.txt`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return Node(expand(text, place), place)
    is_block = isinstance(root, yaml.CollectionNode) and not root.flow_style
    is_bare = isinstance(root, yaml.ScalarNode) and root.style is None and root.tag.endswith(":str")
    if is_block or is_bare:
        return Node(expand(text, place), place)
    return _node(root, place, is_single=True) if root is not None else Node("", place)


def _node(node: yaml.Node, file: str, is_single: bool = False) -> Node:
    place = file if is_single else f"{file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
    if isinstance(node, yaml.MappingNode):
        return Node(_mapping(node, file, is_single), place)
    if isinstance(node, yaml.SequenceNode):
        problems = Problems()
        items = []
        for item in node.value:
            with problems.catch():
                items.append(_node(item, file, is_single))
        problems.raise_if_any()
        return Node(items, place)
    if isinstance(node, yaml.ScalarNode) and node.style is None and (trap := _trap(node)):
        raise GraphError(f"{place}: {trap}")
    try:
        scalar: Any = yaml.SafeLoader("").construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as error:
        problem = getattr(error, "problem", None) or str(error)
        raise GraphError(f"{place}: '{node.value}' cannot be read: {problem}; quote text") from None
    if not isinstance(scalar, str):
        return Node(scalar, place)
    if not is_single:  # passwords on the command line are refused by its own parser
        refuse_literal_password(scalar, place, in_file=True)
    return Node(expand(scalar, place), place)


def _mapping(node: yaml.MappingNode, file: str, is_single: bool) -> dict[str, tuple[Node, Node]]:
    found: dict[str, tuple[Node, Node]] = {}
    merged: dict[str, tuple[Node, Node]] = {}
    problems = Problems()
    for key, value in node.value:
        with problems.catch():
            if key.tag == _MERGE:
                for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    merged = _node(each, file, is_single).mapping("what << merges") | merged
                continue
            key_node = _node(key, file, is_single)
            if not isinstance(key_node.value, str):
                raise key_node.fail(f"a name must be text, found {key_node.value!r}")
            if key_node.value in found:
                raise key_node.fail(f"'{key_node.value}' is given twice; remove one")
            found[key_node.value] = (key_node, _node(value, file, is_single))
    problems.raise_if_any()
    return {**merged, **found}


def _trap(node: yaml.ScalarNode) -> str:
    """Return the problem and remedy for text that YAML 1.1 unexpectedly reads as a number."""
    text, tag = str(node.value), node.tag.rpartition(":")[2]
    if tag in ("int", "float") and ":" in text:
        seconds = yaml.SafeLoader("").construct_object(node)
        return (
            f"YAML reads {text} as {seconds:g}, because it counts in sixties; "
            f"put text into quotes, and write a time as {seconds:g}s"
        )
    if tag == "int" and re.fullmatch(r"[-+]?0[0-7_]+", text):
        number = yaml.SafeLoader("").construct_object(node)
        return (
            f"YAML reads {text} as {number}, because it counts in eights; "
            "quote text, write a number without 0"
        )
    if tag == "timestamp":
        return f"YAML reads {text} as a date; put text into quotes"
    return ""


def expand(text: str, place: str) -> str:
    """Replace ${NAME} by the environment's value and ${file:PATH} by the first line of a file, and a ~ before
    a path by the home folder.

    As the password (or user) of an address a value is percent-encoded, so it may have any character. Raises
    GraphError for a variable that is not set and a file that cannot be read. `secrets` learns the passwords.
    """

    def value_of(match: re.Match[str]) -> str:
        value = _from_file(match[2], place) if match[1] else _from_environment(match[2], place)
        if _is_secret(match, value, text):
            secrets.learn_value(value)
        return quote(value, safe="", errors="surrogateescape") if _is_in_user(text, match) else value

    if _HOME.match(text):  # as a shell expands it when it stands alone
        text = os.path.expanduser(text)
    if "${" not in text:
        return text
    for match in _VARIABLE.finditer(text):
        shell = _OF_A_SHELL.match(match[2])
        if not match[1] and shell:
            name, sign = shell.groups()
            raise GraphError(
                f"{place}: '${{{name}{sign}…}}' is of a shell; here a variable is ${{{name}}}, "
                f"and it has to be set: export {name}=…"
            )
        # An address with it would be retried for ever; elsewhere it may be a stage's own text.
        if not (match[1] or _NAME.fullmatch(match[2])) and "://" in text:
            raise GraphError(
                f"{place}: '${{{match[2]}}}' names no variable: letters, digits and _ make a name, ${{NAME}}"
            )
    expanded = _VARIABLE.sub(
        lambda match: value_of(match) if match[1] or _NAME.fullmatch(match[2]) else match[0], text
    )
    secrets.learn(expanded)
    if "://" in text:
        secrets.learn_address(expanded, secrets.without_password(_VARIABLE.sub(secrets.HIDDEN, text)))
    return expanded


def _is_secret(match: re.Match[str], value: str, text: str) -> bool:
    """Return whether a value inserted into a text is secret: it comes from a file, is in an address, or has
    a secret name. In a whole address only the passwords are secret; a path is not."""
    if "://" in value or secrets.is_plain_path(value):
        return False
    return bool(match[1]) or "://" in text or secrets.is_secret_name(match[2])


def refuse_literal_password(text: str, place: str, *, in_file: bool = False) -> None:
    """Raise GraphError for an address with a password on the command line, where `ps` shows it, or in a
    graph file, which is shared and versioned."""
    if any(_VARIABLE.sub("", word) for word in secrets.passwords_in(text)):
        readers = "in a graph file can be read by all who get it" if in_file else ON_COMMAND_LINE
        raise GraphError(
            f"{secrets.redact(secrets.without_passwords(place))}: a password {readers}; "
            "put it into a variable or a file: 'http://user:${PASSWORD}@host/…' or "
            "'http://user:${file:/path/to/password}@host/…', in single quotes"
        )


def _is_in_user(text: str, match: re.Match[str]) -> bool:
    """Return whether a variable is between the :// and the @ of an address."""
    before, after = text[: match.start()], text[match.end() :]
    return bool(re.search(r"://[^/?#@]*$", _VARIABLE.sub("", before))) and bool(
        re.match(r"[^/?#@]*@", _VARIABLE.sub("", after))
    )


def _from_environment(name: str, place: str) -> str:
    if name not in os.environ:
        raise GraphError(f"{place}: the environment has no {name}; set it, e.g. export {name}=…")
    return os.environ[name]


def _from_file(path: str, place: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.readline().rstrip("\r\n")
    except (OSError, ValueError) as error:  # also raised for a name with a zero byte
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text, or no name"
        raise GraphError(
            f"{place}: {path} cannot be read: {reason}; name a file with the value in its first line"
        ) from None
