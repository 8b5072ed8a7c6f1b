"""Passwords: finding them in texts, removing them, and displaying addresses.

Every text that leaves a process for a human or a file passes `redact`. It hides the values that this run
knows to be secret, in each form that they can take, and also whatever looks like a password in any address.
Nothing here takes longer than a text is long: texts come from strangers.
"""

import base64
import html
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus, unquote

SECRET_ENDINGS = (
    *("password", "passwd", "pass", "pas", "pwd", "pw", "passphrase", "pin"),
    *("token", "jwt", "bearer", "secret", "key", "auth", "authorization", "credential", "credentials"),
    *("sig", "signature", "session", "sessionid", "sid"),
)
"""Endings of names whose values in an address are never shown, e.g. `api_key` and `loginpas`."""
MIN_ALONE_CHARS = 4
"""A shorter value is only looked for inside addresses: every text has an "a" in it."""
MIN_BASE64_CHARS = 6
HIDDEN = "***"
MAX_TEXT_CHARS = 20_000
"""Limit of one displayed text: the rest is cut off first."""

_MAX_SCHEME_CHARS, _MAX_NAME_CHARS = 20, 64
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,19}://")
_SCHEME_CHARS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+.-")
_END_OF_ADDRESS = re.compile(r"[\s'\"<>]")
_END_OF_VALUE = re.compile(r"[&;#/,\s'\"<>]")
_BEFORE_NAME = "?&;/,#=:@"
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d+)?")

_known: set[str] = set()
"""All forms of all secret values."""
_shown_as: dict[str, str] = {}
"""{an address with secret values in it: the same as it may be shown}."""


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
        # A password with an unescaped "/" in it: the part before the "/" is not a host and port.
        at = rest.rindex("@")
    return match[0], rest[: max(at, 0)], rest[at + 1 :]


def without_password(address: str) -> str:
    """Return an address as it may be shown: without user, password and secret values.

    A plain path is returned as it is.
    """
    scheme, _user, rest = split_address(address)
    if not scheme:
        return address
    if address in _shown_as:
        return without_password(_shown_as[address])
    for start, end in reversed(list(_secret_values(rest))):
        if not rest.startswith("${", start):
            rest = rest[:start] + HIDDEN + rest[end:]
    return _without_known(scheme + rest)


def without_passwords(text: str) -> str:
    """Return a text whose addresses have no user and password, not even one that names a variable."""
    return _with_addresses(text, without_password)


def passwords_in(text: str) -> set[str]:
    """Return the passwords of all addresses in a text, as they stand there and decoded."""
    found = set()
    for start, end in _addresses(text):
        _scheme, user, rest = split_address(text[start:end])
        found.add(user.partition(":")[2])
        found.update(rest[low:high] for low, high in _secret_values(rest))
    return {form for word in found - {"", HIDDEN} for form in (word, unquote(word))}


def learn(values: Any) -> None:
    """Remember the passwords of all addresses in text, lists and maps: `redact` then hides them."""
    if isinstance(values, str):
        for word in passwords_in(values):
            learn_value(word)
    elif isinstance(values, Mapping):
        for value in values.values():
            learn(value)
    elif isinstance(values, Iterable):
        for value in values:
            learn(value)


def learn_value(value: str) -> None:
    """Remember a secret value: `redact` then hides it in every form, wherever it stands."""
    if value:
        _known.update(_forms(value))


def learn_address(address: str, shown: str) -> None:
    """Remember how an address that was made of secret values may be shown."""
    _shown_as[address] = shown


def learnt() -> dict[str, Any]:
    """Return all that is known, for `learn_all` in another process of this run."""
    return {"known": sorted(_known), "shown_as": dict(_shown_as)}


def learn_all(said: Mapping[str, Any]) -> None:
    """Know what another process of this run has learnt."""
    _known.update(said.get("known", ()))
    _shown_as.update(said.get("shown_as", {}))


