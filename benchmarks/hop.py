"""Row 3: what a hop costs: CPU microseconds of one packet through one worker that does nothing.

All CPU time of that worker's process counts: receiving, decoding, the status page, encoding, sending, credit,
heartbeat and statistics. With pixels in place the frame's size should not matter. "Inline": a stage before it
sent a picture of its own, so the pixels travel over ipc. The last column is what pixels cost on their way to
another host: the same link over TCP on the loopback, both its ends together. A graph's own links are ipc.
"""

import socket
import time
from typing import Any

import numpy as np
import zmq

from benchmarks.graphs import run
from benchmarks.settings import Result, Settings, median, shown
from framegraph.packet import Packet
from framegraph.wire import codec
from framegraph.wire.inlet import Arrival, Inlet
from framegraph.wire.outlet import Consumer, Outlet

TITLE = "Cost of a hop"
SIZES = {"480p": (640, 480), "1080p": (1920, 1080), "4K": (3840, 2160)}
FRAMES = 2000
INLINE_FRAMES = 100
BAR_US = 150
WAIT_S = 1.0


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
    """CPU microseconds of both ends for a packet with pixels through an outlet and an inlet over TCP."""
    packet = Packet(source="blank", seq=0)
    packet.image_bgr = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    endpoint = f"tcp://127.0.0.1:{_free_port()}"
    with zmq.Context() as context:
        outlet = Outlet(context, endpoint, 0, [Consumer("c")])
        inlet = Inlet(context, stage="c", replica=0, incarnation=0, capacity=2)
        inlet.connect(endpoint)
        cpu_s = 0.0
        for seq in range(1 + frames):
            if seq == 1:
                # The first packet waits for the connection.
                cpu_s = time.process_time()
            packet.seq, packet.prev_seq = seq, seq - 1
            outlet.put(packet, codec.encode_packet(packet))
            arrived: list[Arrival] = []
            while not arrived:
                inlet.give_credit(time.monotonic())
                zmq.select([outlet.socket, *inlet.sockets], [], [], timeout=WAIT_S)
                outlet.receive(time.monotonic())
                outlet.pump(time.monotonic())
                arrived = inlet.receive()
            inlet.done(arrived[0].endpoint)
        cpu_s = time.process_time() - cpu_s
        outlet.close()
        inlet.close()
    return 1e6 * cpu_s / frames


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def describe(result: Result) -> list[str]:
    lines = [
        "CPU microseconds of a packet and hop, median (lowest to highest).",
        "",
        f"| frame | pixels in place (bar {BAR_US}) | pixels inline, ipc | the link over tcp, both ends |",
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
