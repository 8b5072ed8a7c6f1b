"""The summary of a run and its exit status."""

import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from framegraph.delivery.tally import Tally
from framegraph.frames.ledger import Ledger
from framegraph.supervisor.state import RunState
from framegraph.support.texts import in_one_line
from framegraph.view.snapshot import health

FINISHED, RUN_FAILED, FRAMES_FAILED = 0, 1, 3
_SIGNAL_STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def exit_status(run: RunState, ledgers: dict[str, Ledger]) -> int:
    """Return the launcher's exit status: see docs/architecture.md for the list."""
    if run.signal is not None and not run.is_unfinished:
        return _SIGNAL_STATUS[signal.Signals(run.signal)]
    if run.failure or not all(ledger.balanced and not ledger.in_flight for ledger in ledgers.values()):
        return RUN_FAILED
    not_analysed = any(ledger.failed or "undecodable" in ledger.dropped for ledger in ledgers.values())
    was_changed = any(output.get("was_changed") for output in run.outputs.values())
    is_missing = any(
        output["location"] and not output["notes"] and not Path(output["location"]).exists()
        for output in run.outputs.values()
    )
    return FRAMES_FAILED if not_analysed or was_changed or is_missing else FINISHED


def tallies(run: RunState) -> dict[tuple[str, str], Tally]:
    """Each sink's counts per source, also of a sink that did not finish."""
    found: dict[tuple[str, str], Tally] = {}
    for child in run.children.values():
        for source, tally in (child.statistics.get("tallies") or {}).items():
            found[child.stage, source] = Tally.from_plain(tally)
    for (sink, source), output in run.outputs.items():
        found[sink, source] = Tally.from_plain(output["tally"])
    return found


