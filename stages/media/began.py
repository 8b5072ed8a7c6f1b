"""When a film was recorded."""

import datetime

from framegraph.errors import GraphError


def began_ns(text: str) -> int:
    """Return a date and time with its offset, as nanoseconds since 1970 in UTC; 0 for "".

    Raises GraphError for what is none, or says no offset: the same film would be at another time elsewhere.
    """
    if not text:
        return 0
    try:
        began = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise GraphError(f"began: '{text}' is no date and time; write e.g. 2026-11-30T12:00+01:00") from None
    if began.tzinfo is None:
        raise GraphError(f"began: '{text}' says no offset from UTC; write {text}+01:00, or {text}Z for UTC")
    return round(began.timestamp() * 1_000_000) * 1000
