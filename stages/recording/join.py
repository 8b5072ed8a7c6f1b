"""From a film in fragments to one plain MP4 file, with the input's sound; no picture is encoded again."""

import os
from pathlib import Path
from typing import Any

import av

MP4_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
"""Sound that can be copied into MP4 as it is."""


def join(location: Path, uri: str) -> list[str]:
    """Replace the fragmented film at `location` by a plain one; return remarks for the summary.

    The new film is complete under another name before it takes the old one's place. `uri` names the input
    whose sound is copied, empty when there is not just one.
    """
    joined = location.with_name(f".{location.name}.joining")
    with (
        av.open(str(location)) as film,
        av.open(str(joined), "w", format="mp4", options={"movflags": "faststart"}) as output,
    ):
        pictures = film.streams.video[0]
        stream = output.add_stream_from_template(pictures)
        sound, remark = _open_sound(uri)
        sound_stream = output.add_stream_from_template(sound.streams.audio[0]) if sound else None
        end_s = 0.0
        for packet in film.demux(pictures):
            if packet.dts is None:
                continue
            end_s = max(end_s, float((packet.pts + packet.duration) * packet.time_base))
            packet.stream = stream
            output.mux(packet)
        if sound is not None:
            _copy_sound(sound, output, sound_stream, end_s)
            sound.close()
    os.replace(joined, location)
    return [f"{location.name}: {remark}"] if remark else []


def remarks_on(location: Path, uri: str) -> list[str]:
    """Return what `join` had to say of a film that it has joined: its process may have died before it did."""
    sound, remark = _open_sound(uri)
    if sound is not None:
        sound.close()
    return [f"{location.name}: {remark}"] if remark else []


def _open_sound(uri: str) -> tuple[Any, str]:
    """Return the open input film with sound to copy, or None and why there is none."""
    if not uri:
        return None, "no sound, for it does not come from one film"
    if not Path(uri).is_file():
        return None, "no sound, for its input is not a file"
    try:
        container = av.open(uri)
    except av.FFmpegError as error:
        return None, f"no sound, for {uri} cannot be opened again: {error}"
    if not container.streams.audio:
        container.close()
        return None, "no sound, the input has none"
    codec = container.streams.audio[0].codec_context.name
    if codec not in MP4_SOUND:
        container.close()
        return None, f"no sound, for {codec} does not fit into MP4"
    return container, ""


def _copy_sound(sound: Any, output: Any, stream: Any, end_s: float) -> None:
    source = sound.streams.audio[0]
    for packet in sound.demux(source):
        if packet.dts is None:
            continue
        if float(packet.pts * packet.time_base) >= end_s:
            break
        packet.stream = stream
        output.mux(packet)
