"""Bytes <-> plain values and packets. Every byte from a socket passes here first.

A message is a msgpack map of plain types; numpy arrays travel as an extension of dtype, shape and bytes.
A packet is one such map, and a second ZeroMQ frame with the payload when a stage has changed it.
Anything else is a WireError: no pickle, no code, no unbounded size.
"""

import math
import operator
from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np

from framegraph.errors import WireError
from framegraph.packet import MAX_DIMENSIONS, MAX_SIDE_PX, Packet, PixelHandle

VERSION = 1
MAX_MESSAGE_BYTES = 64 * 2**20
"""Limit of one msgpack map: a hundred colour crops of 224x224 are 15 MB."""
MAX_PIXEL_BYTES = 128 * 2**20
"""Limit of one payload."""
_MAX_ITEMS = 200_000
_MAX_KEYS = 10_000
_MAX_TEXT_BYTES = 1 << 20
_MAX_ARRAY_DIMENSIONS = 8
_ARRAY_EXTENSION = 1
_ARRAY_DTYPES = frozenset({"uint8", "int32", "int64", "float16", "float32", "float64", "bool"})
MAX_SEQ = 2**62
SQUARE = (1, 1)
"""Square pixels: omitted from a message."""


def _pack_array(value: Any) -> msgpack.ExtType:
    if isinstance(value, np.ndarray):
        if value.dtype.name not in _ARRAY_DTYPES:
            raise TypeError(
                f"an array of {value.dtype} cannot travel in a packet; use {sorted(_ARRAY_DTYPES)}"
            )
        if value.ndim > _MAX_ARRAY_DIMENSIONS:
            raise TypeError(f"an array of {value.ndim} dimensions cannot travel, {_MAX_ARRAY_DIMENSIONS} may")
        if not value.dtype.isnative:
            value = value.astype(value.dtype.newbyteorder("="))
        described = msgpack.packb([value.dtype.name, value.shape])
        content = np.ascontiguousarray(value).data
        return msgpack.ExtType(_ARRAY_EXTENSION, b"".join((bytes((len(described),)), described, content)))
    if isinstance(value, np.generic):
        raise TypeError(f"a numpy scalar ({value.dtype}) cannot travel in a packet; call .item() on it")
    raise TypeError(f"{type(value).__name__} cannot travel in a packet; use plain values and numpy arrays")


def _unpack_array(code: int, data: bytes) -> Any:
    if code != _ARRAY_EXTENSION or len(data) < 2:
        raise WireError(f"unknown extension {code}")
    end = 1 + data[0]
    name, shape = msgpack.unpackb(data[1:end])
    if name not in _ARRAY_DTYPES or not isinstance(shape, list) or len(shape) > _MAX_ARRAY_DIMENSIONS:
        raise WireError("array of an unknown type")
    if any(type(side) is not int or not 0 <= side <= _MAX_ITEMS * 100 for side in shape):
        raise WireError("array of an impossible shape")
    if math.prod(shape) * np.dtype(name).itemsize != len(data) - end:
        raise WireError("array whose shape and length differ")
    return np.frombuffer(data, np.dtype(name), offset=end).reshape(shape)


def pack(message: dict[str, Any]) -> bytes:
    """Encode a map of plain values and arrays; TypeError for anything else."""
    packed: bytes = msgpack.packb(
        message, default=_pack_array, use_bin_type=True, unicode_errors="surrogateescape"
    )
    return packed


