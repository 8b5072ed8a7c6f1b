"""The ledger: the sums of guarantee 1, read from a frame store file at any moment."""

import dataclasses
from collections import Counter
from typing import Any

from framegraph.frames import layout
from framegraph.frames.layout import FrameStoreFile


@dataclasses.dataclass(frozen=True)
class Ledger:
    """The sums of guarantee 1 for one source: every captured frame has exactly one outcome."""

    captured: int
    delivered: int
    dropped: dict[str, int]
    failed: dict[str, int]
    in_flight: int
    outage_s: float = 0.0
    """Live sources: total time without fresh frames, up to the last captured one."""

    @property
    def balanced(self) -> bool:
        accounted = self.delivered + sum(self.dropped.values()) + sum(self.failed.values()) + self.in_flight
        return self.captured == accounted

    def __add__(self, other: "Ledger") -> "Ledger":
        """Return the sums of two stretches of one source."""
        return Ledger(
            captured=self.captured + other.captured,
            delivered=self.delivered + other.delivered,
            dropped=dict(Counter(self.dropped) + Counter(other.dropped)),
            failed=dict(Counter(self.failed) + Counter(other.failed)),
            in_flight=self.in_flight + other.in_flight,
        )

    def describe(self) -> str:
        parts = [f"{self.captured} captured", f"{self.delivered} delivered"]
        parts += [f"{count} dropped ({reason})" for reason, count in self.dropped.items()]
        parts += [f"{count} failed ({stage})" for stage, count in self.failed.items()]
        parts.append(f"{self.in_flight} in flight")
        return ", ".join(parts) + (" - balanced" if self.balanced else " - NOT BALANCED")

    def to_plain(self) -> dict[str, Any]:
        plain = dataclasses.asdict(self)
        if not self.outage_s:
            del plain["outage_s"]
        return plain


NOTHING = Ledger(captured=0, delivered=0, dropped={}, failed={}, in_flight=0)
"""Return the ledger of a source before its first frame."""


def read_ledger(file: FrameStoreFile, stages: tuple[str, ...]) -> Ledger:
    """Read one source's ledger from its frame store file, even while its process is writing it."""
    words, states = file.snapshot()
    return Ledger(
        captured=words[layout.H_CAPTURED],
        delivered=words[layout.H_DELIVERED],
        dropped=_counters(words, layout.H_DROPPED, layout.REASONS),
        failed=_counters(words, layout.H_FAILED, stages),
        in_flight=sum(state != layout.FREE for state in states),
        outage_s=words[layout.H_OUTAGE_MS] / 1000,
    )


def _counters(words: list[int], first: int, names: tuple[str, ...]) -> dict[str, int]:
    return {name: words[first + index] for index, name in enumerate(names) if words[first + index]}
