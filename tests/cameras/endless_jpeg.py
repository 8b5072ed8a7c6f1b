"""A small JPEG that keeps a decoder busy for minutes, inside one call: it is drawn in 60,000 passes."""

import struct

SIDE_PX = 2048
PASSES = 60_000
"""Some 2 ms each on one core."""
LONGEST_RUN = 32_767
"""Blocks that one code can pass over."""


def endless_jpeg() -> bytes:
    """Return a progressive grey picture (ITU T.81): after its first two scans, each further one refines nothing."""
    quantisation = _segment(0xDB, bytes([0]) + bytes(64 * [1]))
    frame = _segment(0xC2, struct.pack(">BHHB", 8, SIDE_PX, SIDE_PX, 1) + bytes([1, 0x11, 0]))
    # One code, "0", in each table: "no difference", and "a run of 2^14 blocks and as many as 14 bits say".
    tables = b"".join(
        _segment(0xC4, bytes([class_ << 4]) + bytes([1] + 15 * [0]) + bytes([symbol]))
        for class_, symbol in ((0, 0x00), (1, 0xE0))
    )
    blocks = (SIDE_PX // 8) ** 2
    nothing = _bits("011111111111111" * (blocks // LONGEST_RUN + 1))
    first = _scan(0, 0, 0, 0) + bytes(blocks // 8 + 1) + _scan(1, 63, 0, 1) + nothing
    return (
        b"\xff\xd8"
        + quantisation
        + frame
        + tables
        + first
        + PASSES * (_scan(1, 63, 1, 0) + nothing)
        + b"\xff\xd9"
    )


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def _scan(first: int, last: int, before: int, after: int) -> bytes:
    return _segment(0xDA, bytes([1, 1, 0, first, last, before << 4 | after]))


def _bits(digits: str) -> bytes:
    digits += "1" * (-len(digits) % 8)
    return bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits), 8)).replace(b"\xff", b"\xff\x00")
