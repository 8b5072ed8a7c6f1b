"""Joining a fragmented film into one plain file with the input's sound, without re-encoding pictures."""

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.stream import Stream

from fashion_pipeline.stages.media.decoding import reason_of
from fashion_pipeline.stages.media.timing import NS_PER_S, to_ns
from fashion_pipeline.stages.recording.sound import NoSoundError, Sound
from framegraph.files import NO_ROOM
from framegraph.support.whole_files import place_of, whole_file

FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov", ".m4v": "mp4"}
"""Film extensions, and FFmpeg's names of their formats."""


MAX_LEFT_OUT = 1000
"""Sound with more damaged packets than this is left out."""


def join(location: Path, uri: str, origin_ns: int = 0) -> list[str]:
    """Replace the fragmented film at `location` by a plain one of the format that its ending names; return
    remarks for the summary.

    The new film is complete under another name before it takes the old one's place. `uri` names the input
    whose sound is copied, empty when there is not just one; `origin_ns` is its time at the film's beginning.
    """
    remark = ""
    with whole_file(location) as joined:
        place = Path(place_of(joined))
        try:
            with Sound(uri, origin_ns, FORMATS[location.suffix.lower()]) as sound:
                left_out = _write(location, place, sound)
                if left_out:
                    remark = f"{left_out} damaged packets of its sound are left out"
        except NoSoundError as error:
            remark = f"no sound: {error}"
            _write(location, place, None)
        except Exception as error:  # any error comes from the sound: the pictures are our own
            if getattr(error, "errno", None) in NO_ROOM:
                raise
            remark = f"no sound: that of {uri} cannot be copied: {reason_of(error)}"
            _write(location, place, None)
    return [f"{location.name}: {remark}"] if remark else []


def remarks_on(location: Path, uri: str, origin_ns: int = 0) -> list[str]:
    """Return the remarks of `join` on a film it has joined, because its process may have died before that."""
    try:
        with Sound(uri, origin_ns, FORMATS[location.suffix.lower()]):
            return []
    except NoSoundError as error:
        return [f"{location.name}: no sound: {error}"]


def _write(location: Path, joined: Path, sound: Sound | None) -> int:
    """Write the plain film; return how many packets of sound the format would not take."""
    left_out = 0
    format_ = FORMATS[location.suffix.lower()]
    options = {} if format_ == "matroska" else {"movflags": "faststart"}
    with (
        av.open(str(location)) as film,
        av.open(str(joined), "w", format=format_, options=options) as output,
    ):
        pictures = film.streams.video[0]
        streams: list[Stream] = [output.add_stream_from_template(pictures)]
        parts = [_pictures(film, pictures)]
        if sound is not None:
            streams.append(output.add_stream_from_template(sound.stream))
            parts.append((at_ns, 1, packet) for at_ns, packet in sound.packets(_end_ns(location)))
        for _at_ns, stream, packet in heapq.merge(*parts, key=lambda part: part[:2]):
            packet.stream = streams[stream]
            try:
                output.mux(packet)
            except av.error.InvalidDataError:
                left_out += 1
                if stream == 0 or left_out > MAX_LEFT_OUT:
                    raise
    return left_out


def _pictures(film: Any, stream: Any) -> Iterator[tuple[int, int, Any]]:
    for packet in film.demux(stream):
        if packet.dts is not None:
            yield to_ns(packet.dts, packet.time_base), 0, packet


def _end_ns(location: Path) -> int:
    """Return the duration of the pictures."""
    with av.open(str(location)) as film:
        ends = [
            (packet.pts + (packet.duration or 0)) * packet.time_base * NS_PER_S
            for packet in film.demux(film.streams.video[0])
            if packet.pts is not None
        ]
    return round(max(ends, default=0))