def redact(text: str) -> str:
    """Return a text without passwords: addresses lose theirs, known ones are hidden wherever they stand.

    A text of more than MAX_TEXT_CHARS is cut.
    """
    is_long = len(text) > MAX_TEXT_CHARS
    if is_long:
        # Somewhat more than is shown, so that no secret is cut in two and missed.
        text = text[: MAX_TEXT_CHARS + max(map(len, _known), default=0)]
    for address, shown in sorted(_shown_as.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(address, shown)
    text = _without_known(_with_addresses(text, _shown))
    return f"{text[:MAX_TEXT_CHARS]} …" if is_long else text


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
    """Return whether a text is or contains one of the known passwords."""
    is_inside = any(len(word) >= MIN_ALONE_CHARS and word in text for word in _known)
    return is_inside or text in _known or bool(passwords_in(text) & _known)


def environment_without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that contain none of the known passwords, for a child's environment."""
    return {name: value for name, value in environment.items() if not _known or not holds_secret(value)}


def are_known() -> bool:
    """Return whether any password was learnt."""
    return bool(_known)


def is_secret_name(name: str) -> bool:
    """Return whether a variable, property or query value of that name is a password."""
    return name.lower().endswith(SECRET_ENDINGS)


def is_plain_path(value: str) -> bool:
    """Return whether a value is a path of this machine, such as $HOME: hiding it would hide all file
    names."""
    return os.path.isabs(value) and os.path.exists(value)


def _forms(value: str) -> set[str]:
    """Return how a value can look in a text: as it is, percent-encoded, quoted, in HTML, and inside
    base64."""
    plain = {value, unquote(value)}
    forms = set(plain)
    for word in plain:
        ways: tuple[Callable[..., str], ...] = (partial(quote, safe=""), quote, quote_plus)
        encoded = {way(word, errors="surrogateescape") for way in ways}
        forms |= encoded | {re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), each) for each in encoded}
        forms |= {repr(word)[1:-1], json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1]}
        forms |= {html.escape(word), html.escape(word, quote=False)}
        data = word.encode("utf-8", "surrogateescape")
        for before in range(3):
            # Of what base64 makes of it behind 0, 1 or 2 other bytes, that which depends on it alone.
            whole = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
            inner = whole[-(-before * 8 // 6) :]
            inner = inner[:-1] if (before + len(data)) % 3 else inner
            if len(inner) >= MIN_BASE64_CHARS:
                forms |= {inner, inner.translate(str.maketrans("+/", "-_"))}
    return forms - {""}


def _without_known(text: str) -> str:
    # Longest first: one password may be the beginning of another.
    for word in sorted(_known, key=len, reverse=True):
        if len(word) >= MIN_ALONE_CHARS:
            text = text.replace(word, HIDDEN)
    return text


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the addresses in a text begin and end."""
    at = 0
    while (colon := text.find("://", at)) >= 0:
        start = colon
        while start > max(at, colon - _MAX_SCHEME_CHARS) and text[start - 1] in _SCHEME_CHARS:
            start -= 1
        while start < colon and not (text[start].isascii() and text[start].isalpha()):
            start += 1
        end = _END_OF_ADDRESS.search(text, colon + 3)
        at = end.start() if end else len(text)
        if colon > start and at > colon + 3:
            yield start, at


def _with_addresses(text: str, shown: Any) -> str:
    parts, at = [], 0
    for start, end in _addresses(text):
        parts += [text[at:start], shown(text[start:end])]
        at = end
    return "".join([*parts, text[at:]])


def _secret_values(rest: str) -> Iterator[tuple[int, int]]:
    """Yield where in what follows the host of an address the values with secret names are."""
    at = 0
    while (equals := rest.find("=", at)) >= 0:
        at = equals + 1
        start = max(0, equals - _MAX_NAME_CHARS)
        begin = max(rest.rfind(sign, start, equals) for sign in _BEFORE_NAME)
        if is_secret_name(rest[max(begin + 1, start) : equals]):
            end = _END_OF_VALUE.search(rest, at)
            stop = end.start() if end else len(rest)
            # A colon that ends a sentence is not part of it.
            stop -= rest.endswith(":", at, stop)
            if stop > at:
                yield at, stop
            at = max(at, stop)


def _shown(address: str) -> str:
    """An address as it may be shown; one that only names a variable is what the remedies tell."""
    names_variable = "${" in split_address(address)[1]
    return address if names_variable else without_password(address)
