"""The quarantine: frames that were given up, kept for inspection."""

import json
import logging
from pathlib import Path
from typing import Any

from framegraph.packet import Image, Packet
from framegraph.stage import Source

log = logging.getLogger("quarantine")
MAX_FRAMES = 100
"""Limit per folder; further frames are only counted in the ledger."""


def keep_frame(
    folder: Path, source: type[Source[Any]], packet: Packet, payload: Image | None, reason: str
) -> None:
    """Have the source write a frame, with a JSON file next to it, unless the folder is full; without a
    payload only the JSON file. One that cannot be written is a warning: no frame's outcome depends on it."""
    try:
        _write(folder, source, packet, payload, reason)
    except OSError as error:
        log.warning("frame %d of %s is not kept in %s: %s", packet.seq, packet.source, folder, error.strerror)


def _write(
    folder: Path, source: type[Source[Any]], packet: Packet, payload: Image | None, reason: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if sum(1 for _described in folder.glob("*.json")) >= MAX_FRAMES:
        return
    path = folder / f"{packet.source}-{packet.seq:08d}"
    if payload is not None:
        source.keep(path, payload)
    described = {
        "source": packet.source,
        "seq": packet.seq,
        "pts_ns": packet.pts_ns,
        "uri": packet.uri,
        "status": packet.status,
        "reason": reason,
    }
    path.with_suffix(".json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
