"""app_sink: records for a program of your own, while the graph runs."""

import dataclasses
import os
from typing import Any

from fashion_pipeline.stages.records.of_packets import frame_line, range_line
from framegraph.errors import GraphError
from framegraph.packet import Packet
from framegraph.properties import Seconds, prop
from framegraph.stage import Sink

PREFIX = "ipc://"
MAX_PATH_BYTES = 107
"""sun_path of a UNIX socket, less its closing zero."""
READER = "FASHION_PIPELINE_READER"
"""Environment variable with the address of the program that started the run."""


class AppSink(Sink["AppSink.Options"]):
    """Hand each record, as json_sink writes it, to the Python program that started the run with
    `fashion_pipeline.run` (docs/python.md).

    It waits for the program: a slow one slows a film down, and a camera drops older frames. After the death
    of any process of the run the program still gets each frame of a film once, in order. When the program
    has gone, the run ends.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        address: str = prop(
            "", "Socket of the program, ipc://PATH; empty: of the program that started the run."
        )
        pictures: bool = prop(False, "Hand over the picture of each frame too.")
        wait: Seconds = prop(10.0, "How long to wait for the program at the start.", low=0.1, high=3600)

    @classmethod
    def check(cls, options: Options) -> None:
        address = _address(options)
        if not address:
            raise GraphError(
                "app_sink hands records to a Python program, and none has started this run; start it by "
                "fashion_pipeline.run(…), or use json_sink"
            )
        if not address.startswith(PREFIX) or len(os.fsencode(address)) > len(PREFIX) + MAX_PATH_BYTES:
            raise GraphError(
                f"property 'address': expected {PREFIX}PATH, of at most {MAX_PATH_BYTES} bytes, "
                f"got '{address}'"
            )

    _hand: Any = None

    def open(self) -> None:
        from fashion_pipeline.stages.records.handing import Hand

        self._hand = Hand(_address(self.options), self.context.source, self.options.wait)
        self._stream: int | None = None
        self._ranges: dict[int, bytes] = {}

    @property
    def is_ready(self) -> bool:
        return bool(self._hand.is_ready)

    @property
    def wakers(self) -> list[Any]:
        return [self._hand.socket]

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        # They go with the next frame, so that both arrive or neither.
        self._ranges[to_seq] = range_line(packet.source, self.context.run, from_seq, to_seq, reason)

    def process(self, packet: Packet) -> Packet:
        self._stream = packet.stream
        line = frame_line(packet, self.context.run)
        if self.options.pictures:
            image = packet.payload
            self._give(packet.seq, line, image.data.cast("B"), image.shape)
        else:
            self._give(packet.seq, line)
        return packet

    def _give(self, up_to: int, line: bytes, picture: "bytes | memoryview" = b"", shape: Any = ()) -> None:
        head = {"source": self.context.source, "stream": self._stream, "up_to": up_to, "shape": shape}
        self._hand.give(head, b"".join([*self._ranges.values(), line]), picture)
        self._ranges.clear()

    def finish(self) -> None:
        if self._ranges:
            self._give(max(self._ranges), b"")

    def close(self) -> None:
        if self._hand is not None:
            self._hand.close()
            self._hand = None


def _address(options: AppSink.Options) -> str:
    return options.address or os.environ.get(READER, "")
