"""The real source with pictures on which its decoder crashes or hangs: for tests of what becomes of the others."""

import dataclasses
import signal
import threading
import time
from pathlib import Path

from fashion_pipeline.stages.media import decoding, images
from fashion_pipeline.stages.source import FilmSource
from framegraph.properties import prop


class DeadlySource(FilmSource):
    """Plays as FilmSource does, until a deadly packet or image is to be decoded."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options(FilmSource.Options):
        crash_on_pts: str = prop("", "Time stamps of packets that crash the decoder, with commas, in ticks.")
        hang_on_pts: str = prop("", "Time stamps of packets on which it hangs.")
        hang_while: str = prop("", "It hangs only while this file exists.")
        crash_on_image: str = prop("", "A part of the names of images that crash the decoder.")

    options: Options

    def open(self) -> None:
        super().open()
        crash, hang = (
            {int(word) for word in text.split(",") if word}
            for text in (self.options.crash_on_pts, self.options.hang_on_pts)
        )
        decode_packet, read_image = decoding.decode_packet, images.read_image

        def deadly_packet(stream, packet):
            if packet is not None and packet.pts in crash:
                signal.pthread_kill(threading.get_ident(), signal.SIGSEGV)
            is_time = not self.options.hang_while or Path(self.options.hang_while).exists()
            if packet is not None and packet.pts in hang and is_time:
                time.sleep(3600)
            return decode_packet(stream, packet)

        def deadly_image(path: Path, width: int | None = None):
            if self.options.crash_on_image and self.options.crash_on_image in path.name:
                signal.pthread_kill(threading.get_ident(), signal.SIGSEGV)
            return read_image(path, width)

        decoding.decode_packet = deadly_packet
        images.read_image = deadly_image
