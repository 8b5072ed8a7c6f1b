"""Choice of a network's precision, from its measured quality and the speed of each on the device.

A model file of ours carries, as the property `quality_by_precision`, what it was measured to reach (JSON, by
the name of the precision): detectors their average precision at IoU 0.5 on people with truth, `street` its
mean J. That decides, and not how close single scores are.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

PRECISIONS = ("float32", "bfloat16", "int8", "float16", "tfloat32")
"""What a network computes in: bfloat16 where the CPU has it, int8 by a file of its own (openvino on a CPU),
float16 on OpenVINO's other devices, tfloat32 (float32 with 10 bits behind the point in place of 23) on
NVIDIA's."""
AUTO = "auto"
MOST_LOST = 0.01
"""Most quality to lose for a faster precision."""
PROPERTY = "quality_by_precision"
COARSER = {"tfloat32": "bfloat16"}
"""Assumed for a precision that was not measured: it loses more."""
_TABLE = re.compile(PROPERTY.encode() + rb"[^{]{0,12}(\{[^{}]{0,400}\})")


def choose_precision(wanted: str, quality_by_precision: Mapping[str, float], able: Sequence[str]) -> str:
    """Return the precision to use: the one wanted.

    For "auto" the first of `able`, fastest first, that loses no more than MOST_LOST of float32's quality
    by the table; without one float32.
    """
    if wanted != AUTO:
        return wanted
    whole = quality_by_precision.get("float32")
    for precision in able:
        quality = quality_by_precision.get(COARSER.get(precision, precision))
        if whole is not None and quality is not None and whole - quality <= MOST_LOST:
            return precision
    return "float32"


def read_table(path: Path) -> dict[str, float]:
    """Return the quality by precision from a model file; {} if it has none.

    ONNX keeps properties as text and OpenVINO's .xml as text with entities, so the file need not be
    understood for that.
    """
    found = _TABLE.search(path.read_bytes())
    if found is None:
        return {}
    table: dict[str, float] = json.loads(html.unescape(found[1].decode("utf-8", "replace")))
    return table
