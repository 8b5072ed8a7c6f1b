"""Pictures of frames that were given up, kept for whoever wants to know why."""

import json
from pathlib import Path

from runtime.packet import Image, Packet

MAX_PICTURES = 100
"""In the folder; further frames are counted in the ledger alone."""


def keep_picture(folder: Path, packet: Packet, image_bgr: Image, reason: str) -> Path | None:
    """Write a frame as PNG, with a JSON file beside it; None when the folder is full."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    if sum(1 for _picture in folder.glob("*.png")) >= MAX_PICTURES:
        return None
    path = folder / f"{packet.source}-{packet.seq:08d}.png"
    cv2.imwrite(str(path), image_bgr)
    described = {
        "source": packet.source,
        "seq": packet.seq,
        "pts_ns": packet.pts_ns,
        "uri": packet.uri,
        "status": packet.status,
        "reason": reason,
    }
    path.with_suffix(".json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return path
