"""Passwords in texts: found in any address, hidden in any text, kept out of a child's environment."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framegraph.support import secrets

RAW, ENCODED = "ge:h/eim%20 x", "ge%3Ah%2Feim%2520%20x"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins without a known password."""
    monkeypatch.setattr(secrets, "_known", set())
    monkeypatch.setattr(secrets, "_shown_as", {})


@pytest.mark.parametrize(
    "text",
    [
        f"opening rtsp://user:{ENCODED}@host:554/a?b=1 failed",
        f"'rtsp://user:{ENCODED}@host/a'",
        f"av.open({ENCODED!r})",
        f"the word {RAW} alone",
        f"Authorization of user:{ENCODED}",
    ],
)
def test_a_known_password_is_hidden_wherever_it_stands(text: str) -> None:
    secrets.learn({"uri": f"rtsp://user:{ENCODED}@host/x", "list": [1, None, "plain"]})
    hidden = secrets.redact(text)
    assert RAW not in hidden
    assert ENCODED not in hidden
    assert secrets.redact(hidden) == hidden


def test_an_unknown_password_is_hidden_in_an_address() -> None:
    text = "from http://me:word@host/video?token=abc&x=1 and rtsp://other:word2@host"
    assert secrets.redact(text) == "from http://host/video?token=***&x=1 and rtsp://host"


def test_a_short_password_is_hidden_in_addresses_and_leaves_other_words_alone() -> None:
    secrets.learn("rtsp://user:ab@host/x")
    assert secrets.redact("about rtsp://user:ab@host/x") == "about rtsp://host/x"


def test_values_are_redacted_through_and_through() -> None:
    values = {"uri": "rtsp://user:word@host/x", "more": [{"uri": "http://a:b@c"}, 3, None, True]}
    assert secrets.redact_values(values) == {
        "uri": "rtsp://host/x",
        "more": [{"uri": "http://c"}, 3, None, True],
    }


def test_a_child_gets_no_variable_with_a_known_password_in_it() -> None:
    environment = {
        "CAM_PASSWORD": RAW,
        "CAM_URI": f"rtsp://user:{ENCODED}@host/x",
        "PATH": "/bin",
        "PROXY": "http://me:another@proxy",
    }
    assert secrets.environment_without_secrets(environment) == environment
    secrets.learn(f"rtsp://user:{ENCODED}@host/x")
    assert set(secrets.environment_without_secrets(environment)) == {"PATH", "PROXY"}


VALUE = "tr0ub4dor&3"


@pytest.mark.parametrize(
    "shape",
    [
        "{}",
        "http://host/video?api_key={}",
        "http://host/a;token={}",
        "/user=admin_password={}_channel=1",
        "loginuse=admin&loginpas={}",
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        str,
        lambda value: quote(value, safe=""),
        lambda value: quote(value, safe="").lower(),
        lambda value: base64.b64encode(f"admin:{value}".encode()).decode(),
        lambda value: base64.b64encode(f"me:{value}".encode()).decode(),
        lambda value: base64.urlsafe_b64encode(f"user:{value}".encode()).decode(),
        repr,
        json.dumps,
        html.escape,
    ],
)
def test_a_value_is_hidden_in_every_form_wherever_it_stands(shape: str, form: Callable[[str], str]) -> None:
    secrets.learn_value(VALUE)
    hidden = secrets.redact(f"before {shape.format(form(VALUE))} behind")
    assert form(VALUE).strip("'\"")[-12:] not in hidden
    assert hidden.startswith("before ") and hidden.endswith(" behind")


@pytest.mark.parametrize(
    "address",
    [
        "http://host/v?api_key=abcd",
        "http://host/v?x=1&access_token=abcd",
        "rtsp://host/user=admin_password=abcd_channel=1",
        "http://host/cgi?loginuse=admin&loginpas=abcd",
        "http://host/a;auth=abcd",
        "http://host/#sid=abcd",
    ],
)
def test_names_of_passwords_are_known_by_their_endings(address: str) -> None:
    assert any("abcd" in word for word in secrets.passwords_in(address))
    assert "abcd" not in secrets.redact(f"opening {address}: no answer")


@pytest.mark.parametrize("address", ["http://host/v?width=640&fps=25", "rtsp://host:554/stream1", "/a/b=c"])
def test_other_values_are_no_passwords(address: str) -> None:
    assert secrets.passwords_in(address) == set()
    assert secrets.redact(address) == address


def test_an_address_of_secret_values_is_shown_without_them_however_short_they_are() -> None:
    secrets.learn_address("http://h/v?x=ab&y=1", "http://h/v?x=***&y=1")
    assert secrets.redact("from http://h/v?x=ab&y=1 now") == "from http://h/v?x=***&y=1 now"
    assert secrets.without_password("http://h/v?x=ab&y=1") == "http://h/v?x=***&y=1"


def test_another_process_knows_what_it_was_told() -> None:
    secrets.learn_value(VALUE)
    said = secrets.learnt()
    secrets._known.clear()
    secrets.learn_all(said)
    assert VALUE not in secrets.redact(f"x {VALUE}")


@pytest.mark.parametrize(
    "text",
    ["a" * 3_000_000, "a://" * 500_000, "x=" * 1_000_000, "http://" + "a=b&" * 300_000, "@" * 2_000_000],
)
def test_long_texts_of_strangers_are_read_once(text: str) -> None:
    """What looked at each place again from each place would not come to an end here."""
    secrets.learn_value(VALUE)
    assert len(secrets.redact(text)) <= secrets.MAX_TEXT_CHARS + 10
    secrets.passwords_in(text)
    secrets.without_passwords(text)


def test_a_secret_at_the_limit_of_a_long_text_is_not_cut_in_two() -> None:
    secrets.learn_value("s3cret-value")
    for shift in range(14):
        text = "x" * (secrets.MAX_TEXT_CHARS - shift) + "s3cret-value" + "y" * 100
        assert "s3c" not in secrets.redact(text)


@given(st.text(max_size=300), st.text(min_size=4, max_size=20))
def test_redacting_never_fails_and_never_leaves_the_value(text: str, value: str) -> None:
    secrets._known.clear()
    secrets.learn_value(value)
    hidden = secrets.redact(f"{text}{value}{text}")
    assert value not in hidden or value in secrets.HIDDEN * 2
