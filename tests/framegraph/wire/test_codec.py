"""What is packed comes back."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from framegraph.packet import MAX_SIDE_PX, Packet, PixelHandle
from framegraph.wire import codec
from tests.framegraph.wire.codec_kit import MESSAGES, assert_same, packets, received


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


def test_no_field_of_a_packet_stays_behind() -> None:
    packet = Packet(
        source="camera",
        seq=9,
        prev_seq=7,
        floor_seq=1,
        stream=2,
        epoch=3,
        attempt=4,
        alone=True,
        pts_ns=5,
        running_ns=6,
        duration_ns=8,
        capture_time_ns=10,
        clock_ns=12,
        uri="film.mp4",
        size_wh=(4, 2),
        pixel_aspect_ratio=(64, 45),
        status="failed(detect)",
        flags=["LIVE"],
        marks=("blurred",),
        dropped=[(8, 8, "late")],
        highest_ids={"track": 11},
        meta={"people": []},
        handle=PixelHandle(pool="camera", slot=1, generation=2, shape=(2, 4, 3)),
    )
    again = codec.decode_packet(received(codec.encode_packet(packet)))
    # Pixels of its own are in place of a handle, and the receiver knows how to find those of a handle.
    names = {field.name for field in dataclasses.fields(Packet)} - {"pixels", "find_pixels"}
    plain = Packet(source="", seq=0)
    for name in names:
        assert getattr(packet, name) != getattr(plain, name), f"give {name} a value here"
        assert getattr(again, name) == getattr(packet, name), f"{name} does not travel"


def test_pixels_of_its_own_travel_beside_the_header_and_cannot_be_written_to() -> None:
    packet = Packet(source="camera", seq=0)
    packet.image_bgr = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)

    header, pixels = received(codec.encode_packet(packet))
    again = codec.decode_packet([header, pixels])

    assert pixels == bytes(range(24))
    np.testing.assert_array_equal(again.image_bgr, packet.image_bgr)
    with pytest.raises(ValueError, match="read-only"):
        again.image_bgr[0, 0, 0] = 1


@pytest.mark.parametrize("shape", [(7,), (2, 3), (2, 3, 4), (2, 3, 4, 5)], ids=str)
def test_a_payload_of_any_shape_travels(shape: tuple[int, ...]) -> None:
    packet = Packet(source="log", seq=0)
    packet.payload = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    again = codec.decode_packet(received(codec.encode_packet(packet)))
    np.testing.assert_array_equal(again.payload, packet.payload)


@pytest.mark.parametrize(
    "payload", [np.zeros(0, np.uint8), np.zeros((1,) * 5, np.uint8), np.zeros(3, np.int32)], ids=str
)
def test_what_is_no_payload_is_refused(payload: Any) -> None:
    packet = Packet(source="log", seq=0)
    with pytest.raises(ValueError, match="a payload is uint8 of 1 to 4 dimensions"):
        packet.payload = payload


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


def test_a_picture_that_no_receiver_takes_is_not_sent() -> None:
    handle = PixelHandle(pool="camera", slot=0, generation=1, shape=(8, MAX_SIDE_PX + 1, 3))
    with pytest.raises(TypeError, match="cannot travel: payload of 8x32769x3 is over 32768 pixels a side"):
        codec.encode_packet(Packet(source="camera", seq=0, handle=handle))
