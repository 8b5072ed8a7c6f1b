"""Records on disk with their length and checksum, so that one half written at a death or power cut, or
changed later, is recognised."""

import struct
import zlib

MAGIC = b"REC1"
"""Records of another version are not read."""
_SIZE, _CHECKSUM = struct.Struct("<4sI"), struct.Struct("<I")
HEAD_BYTES = _SIZE.size + _CHECKSUM.size


def pack_record(payload: bytes) -> bytes:
    """Return the record that holds `payload`: HEAD_BYTES longer."""
    size = _SIZE.pack(MAGIC, len(payload))
    return size + _CHECKSUM.pack(_sum(size, payload)) + payload


def unpack_record(data: bytes, at: int = 0) -> bytes | None:
    """Return the payload of the record that begins at byte `at`, whatever follows it; None if there is
    none."""
    size, payload_at = data[at : at + _SIZE.size], at + HEAD_BYTES
    if len(data) < payload_at:
        return None
    magic, length = _SIZE.unpack(size)
    payload = data[payload_at : payload_at + length]
    (checksum,) = _CHECKSUM.unpack_from(data, at + _SIZE.size)
    is_whole = magic == MAGIC and len(payload) == length and _sum(size, payload) == checksum
    return payload if is_whole else None


def _sum(size: bytes, payload: bytes) -> int:
    """The checksum covers head and payload: that of an empty payload alone is 0, like a head whose rest was
    never written."""
    return zlib.crc32(payload, zlib.crc32(size))
