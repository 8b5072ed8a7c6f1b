"""Bytes that are no packet are a WireError, whatever they are."""

import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framegraph.errors import WireError
from framegraph.packet import MAX_SIDE_PX, Packet
from framegraph.wire import codec
from tests.framegraph.wire.codec_kit import SCALARS, assert_plain, decodes_or_rejects, packets, received


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
        pytest.param([header(dropped=[[1, 2]])], r"list of \[from, to, reason\]", id="short range"),
        pytest.param([header(dropped=[1])], r"list of \[from, to, reason\]", id="range no list"),
        pytest.param([header(handle=["p", 0, 0])], "field 'handle' is malformed", id="short handle"),
        pytest.param([header(handle=[1, 0, 0, 2, 2, 3])], "field 'handle' is malformed", id="pool 1"),
        pytest.param(
            [header(handle=["p", 0, 0, 2, 2, 2, 2, 2])], "'handle' is malformed", id="five dimensions"
        ),
        pytest.param([header(handle=["p", 0, 0, 0, 2, 3])], "impossible shape 0x2x3", id="no height"),
        pytest.param(
            [header(handle=["p", 0, 0, MAX_SIDE_PX + 1, 1, 3])], "payload of 32769x1x3 is over", id="too high"
        ),
        pytest.param(
            [header(handle=["p", 0, 0, MAX_SIDE_PX, MAX_SIDE_PX, 3])], "over 134217728", id="too large"
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
    return bytes(msgpack.packb({"array": msgpack.ExtType(code, data)}))


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
