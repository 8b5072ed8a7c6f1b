"""Bytes from a socket: what was packed comes back, and nothing else gets further than a WireError."""

import math
import tracemalloc
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from runtime.errors import WireError
from runtime.packet import MAX_SIDE_PX, Packet, PixelHandle
from runtime.wire import codec

WORDS = st.text(max_size=12)
INTS = st.integers(-(2**62), 2**62)
COUNTS = st.integers(0, 2**62)
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
        epoch=draw(COUNTS),
        attempt=draw(COUNTS),
        alone=draw(st.booleans()),
        pts_ns=draw(INTS),
        running_ns=draw(INTS),
        duration_ns=draw(COUNTS),
        capture_time_ns=draw(INTS),
        uri=draw(WORDS),
        size_wh=draw(st.tuples(COUNTS, COUNTS)),
        status=draw(WORDS),
        flags=draw(st.lists(WORDS, max_size=3)),
        dropped=draw(st.lists(st.tuples(COUNTS, COUNTS, WORDS), max_size=3)),
        meta=draw(MESSAGES),
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


# What is packed comes back


def test_an_empty_message_comes_back() -> None:
    assert codec.unpack(codec.pack({})) == {}


@given(MESSAGES)
def test_plain_values_and_arrays_come_back_as_they_were(message: dict[str, Any]) -> None:
    assert_same(codec.unpack(codec.pack(message)), message)


@given(packets())
def test_a_packet_comes_back_field_by_field(packet: Packet) -> None:
    again = codec.decode_packet(received(codec.encode_packet(packet)))

    assert_same(codec.packet_fields(again), codec.packet_fields(packet))
    assert again.handle == packet.handle
    if packet.pixels is None:
        assert again.pixels is None
    else:
        assert_same(again.image_bgr, packet.image_bgr)


def test_pixels_of_its_own_travel_beside_the_header_and_cannot_be_written_to() -> None:
    packet = Packet(source="camera", seq=0)
    packet.image_bgr = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)

    header, pixels = received(codec.encode_packet(packet))
    again = codec.decode_packet([header, pixels])

    assert pixels == bytes(range(24))
    np.testing.assert_array_equal(again.image_bgr, packet.image_bgr)
    with pytest.raises(ValueError, match="read-only"):
        again.image_bgr[0, 0, 0] = 1


