"""The log of a run: lines with stage and replica, written to the console."""

import logging
import time
from collections.abc import Callable

from framegraph.support.secrets import redact
from framegraph.support.texts import as_one_entry


class Report:
    """The log. `write` prints one line; levels below `least` are left out."""

    def __init__(self, write: Callable[[str, str], None], least: str) -> None:
        self.rejected = 0
        self.deaths: dict[str, int] = {}
        self._write = write
        self._least = logging.getLevelNamesMapping()[least]

    def log(self, name: str, level: str, text: str) -> None:
        """Write `HH:MM:SS LEVEL stage.replica text`, without passwords, whatever its origin."""
        if logging.getLevelNamesMapping().get(level, logging.ERROR) >= self._least:
            self._write(
                level, f"{time.strftime('%H:%M:%S')} {level:<7} {name:<12} {as_one_entry(redact(text))}"
            )
