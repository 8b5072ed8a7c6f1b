"""Packets of any content, for the tests of the codec."""

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from framegraph.errors import WireError
from framegraph.packet import MAX_SIDE_PX, Packet, PixelHandle
from framegraph.wire import codec

WORDS = st.text(max_size=12)
INTS = st.integers(-(2**62), 2**62)
COUNTS = st.integers(0, 2**62)
SIDES = st.integers(1, MAX_SIDE_PX)
ARRAYS = hnp.arrays(
    dtype=st.sampled_from(["uint8", "int32", "int64", "float16", "float32", "float64", "bool"]),
    shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)
SCALARS = st.none() | st.booleans() | INTS | st.floats() | WORDS | st.binary(max_size=12)
VALUES = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
MESSAGES = st.dictionaries(WORDS, VALUES, max_size=6)


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    seq = draw(st.integers(0, 2**62))
    packet = Packet(
        source=draw(WORDS),
        seq=seq,
        prev_seq=draw(st.integers(-1, seq - 1)),
        floor_seq=draw(COUNTS),
        stream=draw(COUNTS),
        epoch=draw(COUNTS),
        attempt=draw(COUNTS),
        alone=draw(st.booleans()),
        pts_ns=draw(INTS),
        running_ns=draw(INTS),
        duration_ns=draw(COUNTS),
        capture_time_ns=draw(INTS),
        clock_ns=draw(INTS),
        uri=draw(WORDS),
        size_wh=draw(st.tuples(COUNTS, COUNTS)),
        pixel_aspect_ratio=draw(st.tuples(SIDES, SIDES)),
        status=draw(WORDS),
        flags=draw(st.lists(WORDS, max_size=3)),
        dropped=draw(st.lists(st.tuples(COUNTS, COUNTS, WORDS), max_size=3)),
        highest_ids=draw(st.dictionaries(WORDS, COUNTS, max_size=3)),
        meta=draw(MESSAGES),
        marks=tuple(draw(st.lists(WORDS, max_size=3))),
    )
    side = st.integers(1, 6)
    height, width = draw(side), draw(side)
    match draw(st.sampled_from(["none", "handle", "inline"])):
        case "handle":
            packet.handle = PixelHandle(
                pool=draw(WORDS), slot=draw(COUNTS), generation=draw(INTS), shape=(height, width, 3)
            )
        case "inline":
            packet.image_bgr = draw(hnp.arrays(np.uint8, (height, width, 3)))
    return packet


def received(frames: list[bytes | memoryview]) -> list[bytes]:
    """What the other end's socket gives for frames that were sent."""
    return [bytes(frame) for frame in frames]


def assert_same(left: Any, right: Any) -> None:
    """Equal in value and in type, with NaN equal to itself."""
    assert type(left) is type(right)
    if isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for name in left:
            assert_same(left[name], right[name])
    elif isinstance(left, list):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    else:
        assert left == right or (math.isnan(left) and math.isnan(right))


def assert_plain(value: Any) -> None:
    """Only what a stage's author and a JSON file know: nothing that carries code or a type of a library."""
    if type(value) is dict:
        for name, inner in value.items():
            assert type(name) is str, f"a name of type {type(name).__name__}"
            assert_plain(inner)
    elif type(value) is list:
        for inner in value:
            assert_plain(inner)
    else:
        assert type(value) in (type(None), bool, int, float, str, bytes, np.ndarray), type(value).__name__


def decodes_or_rejects(frames: list[bytes]) -> Packet | None:
    """Decode a packet; None when it is rejected. Any error but WireError fails the test."""
    try:
        return codec.decode_packet(frames)
    except WireError:
        return None