def test_a_picture_that_is_a_cut_of_a_larger_one_travels_as_the_cut() -> None:
    packet = Packet(source="camera", seq=0)
    packet.image_bgr = np.arange(10 * 10 * 3, dtype=np.uint8).reshape(10, 10, 3)[2:5, 3:9]

    again = codec.decode_packet(received(codec.encode_packet(packet)))

    np.testing.assert_array_equal(again.image_bgr, packet.image_bgr)


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.zeros((0, 4), np.float32), id="no boxes"),
        pytest.param(np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2], id="every second column"),
        pytest.param(np.asfortranarray(np.arange(12, dtype=np.int32).reshape(3, 4)), id="column by column"),
        pytest.param(np.array([1.5, -2.0], dtype=">f4"), id="big-endian"),
    ],
)
def test_an_array_keeps_its_values_however_it_lies_in_memory(array: np.ndarray) -> None:
    try:
        packed = codec.pack({"array": array})
    except TypeError:
        return  # refused by the sender, in words: as good as sent
    np.testing.assert_array_equal(codec.unpack(packed)["array"], array)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param({1, 2}, "set cannot travel in a packet; use plain values and numpy arrays", id="set"),
        pytest.param(
            np.float32(0.5),
            r"a numpy scalar \(float32\) cannot travel in a packet; call .item\(\) on it",
            id="numpy scalar",
        ),
        pytest.param(
            np.array(["a"]), "an array of <U1 cannot travel in a packet; use .*float32", id="array of words"
        ),
        pytest.param(np.array([None]), "an array of object cannot travel in a packet", id="array of objects"),
    ],
)
def test_what_cannot_travel_is_refused_with_the_remedy(value: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        codec.pack({"value": value})


@pytest.mark.parametrize(
    "meta",
    [
        pytest.param({"text": "x" * (2**20 + 1)}, id="long text"),
        pytest.param({"list": [0] * 200_001}, id="long list"),
        pytest.param({"map": {str(number): 0 for number in range(10_001)}}, id="large map"),
        pytest.param({"array": np.zeros((1,) * 9, np.uint8)}, id="nine dimensions"),
        pytest.param({"array": np.zeros(codec.MAX_MESSAGE_BYTES, np.uint8)}, id="large array"),
        pytest.param({"map": {1: "a"}}, id="names that are numbers"),
    ],
)
def test_the_sender_refuses_what_the_receiver_would_reject(meta: dict[str, Any]) -> None:
    # A packet that every receiver rejects would be sent again for ever.
    with pytest.raises((ValueError, TypeError)):
        codec.encode_packet(Packet(source="camera", seq=0, meta=meta))


# Anything else is a WireError


@given(st.binary(max_size=400))
def test_random_bytes_are_rejected_or_plain(data: bytes) -> None:
    try:
        message = codec.unpack(data)
    except WireError:
        return
    assert_plain(message)


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_random_frames_are_no_packet(frames: list[bytes]) -> None:
    assert decodes_or_rejects(frames) is None


@given(packets(), st.data())
def test_a_mutated_packet_is_rejected_or_still_well_formed(packet: Packet, data: st.DataObject) -> None:
    frames = received(codec.encode_packet(packet))
    mutated = [bytearray(frame) for frame in frames]
    for _change in range(data.draw(st.integers(1, 4))):
        frame = mutated[data.draw(st.integers(0, len(mutated) - 1))]
        at = data.draw(st.integers(0, max(0, len(frame) - 1)))
        match data.draw(st.sampled_from(["flip", "cut", "grow"])):
            case "flip" if frame:
                frame[at] = data.draw(st.integers(0, 255))
            case "cut":
                del frame[at:]
            case _:
                frame[at:at] = data.draw(st.binary(min_size=1, max_size=9))
    again = decodes_or_rejects([bytes(frame) for frame in mutated])
    if again is not None:
        assert_plain(again.meta)
        codec.encode_packet(again)


@given(packets(), st.data())
def test_a_header_field_of_another_type_is_rejected_by_name(packet: Packet, data: st.DataObject) -> None:
    message = codec.packet_fields(packet)
    message.pop("handle", None)
    message.pop("inline", None)
    name = data.draw(st.sampled_from(sorted(message.keys() - {"v"})))
    was = type(message[name])
    message[name] = data.draw(SCALARS.filter(lambda value: type(value) is not was))

    with pytest.raises(WireError, match=f"'{name}'"):
        codec.decode_packet([codec.pack(message)])


def header(**fields: Any) -> bytes:
    """The header of a well-formed packet, but for these fields; `...` leaves one out."""
    message = {**codec.packet_fields(Packet(source="camera", seq=5)), **fields}
    return codec.pack({name: value for name, value in message.items() if value is not ...})


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        pytest.param([], "0 frames, a packet has one or two", id="no frames"),
        pytest.param([header()] * 3, "3 frames, a packet has one or two", id="three frames"),
        pytest.param([b""], "not msgpack", id="empty frame"),
        pytest.param([codec.pack({})], "version None, this is version 1", id="empty map"),
        pytest.param([msgpack.packb([1, 2])], "not a map", id="a list"),
        pytest.param([header() + b"x"], "not msgpack: ExtraData", id="something after it"),
        pytest.param([msgpack.packb({1: 2})], "not msgpack", id="a name that is a number"),
        pytest.param([header(v=...)], "version None", id="no version"),
        pytest.param([header(v=2)], "version 2, this is version 1", id="next version"),
        pytest.param([header(v="1")], "version '1'", id="version as text"),
        pytest.param([header(seq=...)], "field 'seq' must be int", id="no seq"),
        pytest.param([header(seq=-1)], "field 'seq' is out of range", id="negative seq"),
        pytest.param([header(seq=2**63)], "field 'seq' is out of range", id="huge seq"),
        pytest.param([header(seq=True)], "field 'seq' must be int", id="seq true"),
        pytest.param([header(prev_seq=5)], "field 'prev_seq' must be below 'seq'", id="its own predecessor"),
        pytest.param([header(prev_seq=-2)], "field 'prev_seq' is out of range", id="prev_seq -2"),
        pytest.param([header(flags=[1])], "field 'flags' must be a list of words", id="flags of numbers"),
        pytest.param([header(size_wh=[1])], "'size_wh' must be a list of whole numbers", id="one side"),
        pytest.param([header(dropped=[[1, 2]])], r"list of \[from, to, reason\]", id="short stretch"),
        pytest.param([header(dropped=[1])], r"list of \[from, to, reason\]", id="stretch no list"),
        pytest.param([header(handle=["p", 0, 0, 2, 2])], "field 'handle' is malformed", id="short handle"),
        pytest.param([header(handle=[1, 0, 0, 2, 2, 3])], "field 'handle' is malformed", id="pool 1"),
        pytest.param([header(handle=["p", 0, 0, 2, 2, 4])], "impossible shape 2x2x4", id="four channels"),
        pytest.param([header(handle=["p", 0, 0, 0, 2, 3])], "impossible shape 0x2x3", id="no height"),
        pytest.param(
            [header(handle=["p", 0, 0, MAX_SIDE_PX + 1, 1, 3])], "impossible shape 32769x1x3", id="too high"
        ),
        pytest.param(
            [header(handle=["p", 0, 0, MAX_SIDE_PX, MAX_SIDE_PX, 3])], "more than 134217728", id="too large"
        ),
        pytest.param([header(inline=[2, 2, 3])], "pixels missing", id="inline without pixels"),
        pytest.param([header(inline=[2, 2, 3]), bytes(11)], "another length", id="a pixel byte short"),
        pytest.param([header(inline=[2, 2, 3]), bytes(13)], "another length", id="a pixel byte more"),
        pytest.param([header(), bytes(12)], "pixels that the header does not name", id="unnamed pixels"),
        pytest.param(
            [header(handle=["p", 0, 0, 2, 2, 3]), bytes(12)], "does not name", id="handle and pixels"
        ),
    ],
)
def test_a_malformed_packet_is_rejected_with_its_reason(frames: list[bytes], said: str) -> None:
    with pytest.raises(WireError, match=said):
        codec.decode_packet(frames)


