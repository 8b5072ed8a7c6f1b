"""Passwords in texts: found in any address, hidden in any text, kept out of a child's environment."""

from collections.abc import Iterator

import pytest

from runtime import secrets

RAW, ENCODED = "ge:h/eim%20 x", "ge%3Ah%2Feim%2520%20x"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins without a known password."""
    monkeypatch.setattr(secrets, "_known", set())
    return


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
