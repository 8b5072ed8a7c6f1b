"""The measurement of one stage alone, in its own process, on recorded packets.

Started by `measure.py`, as many copies at once as there are cores, because that is how stages run. Prints one
line of JSON.
"""

import argparse
import contextlib
import dataclasses
import functools
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack

from framegraph.errors import GraphError, StageError
from framegraph.graph.model import StageSpec
from framegraph.graph.reader import read_graph_argument
from framegraph.packet import Packet, size_of
from framegraph.stage import Context, FileSink, Frame, Source, Stage
from framegraph.wire import codec

MAX_RECORDED = 48
RUN_FRAMES = 12
"""Recorded one after the other: behind a tracker a frame costs less the better it continues the one before,
and not every frame costs a detector the same."""
MAX_RECORDED_BYTES = 96 * 2**20
"""Limit of pixels, so that a plan for 4K fits into memory too."""
WARM_UP_FRAMES = 2
"""Libraries set themselves up with the first frames; a run is longer than that."""
MIN_FRAMES = 5
"""Measured however long it takes, even on a busy machine."""


@dataclasses.dataclass
class Meter:
    """Adds up what the measured calls take, of the CPU with all threads, and on the clock less the time that
    this process waited for a core: what else runs on the machine just now is not the stage's."""

    frames: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    skip: int = WARM_UP_FRAMES

    def measure(self, call: Callable[[], Any]) -> Any:
        cpu_s, wall_s, waited_s = time.process_time(), time.perf_counter(), waited_for_core_s()
        answer = call()
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        if self.skip > 0:
            self.skip -= 1
            return answer
        self.frames += 1
        self.cpu_s += cpu_s
        self.wall_s += max(0.0, wall_s - (waited_for_core_s() - waited_s))
        return answer


def waited_for_core_s() -> float:
    """Return how long the threads of this process were ready to run and did not (proc(5), schedstat)."""
    waited_ns = 0
    for thread in os.listdir("/proc/self/task"):
        # A thread may end meanwhile.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            waited_ns += int(Path(f"/proc/self/task/{thread}/schedstat").read_text().split()[1])
    return waited_ns / 1e9


class Record:
    """Packets with their pixels, as bytes: in runs, which are spread over the seconds of a measurement."""

    def __init__(self, seconds: float) -> None:
        self.packets: list[list[bytes]] = []
        self._period_s = seconds * RUN_FRAMES / MAX_RECORDED
        self._next_s = 0.0
        self.held_bytes = 0

    def offer(self, packet: Packet) -> None:
        now_s = time.monotonic()
        if len(self.packets) >= MAX_RECORDED or self.held_bytes > MAX_RECORDED_BYTES:
            return
        if len(self.packets) % RUN_FRAMES == 0:
            if now_s < self._next_s:
                return
            self._next_s = now_s + self._period_s
        frames = [bytes(frame) for frame in codec.encode_packet(packet)]
        self.held_bytes += sum(map(len, frames))
        self.packets.append(frames)


def main() -> int:
    parser = argparse.ArgumentParser(description="measure one stage alone; started by measure.py")
    parser.add_argument("graph")
    parser.add_argument("stage")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--packets", type=Path, help="what the stage before gave")
    parser.add_argument("--record", type=Path, help="where to put what this one gives")
    options = parser.parse_args()
    spec = read_graph_argument(options.graph, options.set).stages[options.stage]
    try:
        found = measure(spec, options.seconds, options.threads, options.packets, options.record)
    except (StageError, GraphError) as error:
        print(json.dumps({"error": str(error)}))
        return 1
    print(json.dumps(found))
    return 0


def measure(
    spec: StageSpec, seconds: float, threads: int, packets: Path | None, record: Path | None
) -> dict[str, Any]:
    """Return frames, CPU and clock seconds a frame, seconds to open, memory and threads of one stage."""
    meter, recorded = Meter(), Record(seconds)
    given = _read(packets) if packets is not None else []
    context = Context(name=spec.name, run="plan", source="plan", threads=threads, batch=1)
    started_s = time.perf_counter()
    stage: Stage[Any] = spec.stage(spec.options, context)
    frame_bytes = 0
    with tempfile.TemporaryDirectory(prefix="plan-") as folder:
        stage.open()
        if isinstance(stage, FileSink):
            stage.open_at(Path(folder) / "output", None)
        open_s = time.perf_counter() - started_s
        until_s = time.monotonic() + seconds

        def is_over() -> bool:
            return time.monotonic() > until_s and meter.frames >= MIN_FRAMES

        if isinstance(stage, Source):
            for packet in _captured(stage, meter, is_over):
                frame_bytes = packet.payload.nbytes
                recorded.offer(packet)
        else:
            for packet in _given(given, is_over):
                recorded.offer(meter.measure(functools.partial(stage.process, packet)))
        found = {
            "frames": meter.frames,
            "cpu_s": meter.cpu_s / max(1, meter.frames),
            # Threads wait for cores at the same time, so that their waits may be more than there was.
            "wall_s": max(meter.wall_s, meter.cpu_s / threads) / max(1, meter.frames),
            "open_s": open_s,
            # Without what only this measurement holds, and holds to here.
            "pss_bytes": max(0, _pss_bytes() - recorded.held_bytes - _size_bytes(given)),
            "threads": len(os.listdir("/proc/self/task")),
            "frame_bytes": frame_bytes,
        }
        stage.close()
    if record is not None:
        record.write_bytes(b"".join(msgpack.packb(frames) for frames in recorded.packets))
    return found


def _captured(stage: Source[Any], meter: Meter, is_over: Callable[[], bool]) -> Iterator[Packet]:
    """Frames of a source, as packets with pixels; the payload's copy into the pool counts."""
    frames = stage.frames(None)
    slot: Any = None
    for seq in itertools.count():

        def capture() -> Frame | None:
            nonlocal slot
            frame = next(frames, None)
            if frame is not None:
                slot = frame.payload.copy() if slot is None or slot.shape != frame.payload.shape else slot
                slot[:] = frame.payload
            return frame

        frame = meter.measure(capture)
        if frame is None or is_over():
            return
        packet = Packet(
            source="plan",
            seq=seq,
            prev_seq=seq - 1,
            pts_ns=frame.pts_ns,
            running_ns=frame.running_ns,
            duration_ns=frame.duration_ns,
            uri=frame.uri,
            size_wh=size_of(frame.payload.shape),
        )
        packet.payload = frame.payload
        yield packet


def _read(path: Path) -> list[list[bytes]]:
    """The recorded packets, each as its frames."""
    with path.open("rb") as file:
        return list(msgpack.Unpacker(file, max_buffer_size=0))


def _size_bytes(recorded: list[list[bytes]]) -> int:
    return sum(len(frame) for frames in recorded for frame in frames)


def _given(recorded: list[list[bytes]], is_over: Callable[[], bool]) -> Iterator[Packet]:
    """The recorded packets again and again, each fresh and with a later number and time."""
    for seq in itertools.count():
        if not recorded or is_over():
            return
        packet = codec.decode_packet(recorded[seq % len(recorded)])
        packet.seq, packet.prev_seq = seq, seq - 1
        packet.running_ns = seq * max(1, packet.duration_ns)
        yield packet


def _pss_bytes() -> int:
    text = Path("/proc/self/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


if __name__ == "__main__":
    sys.exit(main())
