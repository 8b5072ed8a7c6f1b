"""Row 3: what a hop costs: CPU microseconds of one packet through one worker that does nothing.

All CPU time of that worker's process is counted: receiving, decoding, the status page, encoding, sending,
credit, heartbeat and statistics. With pixels in place the frame's size should not matter; "inline" is what a
stage pays that sends a picture of its own along, and the tcp row the same over TCP on the loopback.
"""

from typing import Any

from benchmarks.graphs import run

SIZES = {"480p": (640, 480), "1080p": (1920, 1080), "4K": (3840, 2160)}


def chain(size_wh: tuple[int, int], frames: int, *, inline: bool) -> dict[str, Any]:
    """source ! a ! b ! c ! nowhere, of which a may send its own pixels; b is measured."""
    width, height = size_wh
    return {
        "stages": {
            "blank": {"type": "benchmarks.cheap.Blank", "frames": frames, "width": width, "height": height},
            "a": {"type": f"benchmarks.cheap.{'Repaint' if inline else 'Pass'}"},
            "b": {"type": "benchmarks.cheap.Pass"},
            "c": {"type": "benchmarks.cheap.Pass"},
            "nowhere": {"type": "benchmarks.cheap.Nowhere"},
        },
        "links": ["blank ! a ! b ! c ! nowhere"],
    }


if __name__ == "__main__":
    import sys

    for name in ("480p",):
        o = run(chain(SIZES[name], int(sys.argv[1]), inline=False))
        print(name, {s: round(o.cpu_us(s)) for s in o.ledger["stages"]}, round(o.fps), o.first_commit_s)
