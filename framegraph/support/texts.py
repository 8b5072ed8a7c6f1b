"""Untrusted text, made safe for readers and files.

Names of files are bytes, travel in text as surrogates (PEP 383), and may have any character in them: one
that moves a terminal's cursor, or a line feed that forges a line of a log.
"""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def utf8_of(text: str) -> bytes:
    """Return a text as UTF-8 for a file that others read: invalid parts of a file's name become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()


def printable(text: str) -> str:
    """Return a text with control characters escaped; line feeds and tabs stay."""
    return _CONTROL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def in_one_line(text: str) -> str:
    """Return a name for display: line feeds and tabs are escaped as well."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def as_one_entry(text: str) -> str:
    """Return a text as one entry of a log: lines after the first are indented, so that none looks like an
    entry of its own."""
    return re.sub(r"\n(?=\S)", "\n    ", printable(text))
