"""A record comes back as it was, or not at all."""

import pytest

from framegraph.support.checked_record import HEAD_BYTES, pack_record, unpack_record

PAYLOAD = b"seven frames"
RECORD = pack_record(PAYLOAD)


@pytest.mark.parametrize("payload", [b"", b"\0", PAYLOAD, bytes(range(256)) * 100])
def test_what_was_packed_comes_back_whatever_follows(payload: bytes) -> None:
    record = pack_record(payload)
    assert len(record) == HEAD_BYTES + len(payload)
    assert unpack_record(record) == unpack_record(record + RECORD) == payload
    assert unpack_record(RECORD + record, len(RECORD)) == payload


@pytest.mark.parametrize("kept", range(len(RECORD)))
def test_a_record_that_was_cut_off_is_none(kept: int) -> None:
    assert unpack_record(RECORD[:kept]) is None
    assert unpack_record(RECORD[:kept].ljust(len(RECORD), b"\0")) is None


@pytest.mark.parametrize("place", range(len(RECORD)))
def test_every_changed_byte_is_noticed(place: int) -> None:
    changed = bytearray(RECORD)
    changed[place] ^= 1
    assert unpack_record(bytes(changed)) is None


def test_nothing_and_zeros_are_none() -> None:
    assert unpack_record(b"") is None
    assert unpack_record(bytes(100)) is None
    assert unpack_record(RECORD, len(RECORD)) is None
