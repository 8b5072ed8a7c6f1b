"""Serialisation of a record as one line of standard JSON."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from framegraph.stage import Json


def _nothing(value: Any) -> Json:
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def line_of(record: Mapping[str, Any], default: Callable[[Any], Json] = _nothing) -> str:
    """Return a record as a line. NaN and infinity, which JSON does not have, become null; `default` converts
    other types."""
    how: dict[str, Any] = {"ensure_ascii": False, "separators": (",", ":"), "default": default}
    try:
        return json.dumps(record, allow_nan=False, **how) + "\n"
    except ValueError:
        # The result of `default` may contain them as well.
        plain = json.loads(json.dumps(record, **how), parse_constant=lambda _name: None)
        return json.dumps(_finite(plain), allow_nan=False, **how) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list) else value
