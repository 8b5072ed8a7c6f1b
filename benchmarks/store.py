"""`python -m benchmarks.store`: what the database of visits costs a frame, and how fast a large one answers.

A year of made-up visits, without pictures, before 20 cameras, is written straight into SQLite's tables. Each
question is then asked in a process of its own, several times, so that the page cache is warm; the first time
of each is shown beside it.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fashion_pipeline.stages.store_sink import StoreSink
from fashion_pipeline.store import schema
from fashion_pipeline.store.opening import open_store
from fashion_pipeline.store.visits import MINUTE_NS
from framegraph.testing import make_packet, make_stage

CAMERAS = 20
YEAR_MINUTES = 365 * 24 * 60
BEGIN_NS = 1_735_689_600_000_000_000
"""2025-01-01 in UTC."""
LABELS = (
    "Coat",
    "Trouser",
    "Dress",
    "Pullover",
    "Shirt",
    "T-shirt/top",
    "Bag",
    "Sneaker",
    "Sandal",
    "Ankle boot",
)
COLORS = ("black", "white", "grey", "red", "blue", "navy", "green", "brown", "beige", "burgundy")
PART = 200_000
TIMES = 5
ASK = """
import sys, time
from fashion_pipeline.store.opening import reading
from fashion_pipeline.store.asking import Question, ask
from fashion_pipeline.store.counting import count
database, what, begin, end = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
question = Question(clock="wall", from_ns=begin, to_ns=end)
with reading(database) as connection:
    started_s = time.perf_counter()
    if what == "ask":
        found = ask(connection, Question(garment="coat", color="red", camera="camera2", clock="wall",
                                         from_ns=begin, to_ns=end), 20)
    elif what == "ask anytime":
        found = ask(connection, Question(garment="coat", color="red"), 20)
    else:
        found = count(connection, question, what)
    print(time.perf_counter() - started_s)
