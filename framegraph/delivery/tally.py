"""What was written of one source, counted for the summary."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from framegraph.packet import OK, Packet
from framegraph.support.histogram import Histogram
from framegraph.support.progress import RECORD_BYTES

_HISTOGRAMS = ("received_after", "committed_after")
MAX_NAMES_BYTES = RECORD_BYTES // 2
"""Limit of all counted names: they are kept in the progress record, whose size is fixed."""
NUMBER_BYTES = 12
OTHER = "other"


@dataclasses.dataclass
class Tally:
    """Sums for the summary; they survive the process in the progress record."""

    frames: int = 0
    concealed: int = 0
    """Frames whose payload lacked a mark that this sink requires."""
    not_ok: Counter[str] = dataclasses.field(default_factory=Counter)
    summed: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    """{word of `Stage.summed`: [items, frames with any]}."""
    counts: dict[str, Counter[str]] = dataclasses.field(default_factory=dict)
    first_received_at: float = 0.0
    last_received_at: float = 0.0
    first_committed_at: float = 0.0
    received_after: Histogram = dataclasses.field(default_factory=Histogram)
    """From the capture of a frame until it was here, in order or not."""
    committed_after: Histogram = dataclasses.field(default_factory=Histogram)
    """From the capture of a frame until it was committed."""

    def expect(self, words: Iterable[str]) -> None:
        """Set the words to sum up from here on: a word that never comes has the sum 0."""
        for word in words:
            self.summed.setdefault(word, [0, 0])

    def count(self, packet: Packet) -> None:
        """Add one written frame and the drops before it; findings count only where the frame was analysed."""
        self.frames += 1
        for from_seq, to_seq, reason in packet.dropped:
            self.not_ok[reason] += to_seq - from_seq + 1
        if packet.status != OK:
            self.not_ok[packet.status] += 1
            return
        for word, sums in self.summed.items():
            items = packet.meta.get(word, ())
            sums[0] += len(items)
            sums[1] += bool(items)
        for group, numbers in packet.meta.get("counts", {}).items():
            for name, number in numbers.items():
                group_here, name_here = self._place(group, name)
                self.counts.setdefault(group_here, Counter())[name_here] += number

    def _place(self, group: str, name: str) -> tuple[str, str]:
        """Return the name to count under: the name itself, or "other" once there is no room for more
        names."""
        if name in self.counts.get(group, ()):
            return group, name
        names = [group, name, *self.counts, *itertools.chain(*self.counts.values())]
        if sum(len(json.dumps(each)) + NUMBER_BYTES for each in names) <= MAX_NAMES_BYTES:
            return group, name
        return (group if group in self.counts else OTHER), OTHER

    def to_plain(self) -> dict[str, Any]:
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain["counts"] = {group: dict(numbers) for group, numbers in self.counts.items()}
        plain["not_ok"] = dict(self.not_ok)
        return plain | {name: plain[name].to_plain() for name in _HISTOGRAMS}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Tally:
        if not plain:
            return cls()
        counts = {group: Counter(numbers) for group, numbers in plain["counts"].items()}
        histograms = {name: Histogram(plain[name]) for name in _HISTOGRAMS}
        return cls(**{**plain, **histograms, "counts": counts, "not_ok": Counter(plain["not_ok"])})