def links(run: RunState) -> dict[str, dict[str, int]]:
    """Packets and bytes that each stage sent: without pixels a packet is small, whatever the size of the
    frame."""
    found = {}
    for stage in run.graph.stages.values():
        if stage.ends_a_chain:
            continue
        packets = int(run.total(stage.name, "packets_sent"))
        sent_bytes = int(run.total(stage.name, "bytes_sent"))
        found[stage.name] = {"packets": packets, "bytes_per_packet": sent_bytes // packets if packets else 0}
    return found


def latencies(run: RunState) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """{source: {sink: {"received_ms", "committed_ms": {p50, p95, p99}}}}, each counted from the capture."""
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for (sink, source), tally in sorted(tallies(run).items()):
        found.setdefault(source, {})[sink] = {
            "received_ms": tally.received_after.summary(),
            "committed_ms": tally.committed_after.summary(),
        }
    return found


def outages(run: RunState, ledgers: dict[str, Ledger]) -> dict[str, float]:
    """{live source: seconds without fresh frames}: from its last frame, or a later report."""
    found = {}
    for name, ledger in ledgers.items():
        spec = run.graph.stages.get(name)
        said = health(run, name)
        if not ((spec is not None and spec.is_live) or said or ledger.outage_s):
            continue
        outage_s = max(ledger.outage_s, said.get("outage_s", 0.0))
        if not ledger.captured and not outage_s:
            outage_s = time.time() - run.started_at
        found[name] = round(outage_s, 1)
    return found


def stages(run: RunState) -> dict[str, dict[str, float]]:
    """Work per stage, over all its processes: frames, seconds at work, CPU seconds without loading, and the
    longest time from a process's start until it ran."""
    return {
        name: {
            "frames": int(run.total(name, "frames")),
            "busy_s": round(run.total(name, "busy_s"), 4),
            "cpu_s": round(run.total(name, "cpu_s"), 4),
            "ready_s": max(
                (child.statistics.get("ready_s") or 0.0 for child in run.replicas(name)), default=0.0
            ),
        }
        for name in run.graph.stages
    }


def timing(run: RunState) -> dict[str, dict[str, Any]]:
    """For each source, at its first sink: frames, sums, counts, times of frames as of time.time(), and the
    seconds from the command to the first commit."""
    found: dict[str, dict[str, Any]] = {}
    for (_sink, source), tally in tallies(run).items():
        found.setdefault(
            source,
            {
                "frames": tally.frames,
                "summed": {word: items for word, (items, _frames) in tally.summed.items()},
                "counts": {group: dict(counted) for group, counted in tally.counts.items()},
                "first_received_at": tally.first_received_at,
                "last_received_at": tally.last_received_at,
                "first_commit_s": round(max(0.0, tally.first_committed_at - run.started_at), 3),
            },
        )
    return found


def rejected_messages(run: RunState) -> int:
    """Malformed messages on any socket of the run, as far as their readers could report."""
    return run.report.rejected + int(sum(child.total("rejected") for child in run.children.values()))


def describe(run: RunState, ledgers: dict[str, Ledger]) -> list[str]:
    """Return the summary, line by line."""
    lines: list[str] = []
    counted = tallies(run)
    without = outages(run, ledgers)
    for source, ledger in ledgers.items():
        # Every sink of a source counts the same frames, so the first one is enough.
        tally = next((counted[key] for key in counted if key[1] == source), Tally())
        lines.append(f"source {source}: {ledger.describe()}")
        if failure := run.source_failures.get(source):
            lines.append(f"  failed: {failure.splitlines()[0]}")
        if without.get(source):
            lines.append(f"  without fresh frames for {without[source]:.1f} s")
        lines.extend(
            f"  skipped, {reason}: {count}" for reason, count in _skipped(run, source).items() if count
        )
        lines.extend(
            f"  {word}: {items} in {frames} of {tally.frames} frames"
            for word, (items, frames) in tally.summed.items()
        )
        lines.extend(f"  {group}: {_numbers(tally.counts[group])}" for group in sorted(tally.counts))
        span_s = tally.last_received_at - tally.first_received_at
        # A resumed run counts on from the one before: times from there say nothing about this command.
        began_here = tally.first_received_at >= run.started_at
        if began_here and tally.frames > 1 and span_s > 0:
            lines.append(
                f"  {(tally.frames - 1) / span_s:.1f} frames/s between the first and the last received frame"
            )
        if began_here and tally.first_committed_at:
            lines.append(
                f"  first committed frame {tally.first_committed_at - run.started_at:.2f} s after the command"
            )
    for (sink, source), output in sorted(run.outputs.items()):
        if output["location"]:
            frames = counted[sink, source].frames
            lines.append(f"wrote {_shown(output['location'])} ({sink}, {frames} frames of {source})")
        elif output["notes"] or counted[sink, source].concealed:
            lines.append(f"{sink}, of {source}:")
        if concealed := counted[sink, source].concealed:
            lines.append(f"  {concealed} of its frames came without a mark that it requires: concealed")
        lines.extend(f"  {in_one_line(note)}" for note in output["notes"])
    for (sink, source), tally in sorted(counted.items()):
        quantiles = tally.committed_after.summary()
        if quantiles:
            shown = ", ".join(f"{name} {_duration(value)}" for name, value in quantiles.items())
            lines.append(f"latency of {source}, from capture to {sink}: {shown}")
    for name, deaths in sorted(run.report.deaths.items()):
        lines.append(f"{name} was started again {deaths} time{'s' if deaths > 1 else ''}")
    return lines


def _shown(location: str) -> str:
    """Return a path as the user would write it: relative if it is below the current folder."""
    path = Path(location)
    return in_one_line(str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else location)


def _skipped(run: RunState, source: str) -> dict[str, Any]:
    said = [run.ended_sources.get(source, {}), *(child.statistics for child in run.replicas(source))]
    skipped = next((one["skipped"] for one in said if one.get("skipped")), None)
    return skipped or run.past_skipped.get(source, {})


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:.1f} s"


def _numbers(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common() if count) or "none"
