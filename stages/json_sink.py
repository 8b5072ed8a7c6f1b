"""json_sink: one JSON object a line for each frame, and for each stretch of dropped frames."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from runtime.files import CutFileSink
from runtime.packet import OK, Packet
from runtime.properties import REQUIRED, prop
from runtime.stage import Json
from runtime.texts import utf8_of

VERSION = 1
_NOT_FOR_RECORDS = frozenset({"crops"})
"""Keys of a person that are working material, not a result."""
_NOT_OF_A_FRAME = frozenset({"counts"})
"""Keys of a packet that are for the summary."""


class JsonSink(CutFileSink):
    """Write what was found in each frame as a line of JSON."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop(REQUIRED, "The file; {source} in it stands for the name of the source.")

    def process(self, packet: Packet) -> Packet:
        self._write(self._record(packet))
        return packet

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        self._write(
            {
                "version": VERSION,
                "run": self.context.run,
                "source": packet.source,
                "from_seq": from_seq,
                "to_seq": to_seq,
                "status": reason,
            }
        )

    def _record(self, packet: Packet) -> dict[str, Json]:
        record: dict[str, Json] = {
            "version": VERSION,
            "run": self.context.run,
            "source": packet.source,
            "seq": packet.seq,
            "epoch": packet.epoch,
            "attempt": packet.attempt,
            "pts_ns": packet.pts_ns,
            "capture_time_ns": packet.capture_time_ns,
            "uri": packet.uri,
            "size_wh": list(packet.size_wh),
            "status": packet.status,
        }
        if packet.pixel_aspect_ratio != (1, 1):
            record["pixel_aspect_ratio"] = list(packet.pixel_aspect_ratio)
        if packet.flags:
            record["flags"] = packet.flags
        if packet.status == OK:
            record |= {key: value for key, value in packet.meta.items() if key not in _NOT_OF_A_FRAME}
            if "people" in record:
                record["people"] = [
                    {key: value for key, value in person.items() if key not in _NOT_FOR_RECORDS}
                    for person in packet.people
                ]
        return record

    def _write(self, record: dict[str, Json]) -> None:
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=_plain) + "\n"
        self.write(utf8_of(line))

    @classmethod
    def count(cls, location: Path) -> int:
        with location.open(encoding="utf-8") as lines:
            seqs = [record["seq"] for line in lines if "seq" in (record := json.loads(line))]
        if seqs != sorted(set(seqs)):
            raise ValueError(f"{location}: frames are doubled or out of order")
        return len(seqs)


def _plain(value: Any) -> Json:
    """Arrays that a user's stage put into the packet become lists."""
    return value.tolist()
