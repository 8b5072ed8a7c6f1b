"""Records as a table for pandas."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    *("source", "seq", "pts_s", "status", "person", "track", "x0", "y0", "x1", "y1", "score"),
    *("label", "label_score", "region", "color"),
)
"""`person` counts from 0 in its frame; `pts_s` is in seconds, the box in pixels of the frame. Columns that a
row has no value for are empty."""


def to_pandas(records: Iterable[Mapping[str, Any]]) -> "pandas.DataFrame":
    """Return a table with a row for each garment of each person in each frame.

    A person without garments has one row, and so has a frame without people, or that was not analysed: its
    status tells. A dropped range has no seq. ImportError with the remedy without pandas.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError(
            "a table needs pandas, which is not installed; install it: pip install 'fashion-pipeline[pandas]'"
        ) from None
    rows = [row for record in records for row in _rows(record)]
    return pandas.DataFrame(rows, columns=list(COLUMNS)).convert_dtypes()


def _rows(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    frame = {"source": record["source"], "status": record["status"]}
    if "seq" in record:
        frame |= {"seq": record["seq"], "pts_s": record["pts_ns"] / 1e9}
    people = record.get("people", [])
    if not people:
        yield frame
    for number, person in enumerate(people):
        row = {**frame, "person": number, "track": person.get("track"), "score": person["score"]}
        row |= dict(zip(("x0", "y0", "x1", "y1"), person["box"], strict=True))
        garments = person.get("garments", [])
        if not garments:
            yield row
        for garment in garments:
            worn = {word: garment.get(word) for word in ("label", "region", "color")}
            yield {**row, **worn, "label_score": garment["score"]}
