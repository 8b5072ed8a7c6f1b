"""Passwords in addresses: which texts hold one, how an address is shown, and logs without them.

Every text that leaves a process for a human or a file passes `redact`: it knows the passwords of this run, as
they are and percent-encoded, and how any address with a password looks.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote

SECRET_KEYS = "password|passwd|pass|pwd|token|secret|key"
"""Names of query values that are never shown."""
MIN_ALONE_CHARS = 4
"""A shorter password is only looked for inside addresses: every text has an "a" in it."""
HIDDEN = "***"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_QUERY_SECRET = re.compile(rf"(?i)([?&](?:{SECRET_KEYS})=)([^&#\s'\"]*?)(?=:?(?:[&#\s'\"]|$))")
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d+)?")

_known: set[str] = set()


def split_address(address: str) -> tuple[str, str, str]:
    """Return scheme, "user:password" ("" for none) and the rest of an address; a plain path is all rest."""
    match = _SCHEME.match(address)
    if match is None:
        return "", "", address
    rest = address[match.end() :]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    at = -1
    if "@" in authority:
        at = authority.rindex("@")
    elif "@" in rest and not _HOST_AND_PORT.fullmatch(authority):
        # A password with an unescaped "/" in it: what stands before the "/" is no host and port.
        at = rest.rindex("@")
    return match[0], rest[: max(at, 0)], rest[at + 1 :]


def without_password(address: str) -> str:
    """Return an address as it may be shown: without user, password and secret query values.

    A plain path is returned as it is.
    """
    scheme, _user, rest = split_address(address)
    return scheme + _QUERY_SECRET.sub(rf"\g<1>{HIDDEN}", rest) if scheme else address


def without_passwords(text: str) -> str:
    """Return a text whose addresses have no user and password, not even one that names a variable."""
    return _ADDRESS.sub(lambda match: without_password(match[0]), text)


def passwords_in(text: str) -> set[str]:
    """Return the passwords of all addresses in a text, as they stand there and decoded."""
    found = set()
    for address in _ADDRESS.findall(text):
        _scheme, user, rest = split_address(address)
        found.add(user.partition(":")[2])
        found.update(match[2] for match in _QUERY_SECRET.finditer(rest))
    return {form for word in found - {"", HIDDEN} for form in (word, unquote(word))}


def learn(values: Any) -> None:
    """Remember the passwords of all addresses in text, lists and maps: `redact` then hides them."""
    if isinstance(values, str):
        for word in passwords_in(values):
            _known.update({word, quote(word, safe="")})
    elif isinstance(values, Mapping):
        for value in values.values():
            learn(value)
    elif isinstance(values, Iterable):
        for value in values:
            learn(value)


def redact(text: str) -> str:
    """Return a text without passwords: addresses lose theirs, known ones are hidden wherever they stand."""
    text = _ADDRESS.sub(_shown, text)
    # The longest first: one password may be the beginning of another.
    for word in sorted(_known, key=len, reverse=True):
        if len(word) >= MIN_ALONE_CHARS:
            text = text.replace(word, HIDDEN)
    return text


def _shown(match: "re.Match[str]") -> str:
    """An address as it may be shown; one that only names a variable is what the remedies tell."""
    names_variable = "${" in split_address(match[0])[1]
    return match[0] if names_variable else without_password(match[0])


def redact_values(values: Any) -> Any:
    """Return plain values with every text in them redacted."""
    if isinstance(values, str):
        return redact(values)
    if isinstance(values, Mapping):
        return {name: redact_values(value) for name, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [redact_values(value) for value in values]
    return values


def holds_secret(text: str) -> bool:
    """Say whether a text is or holds one of the known passwords."""
    is_inside = any(len(word) >= MIN_ALONE_CHARS and word in text for word in _known)
    return is_inside or text in _known or bool(passwords_in(text) & _known)


def environment_without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that hold none of the known passwords: what a child is started with."""
    return {name: value for name, value in environment.items() if not _known or not holds_secret(value)}


def are_known() -> bool:
    """Say whether any password was learnt."""
    return bool(_known)
