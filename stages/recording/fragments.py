"""MP4 fragments of one sample each, so that a film on disk is whole after every frame.

FFmpeg's muxer writes a fragment only when the next packet has come, which would leave the newest frame
uncommitted; so the fragments are made here, after ISO/IEC 14496-12 (boxes moof, mfhd, traf, tfhd, tfdt, trun,
mdat). The head of the file (ftyp, moov) is FFmpeg's.
"""

import struct

TICKS_PER_S = 90_000
"""Ticks of the film's clock: frames of all common rates last a whole number of them (29.97: 3003)."""
TRACK = 1
_DEFAULT_BASE_IS_MOOF = 0x020000
_TRUN_FLAGS = 0x000001 | 0x000100 | 0x000200 | 0x000400  # data offset; per sample: duration, size, flags
_KEY_FRAME = 0x02000000  # depends on no other sample
_OTHER_FRAME = 0x01010000  # depends on others, is not a sync sample


def fragment(number: int, decode_time: int, duration: int, data: bytes, is_key: bool) -> bytes:
    """Return one sample as a fragment.

    `number` counts fragments from 1; times are in ticks; `data` holds NAL units, each after
    its length in 4 bytes.
    """
    flags = _KEY_FRAME if is_key else _OTHER_FRAME

    def moof(data_offset: int) -> bytes:
        run = struct.pack(">IiIII", 1, data_offset, duration, len(data), flags)
        track = (
            _box(b"tfhd", struct.pack(">II", _DEFAULT_BASE_IS_MOOF, TRACK))
            + _box(b"tfdt", struct.pack(">IQ", 1 << 24, decode_time))
            + _box(b"trun", struct.pack(">I", _TRUN_FLAGS) + run)
        )
        return _box(b"moof", _box(b"mfhd", struct.pack(">II", 0, number)) + _box(b"traf", track))

    # The sample starts behind moof and the head of mdat; moof's size does not depend on the offset.
    return moof(len(moof(0)) + 8) + _box(b"mdat", data)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def with_lengths(annex_b: bytes) -> bytes:
    """Turn H.264 NAL units behind start codes (Annex B) into NAL units behind their length in 4 bytes.

    A start code cannot occur inside a NAL unit: the encoder escapes it.
    """
    parts = []
    position = annex_b.find(b"\0\0\1")
    while position >= 0:
        start = position + 3
        position = annex_b.find(b"\0\0\1", start)
        unit = annex_b[start:] if position < 0 else annex_b[start:position]
        # The zero byte of a following four-byte start code, and trailing zeros, are no part of the unit.
        unit = unit.rstrip(b"\0")
        parts.append(struct.pack(">I", len(unit)) + unit)
    return b"".join(parts)
