"""The address of a broker: reading, showing and probing it."""

import dataclasses
import re
import socket
import ssl
from urllib.parse import unquote, urlsplit

PROBE_LIMIT_S, TLS_LIMIT_S = 5.0, 1.0
OTHER_HOST = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Broker:
    """Where to publish. Its `str()` contains neither user nor password."""

    host: str
    port: int
    is_tls: bool
    user: str = dataclasses.field(default="", repr=False)
    password: str = dataclasses.field(default="", repr=False)
    ca: str = ""
    """A file with the certificate of the broker's authority; "": those that this machine trusts."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read_broker(uri: str, ca: str = "") -> Broker:
    """Return the broker that mqtt://[USER:PASSWORD@]HOST[:PORT] names, mqtts:// for TLS with a certificate of
    `ca`.

    Raises ValueError, which never repeats the address: it may hold a password.
    """
    wanted = "expected mqtt://HOST[:PORT] or mqtts://HOST[:PORT], a user as mqtt://USER:${PASSWORD}@HOST"
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise ValueError(f"the port of the broker's address is not a number; {wanted}") from None
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
        ca=ca,
    )


def why_unreachable(broker: Broker) -> str:
    """Connect once and return in a few words what prevents it, with the remedy; "" if the connection works.
    Takes up to PROBE_LIMIT_S."""
    try:
        with socket.create_connection((broker.host, broker.port), timeout=PROBE_LIMIT_S) as connection:
            return _why_no_tls(connection, broker) if broker.is_tls else _tls_instead(connection)
    except TimeoutError:
        return "it does not answer; check host, port and firewall"
    except OSError as error:
        return f"it cannot be reached: {error.strerror or error}"


def _why_no_tls(connection: socket.socket, broker: Broker) -> str:
    """Return what prevents TLS on this connection; "" if nothing does."""
    context = ssl.create_default_context(cafile=broker.ca or None)
    try:
        with context.wrap_socket(connection, server_hostname=broker.host):
            return ""
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in OTHER_HOST:
            return f"its certificate is for another host ({error.verify_message}); write the name it is for"
        return f"its certificate is not trusted ({error.verify_message}); name its authority with ca: FILE"
    except (ssl.SSLError, ConnectionError) as error:
        # A server of another protocol may hang up at once.
        why = getattr(error, "reason", "") or error.strerror or "no answer"
        return f"there is no TLS at this port ({why}); write mqtt://, or its TLS port"


def _tls_instead(connection: socket.socket) -> str:
    """Return the remedy if the port speaks TLS instead of plain MQTT, else "": MQTT hangs up or is silent."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        connection.settimeout(TLS_LIMIT_S)
        with context.wrap_socket(connection):
            return "it speaks TLS at this port; write mqtts://"
    except OSError:
        return ""


def topic_problem(topic: str) -> str:
    """Return what is wrong with a topic to publish to, or ""."""
    if not topic or re.search(r"[#+\0]", topic) or topic.startswith("$"):
        return "a topic to publish to must not be empty, contain # or +, or begin with $"
    return ""
