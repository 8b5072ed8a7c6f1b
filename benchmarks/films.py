"""The film that is measured: the sample several times over as one file, or any film, cut where it is long."""

from pathlib import Path

from benchmarks.graphs import PROJECT

SAMPLE = PROJECT / "samples" / "plaza.mp4"


def repeated(film: Path, times: int, target: Path, frames: int | None = None) -> tuple[Path, int]:
    """Write `film` `times` over into `target`, its packets as they are, and return it and its frames.

    `frames`: stop after so many, for a quick look.
    """
    import av

    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with av.open(str(target), "w") as out:
        stream = None
        for round_ in range(times):
            with av.open(str(film)) as container:
                source = container.streams.video[0]
                stream = stream or out.add_stream_from_template(source)
                length = 0
                for packet in container.demux(source):
                    if packet.pts is None or packet.dts is None:
                        continue
                    if frames is not None and written >= frames:
                        continue
                    length = max(length, packet.pts + (packet.duration or 0))
                    offset = round_ * _ticks(container, source)
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                    out.mux(packet)
                    written += 1
    return target, written


def _ticks(container: object, stream: object) -> int:
    """Length of one round in ticks of the stream."""
    return int(stream.duration)  # type: ignore[attr-defined]


def frames_in(film: Path) -> int:
    """Count the frames of a film by decoding it."""
    import av

    with av.open(str(film)) as container:
        return sum(1 for _frame in container.decode(video=0))
