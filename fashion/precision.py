"""In what a network is to be computed: from what its file says it costs, and what the CPU has.

A model file of ours carries, as the property `ap50_by_precision`, its average precision at IoU 0.5 on people
with truth (JSON, by the name of the precision): that decides, and not how close single scores are.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

PRECISIONS = ("float32", "bfloat16")
"""What a network computes in; bfloat16 where the engine and the CPU have it."""
AUTO = "auto"
MOST_LOST = 0.01
"""Of AP50, for a quicker precision."""
PROPERTY = "ap50_by_precision"
_TABLE = re.compile(PROPERTY.encode() + rb"[^{]{0,8}(\{[^{}]{0,400}\})")


def choose_precision(wanted: str, ap50_by_precision: Mapping[str, float], *, has_bfloat16: bool) -> str:
    """Return one of PRECISIONS: the wanted one.

    For "auto" bfloat16, where the CPU has it and the table says that it costs no more than MOST_LOST.
    """
    if wanted != AUTO:
        return wanted
    whole, quick = ap50_by_precision.get("float32"), ap50_by_precision.get("bfloat16")
    is_good = has_bfloat16 and whole is not None and quick is not None and whole - quick <= MOST_LOST
    return "bfloat16" if is_good else "float32"


def read_table(path: Path) -> dict[str, float]:
    """Return AP50 by precision, as a model file says it; {} where it does not.

    ONNX keeps properties as text, so the file need not be understood for that.
    """
    found = _TABLE.search(path.read_bytes())
    if found is None:
        return {}
    table: dict[str, float] = json.loads(found[1])
    return table
