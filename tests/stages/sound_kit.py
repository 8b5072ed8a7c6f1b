"""Films with sound, for the tests of clocks, of what was cut off, and of the sound of the output."""

import dataclasses
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from fashion_pipeline.stages.video_sink import VideoSink
from framegraph.packet import Packet
from framegraph.testing import make_packet, make_stage
from tests.stages.source_kit import make_source, numbered

SOUND_RATE = 48_000
TS_BYTES = 188


def tone(length_ms: int, click_ms: int | None = None) -> np.ndarray:
    """A quiet tone, or silence with a loud click of 20 ms."""
    samples = np.arange(SOUND_RATE * length_ms // 1000)
    if click_ms is None:
        return np.asarray(np.sin(samples * 0.05) * 4000).astype(np.int16)
    is_click = (samples >= SOUND_RATE * click_ms // 1000) & (samples < SOUND_RATE * (click_ms + 20) // 1000)
    return np.asarray(np.sin(samples * 0.3) * 20_000 * is_click).astype(np.int16)


def film_with_sound(
    path: Path,
    *,
    count: int = 50,
    frame_ms: int = 40,
    begin_ms: int = 0,
    sound_codec: str | None = "aac",
    sound_begin_ms: int | None = None,
    wave: np.ndarray | None = None,
    codec: str = "libx264",
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    **stream_facts: Any,
) -> Path:
    """Write a film of `count` small pictures with a tone, or `wave`, beside them, as long as they are."""
    sound_begin_ms = begin_ms if sound_begin_ms is None else sound_begin_ms
    wave = tone(count * frame_ms) if wave is None else wave
    with av.open(str(path), "w", options=options or {}) as film:
        film.metadata.update(metadata or {})
        pictures: Any = film.add_stream(codec, rate=Fraction(1000, frame_ms), options={"g": "12"})
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        if path.suffix != ".avi":  # whose clock ticks once a frame
            pictures.time_base = pictures.codec_context.time_base = Fraction(1, 1000)
        pictures.codec_context.max_b_frames = 0
        for name, value in stream_facts.items():
            setattr(pictures.codec_context, name, value)
        sound: Any = None if sound_codec is None else film.add_stream(sound_codec, rate=SOUND_RATE)
        packets = [*_pictures(pictures, count, frame_ms, begin_ms)]
        if sound is not None:
            packets += _sound(sound, wave, sound_begin_ms)
        film.start_encoding()
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            film.mux(packet)
    return path


def _pictures(stream: Any, count: int, frame_ms: int, begin_ms: int) -> Iterable[Any]:
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(numbered(number), "bgr24")
        frame.pts, frame.time_base = begin_ms + number * frame_ms, Fraction(1, 1000)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _sound(stream: Any, wave: np.ndarray, begin_ms: int) -> Iterable[Any]:
    for start in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "s16", "mono")
        frame.sample_rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
        frame.pts = start + begin_ms * SOUND_RATE // 1000
        yield from stream.encode(frame)
    yield from stream.encode(None)


def joined(path: Path, *pieces: Path) -> Path:
    """Put transport streams behind each other, byte by byte."""
    path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    return path


CLICK_MS = 1200
"""Where the click is in most of these films."""


@dataclasses.dataclass
class Annotated:
    """An input that went through source and sink, and what is to be said of the output."""

    path: Path
    captured: int
    remarks: list[str]
    sound: str
    """The coding of the sound, empty if there is none."""
    clicks_s: list[float]
    sound_s: tuple[float, float]
    """Where the sound begins and ends."""


def annotate(uri: object, output: Path, **properties: object) -> Annotated:
    """Play `uri` into a film as the graph does, and hold the film against what must be true of each."""
    sink = make_stage(VideoSink, {"location": str(output), "preset": "ultrafast"}, source="camera")
    sink.open_at(output, None)
    captured = 0
    for frame in make_source(uri, **properties).frames(None):
        sink.process(packet_of(frame, captured))
        captured += 1
    sink.finish()
    sink.close()
    assert VideoSink.count(output) == captured, "the film is not complete"
    assert b"moof" not in output.read_bytes(), "the film is not joined"
    assert [path.name for path in output.parent.iterdir() if path.name.endswith(".part")] == []
    assert len(sink.remarks()) <= 1
    with av.open(str(output)) as film:
        sound = film.streams.audio[0].codec_context.name if film.streams.audio else ""
    return Annotated(output, captured, sink.remarks(), sound, *(heard(output) if sound else ([], (0.0, 0.0))))


def packet_of(frame: Any, seq: int) -> Packet:
    made = make_packet(frame.image_bgr, seq=seq)
    made.pts_ns, made.running_ns, made.duration_ns = frame.pts_ns, frame.running_ns, frame.duration_ns
    made.epoch, made.uri, made.pixel_aspect_ratio = frame.epoch, frame.uri, frame.pixel_aspect_ratio
    return made


def heard(path: Path) -> tuple[list[float], tuple[float, float]]:
    """Decode the sound and say at which seconds clicks begin, and where it begins and ends."""
    clicks_s: list[float] = []
    times_s, last_loud_s = [], -1.0
    with av.open(str(path)) as film:
        for packet in film.demux(audio=0):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue  # damaged: a player goes on as well
            for frame in frames:
                begin_s = float(frame.pts * frame.time_base)
                times_s += [begin_s, begin_s + frame.samples / frame.sample_rate]
                samples = np.abs(frame.to_ndarray().astype(float)).max(axis=0)
                scale = 32768 if frame.format.name.startswith("s16") else 1
                for at in np.flatnonzero(samples > 0.2 * scale):
                    loud_s = begin_s + at / frame.sample_rate
                    if loud_s - last_loud_s > 0.1:
                        clicks_s.append(loud_s)
                    last_loud_s = loud_s
    return clicks_s, (min(times_s, default=0.0), max(times_s, default=0.0))


def film(path: Path, sound_codec: str | None = "aac", **how: Any) -> Path:
    """Write 3 s of film with a click at CLICK_MS."""
    if path.suffix == ".avi":
        how.setdefault("codec", "mpeg4")
    how.setdefault("wave", tone(3000, CLICK_MS))
    return film_with_sound(path, count=75, sound_codec=sound_codec, **how)