"""


def frame_cost_ms(frames: int, people: int, per_commit: int) -> float:
    """Return CPU milliseconds a frame of a store_sink by itself: so many people, all changing a little."""
    with tempfile.TemporaryDirectory() as folder:
        sink = make_stage(StoreSink, {"url": f"sqlite:///{folder}/store.db", "views": 0}, source="camera")
        sink.open()
        sink.begin()
        packets = [
            make_packet(seq=seq, people=[_person(track, seq) for track in range(people)])
            for seq in range(frames)
        ]
        started_s = time.process_time()
        for number, packet in enumerate(packets, 1):
            sink.process(packet)
            if number % per_commit == 0:
                sink.commit({"digest": "benchmark", "last": {"seq": packet.seq}})
        cpu_s = time.process_time() - started_s
        sink.close()
    return 1000 * cpu_s / frames


def _person(track: int, seq: int) -> dict[str, Any]:
    garments = [
        {"label": label, "score": 0.5 + (seq // 10 % 5) / 100, "region": "upper", "color": "red"}
        for label in LABELS[:3]
    ]
    return {"box": [0.0, 0.0, 20.0, 60.0], "score": 0.9, "track": track, "garments": garments, "unsure": []}


def fill(database: Path, number: int) -> None:
    """Write `number` visits of a year and its coverage."""
    engine = open_store(str(database))
    chance = random.Random(0)
    with engine.begin() as connection:
        for table, names in ((schema.labels, LABELS), (schema.colors, COLORS)):
            more = {"region": "upper"} if table is schema.labels else {}
            connection.execute(table.insert(), [{"name": name, **more} for name in names])
        for camera in range(1, CAMERAS + 1):
            connection.execute(schema.cameras.insert().values(id=camera, name=f"camera{camera}"))
            connection.execute(
                schema.streams.insert().values(
                    id=camera,
                    run="r",
                    camera_id=camera,
                    uri="rtsp://camera",
                    clock="wall",
                    begin_ns=BEGIN_NS,
                    end_ns=BEGIN_NS + YEAR_MINUTES * MINUTE_NS,
                )
            )
    raw = engine.raw_connection()
    cursor: Any = raw.cursor()
    cursor.execute("BEGIN")
    cursor.executemany(
        "INSERT INTO coverage (stream_id, minute, camera_id, analysed, dropped, failed, away_ms) "
        "VALUES (?, ?, ?, 1500, 0, 0, 0)",
        (
            (camera, BEGIN_NS // MINUTE_NS + minute, camera)
            for minute in range(YEAR_MINUTES)
            for camera in range(1, CAMERAS + 1)
        ),
    )
    for start in range(0, number, PART):
        ids = range(start + 1, min(start + PART, number) + 1)
        cursor.executemany(
            "INSERT INTO visits VALUES (?, ?, ?, ?, ?, ?, 0, 0, 100, 1)", _visits(ids, number, chance)
        )
        cursor.executemany("INSERT INTO visit_garments VALUES (?, ?, ?, ?, ?)", _garments(ids, chance))
    cursor.execute("COMMIT")
    raw.close()
    engine.dispose()


def _visits(ids: range, number: int, chance: random.Random) -> Iterator[tuple[int, ...]]:
    for id_ in ids:
        camera = 1 + id_ % CAMERAS
        begin_ns = BEGIN_NS + id_ * YEAR_MINUTES * MINUTE_NS // (number + 1)
        yield id_, camera, camera, id_, begin_ns, begin_ns + chance.randrange(1, 30) * 10**9


def _garments(ids: range, chance: random.Random) -> Iterator[tuple[int, int, int, int, float]]:
    for id_ in ids:
        for label in chance.sample(range(1, len(LABELS) + 1), 3):
            color = chance.randrange(1, len(COLORS) + 1)
            yield id_, label, color, chance.random() < 0.7, round(chance.random(), 4)


def ask_s(database: Path, what: str, begin_ns: int, end_ns: int) -> list[float]:
    """Return the seconds that a question takes, each time in a new process."""
    words = [sys.executable, "-c", ASK, str(database), what, str(begin_ns), str(end_ns)]
    return [float(subprocess.run(words, check=True, capture_output=True).stdout) for _time in range(TIMES)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    parser.add_argument("--visits", type=int, default=1_000_000)
    parser.add_argument("--database", type=Path, help="keep it here, and do not fill it again")
    options = parser.parse_args()
    found: dict[str, Any] = {"frame_cpu_ms": {}}
    for per_commit in (1, 4, 16):
        costs = [frame_cost_ms(1000, 6, per_commit) for _time in range(TIMES)]
        found["frame_cpu_ms"][f"6 people, {per_commit} frames a commit"] = _spread(costs)
    with tempfile.TemporaryDirectory() as folder:
        database = options.database or Path(folder) / "store.db"
        if not database.exists():
            started_s = time.monotonic()
            fill(database, options.visits)
            found["fill_s"] = round(time.monotonic() - started_s, 1)
        found["visits"] = options.visits
        found["bytes_a_visit"] = round(database.stat().st_size / options.visits)
        noon_ns = BEGIN_NS + (180 * 24 + 12) * 60 * MINUTE_NS
        hour_ns, month_ns = 60 * MINUTE_NS, 30 * 24 * 60 * MINUTE_NS
        for what, length_ns in (
            ("ask", hour_ns),
            ("ask anytime", hour_ns),
            ("hour", month_ns),
            ("camera", month_ns),
            ("garment", month_ns),
        ):
            first, *others = ask_s(database, what, noon_ns, noon_ns + length_ns)
            found[what] = {"first_s": round(first, 3), **_spread(others)}
    print(json.dumps(found, indent=1))
    return 0


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 4),
        "low": round(min(values), 4),
        "high": round(max(values), 4),
    }


if __name__ == "__main__":
    sys.exit(main())