def extension(code: int, data: bytes) -> bytes:
    return msgpack.packb({"array": msgpack.ExtType(code, data)})


def array(described: Any, data: bytes = b"") -> bytes:
    head = msgpack.packb(described)
    return extension(1, bytes([len(head)]) + head + data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(extension(2, b"abc"), id="unknown extension"),
        pytest.param(extension(1, b""), id="no description"),
        pytest.param(extension(1, b"\xff\x00"), id="description longer than the data"),
        pytest.param(array(["object", [1]], bytes(8)), id="objects"),
        pytest.param(array([["uint8"], [1]], b"1"), id="type that is a list"),
        pytest.param(array(["uint8", 3], b"123"), id="shape that is a number"),
        pytest.param(array(["uint8", [-1]], b"1"), id="negative side"),
        pytest.param(array(["uint8", [2**40]]), id="huge side"),
        pytest.param(array(["uint8", [2.0]], b"12"), id="side with a point"),
        pytest.param(array(["uint8", [1] * 9], b"1"), id="nine dimensions"),
        pytest.param(array(["float32", [2]], bytes(7)), id="a byte short"),
        pytest.param(array(["float32", [2]], bytes(9)), id="a byte more"),
        pytest.param(array(["uint8", [0, 2**24]], b"1"), id="nothing by much, and a byte"),
        pytest.param(msgpack.packb({b"name": 1}), id="a name of bytes"),
    ],
)
def test_a_value_of_another_kind_is_rejected(data: bytes) -> None:
    with pytest.raises(WireError):
        codec.unpack(data)


def test_a_time_stamp_of_msgpack_is_rejected_or_a_plain_number() -> None:
    try:
        assert_plain(codec.unpack(msgpack.packb({"time": msgpack.Timestamp(1)})))
    except WireError:
        return


def test_a_message_over_the_limit_is_rejected_before_it_is_looked_at() -> None:
    with pytest.raises(WireError, match="message of 67108865 bytes, the limit is 67108864"):
        codec.unpack(bytes(codec.MAX_MESSAGE_BYTES + 1))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x81\xa1a\xdd\xff\xff\xff\xff", id="a list of 4 billion"),
        pytest.param(b"\xdf\xff\xff\xff\xff", id="a map of 4 billion"),
        pytest.param(b"\x81\xa1a\xdb\xff\xff\xff\xff", id="a text of 4 GB"),
        pytest.param(b"\x81\xa1a\xc6\xff\xff\xff\xff", id="bytes of 4 GB"),
        pytest.param(b"\x81\xa1a\xc9\xff\xff\xff\xff\x01", id="an array of 4 GB"),
        pytest.param(b"\x81\xa1a" + b"\xdd\x00\x03\x0d\x40" * 1000, id="lists of 200,000 in one another"),
        pytest.param(b"\x81\xa1a" + b"\x91" * 5000, id="5000 lists in one another"),
        pytest.param(b"\x81\xa1a" * 5000, id="5000 maps in one another"),
        pytest.param(array(["uint8", [2**24, 2**24]]), id="a picture of 256 TB"),
    ],
)
def test_a_claim_of_a_huge_length_takes_no_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            codec.unpack(data)
        _now, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 10_000_000
