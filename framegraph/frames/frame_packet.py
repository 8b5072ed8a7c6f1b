"""Packets made from slots of the frame store file."""

from framegraph.frames import layout
from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.ranges import ranges_of
from framegraph.packet import Packet, PixelHandle, size_of

FLAGS = ("DISCONT", "CORRUPTED", "LIVE")
"""The flags that a slot keeps, one bit each."""


def flag_bits(flags: tuple[str, ...]) -> int:
    """Return the bits of a slot's word for these flags; others are not kept."""
    return sum(1 << bit for bit, name in enumerate(FLAGS) if name in flags)


def shape_of(word: list[int]) -> tuple[int, ...]:
    """Return the shape of the payload in a slot with these words."""
    return tuple(word[layout.S_SHAPE + 1 :][: word[layout.S_SHAPE]])


def frame_packet(
    file: FrameStoreFile, slot: int, *, source: str, stream: int, status: str, floor_seq: int
) -> Packet:
    """Return the packet of the frame in a slot, as it would be sent now."""
    word = file.words[file.address(slot, 0) : file.address(slot, layout.URI_WORD)].tolist()
    shape = shape_of(word)
    told = ranges_of(word[layout.S_RANGES :])
    flags = [name for bit, name in enumerate(FLAGS) if word[layout.S_FLAGS] >> bit & 1]
    if told and "DISCONT" not in flags:
        # What stands before it was dropped.
        flags.insert(0, "DISCONT")
    return Packet(
        source=source,
        seq=word[layout.S_SEQ],
        stream=stream,
        prev_seq=word[layout.S_PREV],
        floor_seq=floor_seq,
        epoch=word[layout.S_EPOCH],
        attempt=word[layout.S_ATTEMPT],
        pts_ns=word[layout.S_PTS],
        running_ns=word[layout.S_RUNNING],
        duration_ns=word[layout.S_DURATION],
        capture_time_ns=word[layout.S_CAPTURE_TIME],
        clock_ns=word[layout.S_CLOCK],
        uri=file.uri(slot),
        size_wh=size_of(shape),
        pixel_aspect_ratio=(word[layout.S_PIXEL_W], word[layout.S_PIXEL_H]),
        status=status,
        flags=flags,
        dropped=[(first, last, layout.REASONS[reason]) for first, last, reason in told],
        handle=PixelHandle(
            pool=source,
            slot=slot,
            generation=word[layout.S_GENERATION],
            shape=shape,
        ),
    )
