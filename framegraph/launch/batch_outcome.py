"""What became of an input, from what its run left behind."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from framegraph.graph.model import Graph
from framegraph.launch.batch_graph import LEDGER
from framegraph.launch.batch_run import INPUT_REFUSED, LOG
from framegraph.launch.resume import full_digest
from framegraph.run_files.batch_folder import DONE, FAILED, Record
from framegraph.support.progress import progress_path
from framegraph.view.summary import FINISHED, FRAMES_FAILED, RUN_FAILED

FRAMES = "frames"
_TAIL_BYTES = 4096


def stamp_of(uri: str) -> list[int]:
    """Return size and time of change of a file, [] for what is no single file."""
    try:
        found = os.stat(uri)
    except (OSError, ValueError):
        return []
    return [found.st_size, found.st_mtime_ns] if os.path.isfile(uri) else []


def fingerprint_of(graph: Graph) -> str:
    """Return the fingerprint of a graph's inputs; "" for one that cannot be read."""
    try:
        return full_digest(graph)
    except OSError:
        return ""


def ended_before(graph: Graph, begun: Record, folder: Path) -> Record | None:
    """Return what became of an input whose run had ended before its launcher could note it; None: go on."""
    record = _from_ledger(graph, begun, folder)
    if record is None or not record.is_final or not record.fingerprint:
        return None
    forget_progress(graph)
    return record


def forget_progress(graph: Graph) -> None:
    """Remove what a run would be resumed with."""
    for location in graph.locations().values():
        progress_path(location).unlink(missing_ok=True)


def outcome_of(graph: Graph, begun: Record, folder: Path, status: int) -> Record | None:
    """Return what became of an input whose run has just ended; None: it was cut off."""
    if status in (FINISHED, RUN_FAILED, FRAMES_FAILED):
        record = _from_ledger(graph, begun, folder)
        if record is not None:
            return record
    if status not in (FINISHED, RUN_FAILED, FRAMES_FAILED, 2, INPUT_REFUSED):
        return None
    is_final = status == INPUT_REFUSED and os.access(begun.uri, os.R_OK)
    return dataclasses.replace(
        begun, outcome=FAILED, is_final=is_final, why=_last_line(folder / LOG).removeprefix(f"{begun.uri}: ")
    )


def _from_ledger(graph: Graph, begun: Record, folder: Path) -> Record | None:
    try:
        ledger = json.loads((folder / LEDGER).read_bytes())
    except (OSError, ValueError):
        return None
    if ledger.get("digest") != begun.fingerprint:
        return None
    source = graph.of_kind("source")[0].name
    record = dataclasses.replace(begun, sums=_sums(ledger, source))
    why, status = ledger["failure"], ledger["exit_status"]
    if status in (FINISHED, FRAMES_FAILED) and ledger["ended"].get(source) == "finished":
        return dataclasses.replace(record, outcome=DONE, is_final=True)
    if status == RUN_FAILED:
        # What a source says of its input stays true; anything else may have been put right meanwhile.
        heads = (f"{source}: ", f"{source}.0: ")
        is_of_input = why.startswith(heads) and os.access(begun.uri, os.R_OK)
        first = (why.splitlines() or ["frames are missing from its ledger"])[0]
        words = first.partition(": ")[2] if why.startswith(heads) else first
        return dataclasses.replace(
            record, outcome=FAILED, is_final=is_of_input, why=words.removeprefix(f"{begun.uri}: ")
        )
    if status == FINISHED:
        return dataclasses.replace(record, outcome=FAILED, why="it was stopped before its end")
    return None


def _sums(ledger: dict[str, Any], source: str) -> dict[str, dict[str, int]]:
    counted = ledger["sources"][source]
    frames = Counter(captured=counted["captured"], delivered=counted["delivered"])
    for kind in ("dropped", "failed"):
        frames.update({f"{kind} ({reason})": count for reason, count in counted[kind].items()})
    timing = ledger["timing"].get(source, {})
    return {FRAMES: dict(frames), "in all": timing.get("summed", {}), **timing.get("counts", {})}


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = file.read().decode(errors="surrogateescape").splitlines()
    return lines[-1] if lines else "its run said nothing"
