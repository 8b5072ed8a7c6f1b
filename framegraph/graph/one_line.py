"""Graphs in one line, in the syntax of gst-launch, read into the same tree as pipeline.yaml.

    read uri=a.txt ! work name=w ! sink location=b.txt  w. ! sink location=b.jsonl

An element is a stage type and its properties; `!` links; `name=` names; `NAME.` continues from (or leads to)
a named element. Elements without a name are called TYPE0, TYPE1, … per type.
"""

from __future__ import annotations

import dataclasses
import itertools
import re

from framegraph.errors import GraphError
from framegraph.graph.yaml_text import Node, expand, node_from_text

FILE = "graph"
"""Used in errors in place of the file name of a pipeline.yaml: graph:LINE:COLUMN."""

_LINK = re.compile(r"\s!\s")
_PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*=")
_EXAMPLE = "e.g. read uri=in.txt ! work ! sink location=out.txt"


def is_one_line(text: str) -> bool:
    """Return whether a GRAPH argument is a graph itself, not the name of a file."""
    return _LINK.search(text) is not None


def read_one_line(text: str) -> Node:
    """Return the graph as the node that `read_yaml` would return for it; GraphError names the column."""
    return _Parser(text).parse()


@dataclasses.dataclass(frozen=True)
class _Word:
    """A word without its quotes. `is_quoted`: it had quotes, so its value is text."""

    text: str
    place: str
    is_quoted: bool = False

    def fail(self, problem: str) -> GraphError:
        return GraphError(f"{self.place}: {problem}")


@dataclasses.dataclass
class _Element:
    type: _Word
    name: _Word | None = None
    properties: dict[str, tuple[Node, Node]] = dataclasses.field(default_factory=dict)


class _Parser:
    """A parser in one pass over the words; after it every element has its name, and the links are known."""

    def __init__(self, text: str) -> None:
        self._words = _split(text)
        self._elements: list[_Element] = []
        self._chains: list[list[tuple[_Element | str, _Word]]] = []

    def parse(self) -> Node:
        if not self._words:
            raise GraphError(f"{FILE}:1:1: is empty; write elements with ! between them, {_EXAMPLE}")
        open_link: _Word | None = None
        for word in self._words:
            if word.text == "!" and not word.is_quoted:
                if open_link is not None or not self._chains:
                    raise word.fail(f"no element stands before this !; {_EXAMPLE}")
                open_link = word
            elif _PROPERTY.match(word.text):
                self._set(word, is_after_link=open_link is not None)
            else:
                self._stop(word, open_link)
                open_link = None
        if open_link is not None:
            raise open_link.fail("no element stands after this !; end the chain in a sink")
        return self._tree()

    def _stop(self, word: _Word, link: _Word | None) -> None:
        """Add an element, or the name of one, to the chain or as the first of a new one."""
        stop: _Element | str
        if word.text.endswith("."):
            stop = word.text[:-1]
        else:
            stop = _Element(word)
            self._elements.append(stop)
        if link is None:
            self._chains.append([])
        self._chains[-1].append((stop, link or word))

    def _set(self, word: _Word, *, is_after_link: bool) -> None:
        key, _equals, value = word.text.partition("=")
        element = self._chains[-1][-1][0] if self._chains and not is_after_link else None
        if not isinstance(element, _Element):
            raise word.fail(f"the property '{key}' belongs to no element; write it after the element's type")
        if key == "type":
            raise word.fail("an element's type is its first word; remove type=")
        if key == "name":
            if element.name is not None:
                raise word.fail("'name' is given twice; remove one")
            element.name = _Word(value, word.place)
            return
        if key in element.properties:
            raise word.fail(f"'{key}' is given twice; remove one")
        node = Node(expand(value, word.place), word.place) if word.is_quoted else _scalar(value, word.place)
        element.properties[key] = (Node(key, word.place), node)

    def _tree(self) -> Node:
        names = self._names()
        stages = {}
        for element in self._elements:
            type_ = (Node("type", element.type.place), Node(element.type.text, element.type.place))
            name = names[id(element)]
            stages[name] = (
                Node(name, (element.name or element.type).place),
                Node({"type": type_, **element.properties}, element.type.place),
            )
        links = [
            Node(f"{_name(up, names)} ! {_name(down, names)}", link.place)
            for chain in self._chains
            for (up, _before), (down, link) in itertools.pairwise(chain)
        ]
        top = {"stages": stages, "links": links}
        return Node({key: (Node(key, _START), Node(value, _START)) for key, value in top.items()}, _START)

    def _names(self) -> dict[int, str]:
        given: dict[str, _Word] = {}
        for element in self._elements:
            if element.name is not None:
                if element.name.text in given:
                    raise element.name.fail(f"two elements are named '{element.name.text}'; rename one")
                given[element.name.text] = element.name
        names = {}
        for element in self._elements:
            if element.name is not None:
                names[id(element)] = element.name.text
                continue
            factory = element.type.text.rpartition(".")[2].lower()
            name = next(word for number in itertools.count() if (word := f"{factory}{number}") not in given)
            given[name] = element.type
            names[id(element)] = name
        return names


_START = f"{FILE}:1:1"


def _name(stop: _Element | str, names: dict[int, str]) -> str:
    return stop if isinstance(stop, str) else names[id(stop)]


def _scalar(text: str, place: str) -> Node:
    """Return an unquoted value as YAML reads it, so that 0.5 is a number; {source} stays text."""
    return Node(expand(text, place), place) if text.startswith("{") else node_from_text(text, place)


def _split(text: str) -> list[_Word]:
    """Split at blanks, as a shell does: quotes hold a word together, a backslash escapes the next
    character."""
    words: list[_Word] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        place, quote, quote_at, is_quoted, letters = _place(text, at), "", 0, False, []
        while at < len(text) and (quote or not text[at].isspace()):
            letter = text[at]
            if letter == "\\" and quote != "'" and at + 1 < len(text):
                at += 1
                letters.append(text[at])
            elif quote and letter == quote:
                quote = ""
            elif not quote and letter in "'\"":
                quote, quote_at, is_quoted = letter, at, True
            else:
                letters.append(letter)
            at += 1
        if quote:
            raise GraphError(f"{_place(text, quote_at)}: this quote is not closed; close it with {quote}")
        words.append(_Word("".join(letters), place, is_quoted))
    return words


def _place(text: str, at: int) -> str:
    before = text[:at]
    return f"{FILE}:{before.count(chr(10)) + 1}:{at - before.rfind(chr(10))}"
