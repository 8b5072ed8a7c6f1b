"""Pictures of frames that were given up, kept for whoever wants to know why."""

import json
import logging
from pathlib import Path

from framegraph.packet import Image, Packet

log = logging.getLogger("quarantine")
MAX_PICTURES = 100
"""In the folder; further frames are counted in the ledger alone."""


def keep_picture(folder: Path, packet: Packet, image_bgr: Image, reason: str) -> None:
    """Write a frame as PNG, with a JSON file beside it, unless the folder is full. One that cannot be written
    is a warning: no frame's outcome depends on its picture."""
    try:
        _write(folder, packet, image_bgr, reason)
    except OSError as error:
        log.warning("frame %d of %s is not kept in %s: %s", packet.seq, packet.source, folder, error.strerror)


def _write(folder: Path, packet: Packet, image_bgr: Image, reason: str) -> None:
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    if sum(1 for _picture in folder.glob("*.png")) >= MAX_PICTURES:
        return
    path = folder / f"{packet.source}-{packet.seq:08d}.png"
    _is_coded, png = cv2.imencode(".png", image_bgr)
    path.write_bytes(png.tobytes())
    described = {
        "source": packet.source,
        "seq": packet.seq,
        "pts_ns": packet.pts_ns,
        "uri": packet.uri,
        "status": packet.status,
        "reason": reason,
    }
    path.with_suffix(".json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
