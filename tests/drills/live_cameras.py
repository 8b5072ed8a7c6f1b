"""`python -m tests.drills.live_cameras WHAT`: what takes minutes to show of a live camera.

outage: a real RTSP camera is killed and comes back after 5, 30 and 60 s in turn, another one plays all the time.
Each return is held against its own bound: the pause that the source had announced, 2 s, one key frame interval.
The other one must lose no frame meanwhile, and stay on its one connection.
slow: a detector that is twice too slow; the p95 from capture to the last received is held against (window + 1)
detector times + 200 ms. absent: a camera that is not there, with few lines of log. Both must keep their memory
and descriptors, by the mean of the first fifth of the time and of the last.
"""

import argparse
import itertools
import json
import re
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from tests.cameras.graphs import camera_graph
from tests.cameras.serving import RtspServer, closed_port
from tests.launching import Launched, lines, wait_for

KEY_FRAME_S = 1.0
DETECTOR_MS = 200
WINDOW = 4
BURST_FRAMES = 20
"""What a server sends at once when a camera is connected to; it may be more than a detector that loads can take."""
MEMORY_GROWTH_MB = 4.0
"""Of all processes of a run in sum: allocators settle. A frame of these cameras has 0.2 MB, so a leak shows."""
DESCRIPTOR_GROWTH = 0.5
"""Between two means: a connection has one more while it is tried."""


def outage(folder: Path, times: int, pauses_s: list[float]) -> bool:
    """Kill the camera `times` times; return whether every return was in time and nothing else was lost."""
    late = 0
    with RtspServer() as door, RtspServer() as yard:
        graph = camera_graph(folder, {"door": {"uri": door.url()}, "yard": {"uri": yard.url()}})
        with Launched(graph, "--verbose", folder=folder) as launched:
            wait_for(lambda: count(folder, "door") and count(folder, "yard"), "frame of each", launched)
            begun_seq = lines(folder / "out/yard.jsonl")[-1].get("seq", 0) + BURST_FRAMES
            for number, pause_s in zip(range(times), itertools.cycle(pauses_s), strict=False):
                time.sleep(6)
                door.kill()
                time.sleep(pause_s)
                before = count(folder, "door")
                door.start()
                back_s = time.monotonic()
                pauses = re.findall(r"door\.0 .* attempt \d+ in ([\d.]+) s", launched.stderr)
                wait_for(partial(has_more, folder, "door", before), "frame after the loss", launched)
                took_s = time.monotonic() - back_s
                bound_s = float(pauses[-1]) + 2 + KEY_FRAME_S
                late += took_s > bound_s
                print(
                    f"{number + 1:3d}: away {pause_s:g} s, back after {took_s:.2f} s of {bound_s:.1f} s",
                    flush=True,
                )
            launched.signal(signal.SIGINT)
            launched.wait()
    ledger = json.loads((folder / "out/ledger.json").read_text())
    yard_sums, yard_lines = ledger["sources"]["yard"], lines(folder / "out/yard.jsonl")
    stamps = [record["pts_ns"] for record in yard_lines if "seq" in record]
    gap_s = max(other - one for one, other in itertools.pairwise(stamps)) / 1e9
    epochs = len({record["epoch"] for record in yard_lines if "seq" in record})
    lost = [record for record in yard_lines if begun_seq < record.get("from_seq", 0)]
    lost = [record for record in lost if record["status"] != "flushed"]
    print(
        f"late {late} of {times}; the other camera: {yard_sums}, {epochs} connection, lost meanwhile {lost}"
    )
    print(f"its longest hole {gap_s:.2f} s; without fresh pictures: {ledger['outage_s']}")
    is_unharmed = epochs == 1 and not lost and gap_s < 2
    return late == 0 and bool(ledger["balanced"]) and is_unharmed and not ledger["restarts"]


def slow(folder: Path, minutes: float) -> bool:
    """Run a camera into a detector that takes twice as long as a frame lasts."""
    with RtspServer("--fps", "10") as server:
        camera = {"uri": server.url(), "window": WINDOW}
        graph = camera_graph(folder, {"camera": camera}, sleep_ms=DETECTOR_MS)
        with Launched(graph, "--quiet", folder=folder) as launched:
            wait_for(lambda: count(folder, "camera") > 20, "20 frames", launched)
            is_flat, memory = watch(launched, minutes)
            launched.signal(signal.SIGINT)
            launched.wait()
    ledger = json.loads((folder / "out/ledger.json").read_text())
    p95_ms = ledger["latency"]["camera"]["results"]["received_ms"]["p95"]
    bound_ms = (WINDOW + 1) * DETECTOR_MS + 200
    print(
        f"{ledger['sources']['camera']}; capture to received p95 {p95_ms:.0f} ms of {bound_ms} ms; {memory}"
    )
    leaky = ledger["sources"]["camera"]["dropped"].get("leaky", 0)
    return bool(is_flat and p95_ms <= bound_ms and ledger["balanced"] and leaky)


def absent(folder: Path, minutes: float) -> bool:
    """Run with a camera that is not there."""
    with closed_port() as port:
        graph = camera_graph(folder, {"camera": {"uri": f"rtsp://127.0.0.1:{port}/x"}})
        with Launched(graph, "--quiet", folder=folder) as launched:
            wait_for(lambda: "attempt 3 in" in launched.stderr, "third attempt", launched)
            is_flat, memory = watch(launched, minutes)
            launched.signal(signal.SIGINT)
            launched.wait()
            told = len(launched.stderr.splitlines())
    print(f"{memory}; {told} lines of log")
    return is_flat and told < 20


def watch(launched: Launched, minutes: float) -> tuple[bool, str]:
    """Wait, and return whether memory and descriptors of all processes stayed as they were, and how they went
    from the first fifth of the time to the last."""
    samples: list[tuple[float, int]] = []
    until_s = time.monotonic() + minutes * 60
    while time.monotonic() < until_s:
        processes: list[Any] = [psutil.Process(launched.process.pid), *launched.children()]
        resident = sum(anonymous_mb(process.pid) for process in processes)
        samples.append((resident, sum(process.num_fds() for process in processes)))
        time.sleep(2)
    fifth = max(1, len(samples) // 5)
    early, late = samples[:fifth], samples[-fifth:]
    words, is_flat = [], True
    for place, unit, growth in ((0, "MB", MEMORY_GROWTH_MB), (1, "descriptors", DESCRIPTOR_GROWTH)):
        one, other = (sum(sample[place] for sample in part) / fifth for part in (early, late))
        words.append(f"{one:.1f} -> {other:.1f} {unit}")
        is_flat = is_flat and other - one <= growth
    return is_flat, ", ".join(words)


def anonymous_mb(pid: int) -> float:
    """Memory of a process without files that it maps: pixels, and code, which may be others' as well."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1000


def has_more(folder: Path, camera: str, than: int) -> bool:
    return count(folder, camera) > than


def count(folder: Path, camera: str) -> int:
    path = folder / f"out/{camera}.jsonl"
    return path.read_bytes().count(b'"seq":') if path.exists() else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("outage", "slow", "absent"))
    parser.add_argument("--times", type=int, default=20, help="how often the camera goes")
    parser.add_argument("--pauses", default="5,30,60", help="for how many seconds, in turn")
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cam-") as name:
        folder = Path(name)
        if options.what == "outage":
            passed = outage(folder, options.times, [float(pause) for pause in options.pauses.split(",")])
        else:
            passed = (slow if options.what == "slow" else absent)(folder, options.minutes)
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
