"""preview_sink: the cameras' current pictures, in a browser on this machine."""

from __future__ import annotations

import dataclasses
import time

from fashion_pipeline.stages.media import BGR
from fashion_pipeline.stages.media.aspect import square_view
from fashion_pipeline.stages.preview.hosts import is_loopback
from fashion_pipeline.stages.privacy.require import KeepsPictures, require_prop
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.properties import Seconds, prop
from framegraph.stage import LeakySink


class PreviewSink(KeepsPictures, LeakySink["PreviewSink.Options"]):
    """Show the newest picture of each source, with its people, over HTTP: `/` is a page with all of them,
    /SOURCE.mjpg a stream, /SOURCE.jpg one picture.

    It is a leaky branch: it never commits, misses frames rather than slow others down, and the run goes on
    without it if it dies. A source without new pictures is darkened, with the time of the last one.
    """

    payload = BGR

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        port: int = prop(
            8080, "Port to listen on; 0: any free port, which the log names.", low=0, high=65_535
        )
        host: str = prop("127.0.0.1", "Address to listen on.")
        allow_remote: bool = prop(
            False, "Allow a host that other machines can reach. There is no password: all of them may watch."
        )
        quality: int = prop(75, "Quality of the JPEG pictures.", low=1, high=100)
        max_fps: float = prop(10.0, "Most pictures per second of each source.", low=0.1, high=120)
        max_width: int = prop(
            960, "Wider pictures are scaled down to this width, in pixels.", low=64, high=16_384
        )
        offline_after: Seconds = prop(
            2.0, "A source without a new picture for this long is shown as offline.", low=0.1, high=3600
        )
        require: str = require_prop()

    @classmethod
    def check(cls, options: Options) -> None:
        if not options.allow_remote and not is_loopback(options.host):
            raise GraphError(
                f"host '{options.host}' can be reached from other machines, and the preview has no password; "
                "use host: 127.0.0.1 (from elsewhere: ssh -L 8080:127.0.0.1:8080 HOST), or allow it by "
                "allow-remote: true"
            )

    def open(self) -> None:
        from fashion_pipeline.stages.preview.pictures import Pictures
        from fashion_pipeline.stages.preview.server import PreviewServer

        options = self.options
        self._shown_at_s: dict[str, float] = {}
        self._pictures = Pictures(
            self.context.sources,
            max_width=options.max_width,
            quality=options.quality,
            offline_after_s=options.offline_after,
        )
        try:
            self._server = PreviewServer(
                options.host,
                options.port,
                self._pictures,
                max_fps=options.max_fps,
                is_open=options.allow_remote,
                log=self.log,
            )
        except OSError as error:
            raise StageError(
                f"cannot listen on {options.host} port {options.port}: {error.strerror}; "
                "choose another port, or port: 0 for any free one"
            ) from None
        self.log.info("preview at %s", self._server.url)

    @property
    def url(self) -> str:
        """The address of the page."""
        return str(self._server.url)

    def process(self, packet: Packet) -> Packet:
        now_s = time.monotonic()
        if now_s - self._shown_at_s.get(packet.source, 0.0) >= 1 / self.options.max_fps:
            self._shown_at_s[packet.source] = now_s
            self._pictures.put(packet.source, *square_view(packet))
        return packet

    def take_sources(self, sources: tuple[str, ...]) -> None:
        self._pictures.take_sources(sources)

    def close(self) -> None:
        self._server.close()
