"""What a broker's address means, and how it may be shown."""

import dataclasses
import re
from urllib.parse import unquote, urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Broker:
    """Where to publish. `str()` of it holds no user and no password."""

    host: str
    port: int
    is_tls: bool
    user: str = dataclasses.field(default="", repr=False)
    password: str = dataclasses.field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read_broker(uri: str) -> Broker:
    """Return the broker that mqtt://[USER:PASSWORD@]HOST[:PORT] names, mqtts:// for TLS.

    Raises ValueError, which never repeats the address: it may hold a password.
    """
    wanted = "expected mqtt://HOST[:PORT] or mqtts://HOST[:PORT], a user as mqtt://USER:${PASSWORD}@HOST"
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise ValueError(f"the port of the broker's address is no number; {wanted}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"the broker's address cannot be read; {wanted}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(
            "the broker's address has something behind host and port (a / in a password is written %2F); "
            f"{wanted}"
        )
    return Broker(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        is_tls=parts.scheme == "mqtts",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def topic_problem(topic: str) -> str:
    """Return what is wrong with a topic to publish to, or ""."""
    if not topic or re.search(r"[#+\0]", topic) or topic.startswith("$"):
        return "a topic to publish to is not empty, has no # or + in it and does not begin with $"
    return ""
