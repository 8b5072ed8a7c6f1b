"""Read the header of a safetensors file with the standard library alone.

The format is public (https://github.com/huggingface/safetensors#format): 8 bytes of length, little endian, a
JSON header of that length, then the tensors' bytes without gaps. Reading it here lets a graph be checked
without torch.
"""

import json
import math
import os
import struct
from pathlib import Path
from typing import Any

MAX_HEADER_BYTES = 1 << 20  # ours have a few kilobytes; a larger one is a damaged length
ITEM_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
METADATA = "__metadata__"


def read_header(path: Path) -> dict[str, Any]:
    """Return the header of a safetensors file: tensor name to dtype, shape and data_offsets, and the
    metadata.

    Checks that the header is whole, that shapes, types and offsets agree, and that the tensors fill the file.
    Raises ValueError with the reason (without the path) if not, OSError if the file cannot be read.
    """
    with path.open("rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        start = file.read(8)
        if len(start) < 8:
            raise ValueError(f"not a safetensors file: only {len(start)} bytes")
        (length,) = struct.unpack("<Q", start)
        if not 2 <= length <= min(MAX_HEADER_BYTES, size_bytes - 8):
            raise ValueError(f"not a safetensors file, or cut off: header of {length} bytes in {size_bytes}")
        raw = file.read(length)
    try:
        header = json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not a safetensors file: its header is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise ValueError("not a safetensors file: its header is not a JSON object")
    _check_tensors(header, size_bytes - 8 - length)
    return header


def _check_tensors(header: dict[str, Any], data_bytes: int) -> None:
    spans = sorted(_span(name, entry) for name, entry in header.items() if name != METADATA)
    end = 0
    for first, last, name in spans:
        if first != end:
            raise ValueError(f"corrupt: tensor {name!r} starts at byte {first}, expected {end}")
        end = last
    if end != data_bytes:
        raise ValueError(f"corrupt or cut off: its tensors need {end} bytes, it holds {data_bytes}")


def _span(name: str, entry: object) -> tuple[int, int, str]:
    """First and last byte of a tensor, once its entry is known to agree with itself."""
    if not isinstance(entry, dict):
        raise ValueError(f"corrupt: the entry of tensor {name!r} is not an object")
    dtype: Any = entry.get("dtype")
    shape: Any = entry.get("shape")
    offsets: Any = entry.get("data_offsets")
    if dtype not in ITEM_BYTES:
        raise ValueError(f"corrupt: tensor {name!r} has the unknown type {dtype!r}")
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
        raise ValueError(f"corrupt: tensor {name!r} has no proper shape and data_offsets")
    first, last = offsets
    if last - first != ITEM_BYTES[dtype] * math.prod(shape):
        raise ValueError(f"corrupt: tensor {name!r} of shape {shape} has {last - first} bytes")
    return first, last, name


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
