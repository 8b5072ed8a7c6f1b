"""Host names and addresses that only this machine can reach."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Return whether a host to listen on is reachable only from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_loopback_name(host_and_port: str) -> bool:
    """Return whether a Host header means this machine."""
    try:
        return is_loopback(urlsplit(f"//{host_and_port}").hostname or "")
    except ValueError:
        return False