def unpack(data: bytes | memoryview) -> dict[str, Any]:
    """Decode the output of `pack`; WireError for anything else."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError(f"message of {len(data)} bytes, the limit is {MAX_MESSAGE_BYTES}")
    try:
        message = msgpack.unpackb(
            data,
            raw=False,
            unicode_errors="surrogateescape",  # a file's name
            strict_map_key=True,
            ext_hook=_unpack_array,
            object_hook=_with_text_keys,
            timestamp=1,
            max_str_len=_MAX_TEXT_BYTES,
            # No list or map has more items than the message has bytes: larger claims would only use up
            # memory.
            max_array_len=min(_MAX_ITEMS, len(data)),
            max_map_len=min(_MAX_KEYS, len(data)),
        )
    except WireError:
        raise
    except Exception as error:  # msgpack has no common base for its errors: ValueError, TypeError, …
        raise WireError(f"not msgpack: {type(error).__name__}") from None
    if not isinstance(message, dict):
        raise WireError("not a map")
    return message


def _with_text_keys(found: dict[Any, Any]) -> dict[str, Any]:
    # strict_map_key lets text and bytes pass.
    if bytes in map(type, found):
        raise WireError("a map whose keys are not text")
    return found


def field(message: dict[str, Any], name: str, wanted: type, low: int | None = None) -> Any:
    """Return one field of a message, checked; WireError names it."""
    value: Any = message.get(name)
    if type(value) is not wanted:
        raise WireError(f"field '{name}' must be {wanted.__name__}")
    lowest = -MAX_SEQ if low is None else low
    if isinstance(value, int) and not lowest <= value <= MAX_SEQ:
        raise WireError(f"field '{name}' is out of range")
    return value


def int_list(message: dict[str, Any], name: str, length: int | None = None) -> list[int]:
    """Return a field that must be a list of whole numbers."""
    values: list[int] = field(message, name, list)
    if (length is not None and len(values) != length) or not set(map(type, values)) <= _INT:
        raise WireError(f"field '{name}' must be a list of whole numbers")
    return values


_INT = frozenset((int,))
_HANDLE_TYPES = {3 + sides: (str, *(int,) * (2 + sides)) for sides in range(1, MAX_DIMENSIONS + 1)}
_PACKET_INTS = (
    ("seq", 0),
    ("floor_seq", 0),
    ("stream", 0),
    ("epoch", 0),
    ("attempt", 0),
    ("duration_ns", 0),
    ("prev_seq", -1),
    ("pts_ns", None),
    ("running_ns", None),
    ("capture_time_ns", None),
    ("clock_ns", None),
)
_NOT_NEGATIVE = sum(low == 0 for _name, low in _PACKET_INTS)
_PACKET_FIELDS: dict[str, type] = {
    **{name: int for name, _low in _PACKET_INTS},
    "source": str,
    "uri": str,
    "status": str,
    "alone": bool,
    "flags": list,
    "meta": dict,
}
"""The fields that are the same in a message and in a packet."""
_FIELD_TYPES = tuple(_PACKET_FIELDS.values())
_from_packet = operator.attrgetter(*_PACKET_FIELDS)
_from_message = operator.itemgetter(*_PACKET_FIELDS)


def _checked(values: tuple[Any, ...]) -> dict[str, Any]:
    """Return the fields of a packet by name; WireError names one of the wrong type or out of range.

    All at once, because this is done twice per packet and hop; one by one only to find the culprit.
    """
    message = dict(zip(_PACKET_FIELDS, values, strict=True))
    if tuple(map(type, values)) == _FIELD_TYPES:
        numbers = values[: len(_PACKET_INTS)]
        lowest = -MAX_SEQ if min(numbers[:_NOT_NEGATIVE]) >= 0 else 0
        are_in_range = lowest <= min(numbers) <= max(numbers) <= MAX_SEQ
        if are_in_range and -1 <= message["prev_seq"] < message["seq"]:
            if message["flags"] and any(type(flag) is not str for flag in message["flags"]):
                raise WireError("field 'flags' must be a list of words")
            return message
    for name, low in _PACKET_INTS:
        field(message, name, int, low)
    for name, wanted in _PACKET_FIELDS.items():
        field(message, name, wanted)
    raise WireError("field 'prev_seq' must be below 'seq'")


def packet_fields(packet: Packet) -> dict[str, Any]:
    """Return a packet's header as a map: everything but the pixels. WireError for what no receiver
    accepts."""
    message = _checked(_from_packet(packet))
    message["v"] = VERSION
    message["size_wh"] = list(packet.size_wh)
    message["dropped"] = [list(each) for each in packet.dropped]
    if packet.pixel_aspect_ratio != SQUARE:
        message["pixel_aspect_ratio"] = list(packet.pixel_aspect_ratio)
    if packet.highest_ids:
        message["highest_ids"] = packet.highest_ids
    if packet.marks:
        message["marks"] = list(packet.marks)
    if packet.pixels is not None:
        message["inline"] = list(packet.pixels.shape)
    elif packet.handle is not None:
        handle = packet.handle
        message["handle"] = [handle.pool, handle.slot, handle.generation, *handle.shape]
    return message


def encode_packet(packet: Packet) -> list[bytes | memoryview]:
    """Encode a packet as one ZeroMQ frame, or two when it carries pixels of its own.

    Raises TypeError, with the remedy, for what the other end would refuse: it would be sent again and again.
    """
    try:
        message = packet_fields(packet)
        int_list(message, "size_wh", 2)
        if packet.dropped:
            ranges(message)
        _highest_ids(message)
        _pixel_aspect_ratio(message)
        _marks(message)
        head = pack(message)
        # Findings are a stage's own: only decoding shows whether they keep to every limit.
        unpack(head)
        if packet.pixels is None:
            if packet.handle is not None:
                _shape(packet.handle.shape)
            return [head]
        _shape(int_list(message, "inline"))
    except WireError as error:
        raise TypeError(f"this packet cannot travel: {error}") from None
    return [head, packet.pixels.data.cast("B")]


def ranges(message: dict[str, Any]) -> tuple[tuple[int, int, str], ...]:
    """Return the field "dropped": (from, to, reason) of each range of dropped frames."""
    found = []
    for each in field(message, "dropped", list):
        if type(each) is not list or list(map(type, each)) != [int, int, str]:
            raise WireError("field 'dropped' must be a list of [from, to, reason]")
        found.append((each[0], each[1], each[2]))
    return tuple(found)


def _highest_ids(message: dict[str, Any]) -> dict[str, int]:
    if "highest_ids" not in message:
        return {}
    ids = field(message, "highest_ids", dict)
    return {stage: field(ids, stage, int, 0) for stage in ids}


def _marks(message: dict[str, Any]) -> tuple[str, ...]:
    if "marks" not in message:
        return ()
    marks = field(message, "marks", list)
    if any(type(mark) is not str for mark in marks):
        raise WireError("field 'marks' must be a list of words")
    return tuple(marks)


def _pixel_aspect_ratio(message: dict[str, Any]) -> tuple[int, int]:
    if "pixel_aspect_ratio" not in message:
        return SQUARE
    width, height = int_list(message, "pixel_aspect_ratio", 2)
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise WireError("field 'pixel_aspect_ratio' is out of range")
    return width, height


def _handle(message: dict[str, Any]) -> PixelHandle:
    values = field(message, "handle", list)
    if tuple(map(type, values)) != _HANDLE_TYPES.get(len(values)):
        raise WireError("field 'handle' is malformed")
    pool, slot, generation, *shape = values
    return PixelHandle(pool=pool, slot=slot, generation=generation, shape=_shape(shape))


def excess(shape: Sequence[int]) -> str:
    """Return which limit a payload of this shape exceeds, or an empty text."""
    if len(shape) > MAX_DIMENSIONS:
        return f"over {MAX_DIMENSIONS} dimensions"
    if len(shape) > 1 and max(shape) > MAX_SIDE_PX:
        return f"over {MAX_SIDE_PX} pixels a side"
    return f"over {MAX_PIXEL_BYTES} bytes" if math.prod(shape) > MAX_PIXEL_BYTES else ""


def _shape(shape: Sequence[int]) -> tuple[int, ...]:
    shown = "x".join(map(str, shape))
    if not shape or min(shape) <= 0:
        raise WireError(f"payload of an impossible shape {shown}")
    if too_much := excess(shape):
        raise WireError(f"payload of {shown} is {too_much}")
    return tuple(shape)


def packet_from(message: dict[str, Any], pixels: bytes | memoryview | None = None) -> Packet:
    """Rebuild a packet from its header map and its pixels, if any; WireError when malformed."""
    if message.get("v") != VERSION:
        raise WireError(f"version {message.get('v')!r}, this is version {VERSION}")
    try:
        values = _from_message(message)
    except KeyError:
        values = tuple(map(message.get, _PACKET_FIELDS))
    width, height = int_list(message, "size_wh", 2)
    packet = Packet(
        **_checked(values),
        size_wh=(width, height),
        pixel_aspect_ratio=_pixel_aspect_ratio(message),
        dropped=list(ranges(message)),
        highest_ids=_highest_ids(message),
        marks=_marks(message),
    )
    if "inline" in message:
        shape = _shape(int_list(message, "inline"))
        if pixels is None or len(pixels) != math.prod(shape):
            raise WireError("pixels missing or of another length than their shape")
        packet.pixels = np.frombuffer(pixels, np.uint8).reshape(shape)
        packet.pixels.flags.writeable = False
    elif pixels is not None:
        raise WireError("pixels that the header does not name")
    elif "handle" in message:
        packet.handle = _handle(message)
    return packet


def decode_packet(frames: list[Any]) -> Packet:
    """Rebuild a packet from its ZeroMQ frames (bytes or zmq.Frame buffers); WireError when malformed."""
    if not 1 <= len(frames) <= 2:
        raise WireError(f"{len(frames)} frames, a packet has one or two")
    return packet_from(unpack(frames[0]), frames[1] if len(frames) == 2 else None)
