"""Notifications to systemd from a launcher that it has started: ready, alive, stopping (sd_notify(3))."""

import os
import socket
import time


class Service:
    """The connection to NOTIFY_SOCKET; without one, messages go nowhere. Its variables are removed from the
    environment: children do not speak for the service."""

    def __init__(self) -> None:
        address = os.environ.pop("NOTIFY_SOCKET", "")
        watchdog_us = os.environ.pop("WATCHDOG_USEC", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._period_s = int(watchdog_us) / 2e6 if watchdog_us.isdecimal() else 0.0
        self._next_s = 0.0

    def notify(self, *words: str) -> None:
        """Send a state such as "READY=1"; failing to reach systemd is no reason to end."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
                wire.sendto("\n".join(words).encode(), self._address)
        except OSError:
            self._address = ""

    def alive(self) -> None:
        """Feed the watchdog at the interval that it asks for."""
        now_s = time.monotonic()
        if self._period_s and now_s >= self._next_s:
            self._next_s = now_s + self._period_s
            self.notify("WATCHDOG=1")
