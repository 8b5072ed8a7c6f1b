"""Results as json_sink writes them, and what an export of them has to hold."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fashion_pipeline.stages.json_sink import JsonSink
from framegraph.packet import OK, Packet
from framegraph.properties import read_options
from framegraph.stage import Context

Box = tuple[float, ...]
Sighting = tuple[str, int, str, Box, float, int | None]
"""Source, frame from 0, label ("person" for one), x0, y0, x1, y1, score, track."""


def write_results(path: Path, packets: Iterable[Packet], run: str = "a-run") -> Path:
    """Write packets by json_sink; one with `status` "dropped" stands for the three frames before it."""
    options = read_options(JsonSink.Options, {"location": str(path)})
    sink = JsonSink(options, Context(name="results", run=run))
    sink.open_at(path, None)
    for packet in packets:
        if packet.status == "dropped":
            sink.dropped(packet, packet.seq - 3, packet.seq - 1, "leaky")
        else:
            sink.process(packet)
    sink.finish()
    sink.close()
    return path


def packet(seq: int, *people: dict[str, Any], source: str = "camera", **more: Any) -> Packet:
    """Return a packet as it arrives at a sink, 10 frames a second."""
    meta = more.pop("meta", {"people": list(people)})
    more = {"uri": "samples/film.mp4", "size_wh": (640, 480), **more}
    return Packet(
        source=source, seq=seq, pts_ns=seq * 100_000_000, capture_time_ns=10**18 + seq, meta=meta, **more
    )


def person(track: int | None, *garments: dict[str, Any], at: float = 10.0, **more: Any) -> dict[str, Any]:
    """Return a person; without `track` nobody follows them."""
    made = {"box": [at, 20.5, at + 41.3, 120.2], "score": 0.875, "garments": list(garments), **more}
    return made if track is None else {**made, "track": track, "series": 0}


def garment(label: str, *, box: Sequence[float] | None = (12.0, 30.0, 40.0, 70.7), **more: Any) -> Any:
    """Return a garment, with box None one of unknown place."""
    made = {"label": label, "score": 0.75, **more}
    return made if box is None else {**made, "box": list(box)}


def story() -> list[Packet]:
    """Two sources: people who come, go and return, one without a number, nobody, frames that were not
    analysed, predicted boxes, labels with signs of every kind."""
    coat = garment("Coat \"of' many <colours> & signs", region="upper", color="red and navy")
    shoe = garment("Стрелка 靴", region="feet", color="black", color_shares={"black": 0.5})
    hat = garment("Hat", box=None)
    return [
        packet(0, person(1, coat, shoe), person(2, hat, at=200.25, unsure=[shoe])),
        packet(0, person(1, coat), source="door", pixel_aspect_ratio=(64, 45)),
        packet(1, person(1, coat, coat, at=12.5), person(None, at=300.0)),
        packet(2),
        packet(3, status="failed(detect)"),
        packet(1, source="door", meta={}),
        packet(7, status="dropped"),
        packet(7, person(1, shoe, at=14.0), person(0, at=1.0)),
        packet(8, meta={"people": [person(1, shoe, at=15.0, detected_at_seq=7)], "is_predicted": True}),
        packet(2, person(4, at=5.0), source="door"),
        packet(9, flags=["DISCONT"]),
    ]


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def people_of(path: Path) -> list[Sighting]:
    """Return every person of a file of results, in its order."""
    return [
        (record["source"], record["seq"], "person", tuple(one["box"]), one["score"], one.get("track"))
        for record in records(path)
        for one in record.get("people", [])
    ]


def garments_of(path: Path) -> list[Sighting]:
    """Return every garment that has a box."""
    return [
        (record["source"], record["seq"], worn["label"], tuple(worn["box"]), worn["score"], one.get("track"))
        for record in records(path)
        for one in record.get("people", [])
        for worn in one.get("garments", [])
        if "box" in worn
    ]


def last_frame(record: dict[str, Any]) -> int:
    return int(record["seq"] if "seq" in record else record["to_seq"])


def analysed(path: Path) -> set[tuple[str, int]]:
    """Return (source, frame) of all frames that people were looked for or predicted in."""
    return {
        (record["source"], record["seq"])
        for record in records(path)
        if record["status"] == OK and "people" in record
    }


def not_analysed(path: Path) -> list[tuple[str, int, int, str]]:
    """Return (source, first, last, status) of all others."""
    return [
        (
            record["source"],
            record["seq"] if "seq" in record else record["from_seq"],
            last_frame(record),
            record["status"] if record["status"] != OK else "not looked for",
        )
        for record in records(path)
        if record["status"] != OK or "people" not in record
    ]


def rounded(found: Iterable[Sighting]) -> list[Sighting]:
    """Return sightings in one order, with boxes to a millionth of a pixel: width and height round."""
    return sorted(
        (
            (source, seq, label, tuple(round(value, 5) for value in box), score, track)
            for source, seq, label, box, score, track in found
        ),
        key=repr,
    )
