"""The output of `launcher.py list`: the answer of a run as two tables of text."""

from collections.abc import Sequence
from typing import Any

STALE_AFTER_S = 2.0
"""A process reports twice a second: an older figure is marked, and its rate is not shown."""


def listing(data: dict[str, Any]) -> str:
    """Return the tables of a run: its sources, then its processes."""
    head = f"run {data['run']}: {data['graph']}, {data['phase']}, for {data['seconds']:.0f} s"
    sources = [
        [
            row["name"],
            row["state"],
            str(row["priority"]),
            _rate(row["captured_fps"]),
            _rate(row["delivered_fps"]),
            *(str(row["ledger"][name]) for name in ("captured", "delivered")),
            _counts(row["ledger"]["dropped"]),
            _counts(row["ledger"]["failed"]),
            str(row["ledger"]["in_flight"]),
            _age(row["age_s"]),
        ]
        for row in data["sources"]
    ]
    replicas = [
        [
            row["name"],
            row["state"],
            str(row["pid"] or "-"),
            _rate(row["fps"]),
            str(row["frames"]),
            str(row["waiting"]),
            f"{row['memory_bytes'] / 1e6:.0f} MB",
            _age(row["age_s"]),
        ]
        for row in data["replicas"]
    ]
    source_head = [
        "source",
        "state",
        "priority",
        "captured/s",
        "delivered/s",
        "captured",
        "delivered",
        "dropped",
    ]
    source_head += ["failed", "in flight", "age"]
    replica_head = ["process", "state", "pid", "frames/s", "frames", "waiting", "memory", "age"]
    return "\n".join([head, "", *_table(source_head, sources), "", *_table(replica_head, replicas)])


def _rate(fps: float | None) -> str:
    return f"{fps:.1f}" if fps is not None else "?"


def _counts(counts: dict[str, int]) -> str:
    return " ".join(f"{count} {name}" for name, count in counts.items()) or "0"


def _age(age_s: float | None) -> str:
    if age_s is None:
        return "never"
    return f"{age_s:.1f} s stale" if age_s > STALE_AFTER_S else f"{age_s:.1f} s"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
