"""Which names and addresses mean this machine alone."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Tell whether a host to listen on is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_loopback_name(host_and_port: str) -> bool:
    """Tell whether a Host header means this machine."""
    try:
        return is_loopback(urlsplit(f"//{host_and_port}").hostname or "")
    except ValueError:
        return False
