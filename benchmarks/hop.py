"""Row 3: what a hop costs: CPU microseconds of one packet through one worker that does nothing.

All CPU time of that worker's process counts: receiving, decoding, the status page, encoding, sending, credit,
heartbeat and statistics. With pixels in place the frame's size should not matter. "Inline": a stage before it
sent a picture of its own, so the pixels travel over ipc. The run-time has no links over tcp: the last column
is the same message through two bare ZeroMQ sockets on the loopback, sender and receiver together.
"""

import time
from typing import Any

import zmq

from benchmarks.graphs import run
from benchmarks.settings import Result, Settings, median, shown

TITLE = "Cost of a hop"
SIZES = {"480p": (640, 480), "1080p": (1920, 1080), "4K": (3840, 2160)}
FRAMES = 2000
INLINE_FRAMES = 100
BAR_US = 150


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


def measure(settings: Settings) -> Result:
    found: dict[str, dict[str, list[float]]] = {
        name: {"place": [], "inline": [], "tcp": []} for name in SIZES
    }
    for _turn in range(settings.repeats):
        for name, size_wh in SIZES.items():
            for way, frames in (("place", FRAMES), ("inline", INLINE_FRAMES)):
                graph = chain(size_wh, settings.scaled(frames), inline=way == "inline")
                found[name][way].append(run(graph).cpu_us("b"))
            found[name]["tcp"].append(tcp_us(size_wh, settings.scaled(INLINE_FRAMES)))
    return {name: {way: median(values) for way, values in ways.items()} for name, ways in found.items()}


def tcp_us(size_wh: tuple[int, int], frames: int) -> float:
    """CPU microseconds to send and receive one frame's pixels over TCP on the loopback."""
    pixels = bytes(size_wh[0] * size_wh[1] * 3)
    with zmq.Context() as context, context.socket(zmq.PULL) as taker, context.socket(zmq.PUSH) as giver:
        port = taker.bind_to_random_port("tcp://127.0.0.1")
        giver.connect(f"tcp://127.0.0.1:{port}")
        cpu_s = time.process_time()
        for _frame in range(frames):
            giver.send_multipart([b"head", pixels], copy=False)
            taker.recv_multipart()
        return 1e6 * (time.process_time() - cpu_s) / frames


def describe(result: Result) -> list[str]:
    lines = [
        "CPU microseconds of a packet and hop, median (lowest to highest).",
        "",
        f"| frame | pixels in place (bar {BAR_US}) | pixels inline, ipc | bare ZeroMQ, tcp loopback |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {name} | {shown(result[name]['place'], '.0f')} | {shown(result[name]['inline'], '.0f')} "
        f"| {shown(result[name]['tcp'], '.0f')} |"
        for name in SIZES
    ]
    return lines


def plot(result: Result, axes: object) -> None:
    axes.bar(list(SIZES), [result[name]["place"]["median"] for name in SIZES])  # type: ignore[attr-defined]
    axes.axhline(BAR_US, linestyle="--")  # type: ignore[attr-defined]
    axes.set_ylabel("CPU µs a hop, pixels in place")  # type: ignore[attr-defined]
