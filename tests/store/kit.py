"""Frames of made-up people into a database."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fashion_pipeline.store.visits import Moment
from fashion_pipeline.store.writer import StreamWriter

FRAME_NS = 40_000_000
SECOND_NS = 1_000_000_000


def person(track: int, *garments: tuple[str, str, float, bool], region: str = "upper") -> Any:
    """A person with garments (label, color, score, is told)."""
    worn: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for label, color, score, is_told in garments:
        found = {"label": label, "score": score, "region": region, **({"color": color} if color else {})}
        worn[is_told].append(found)
    return {
        "box": [0, 0, 10, 20],
        "score": 0.9,
        "track": track,
        "garments": worn[True],
        "unsure": worn[False],
    }


class Seen:
    """A writer of one source; `see` writes a frame and commits it."""

    def __init__(
        self, database: Path | str, source: str = "door", run: str = "r1", clock: str = "wall"
    ) -> None:
        self.writer = StreamWriter(str(database), run=run, stage="store", source=source)
        self.position = self.writer.begin()
        self._clock = clock

    def see(self, at_ns: int, *people: Any, outcome: str = "analysed") -> None:
        self.frame(at_ns, *people, outcome=outcome)
        self.commit()

    def frame(self, at_ns: int, *people: Any, outcome: str = "analysed") -> None:
        at = Moment(clock_ns=at_ns, pts_ns=at_ns % (3600 * SECOND_NS))
        self.writer.frame(at, uri="film.mp4", clock=self._clock, outcome=outcome)
        if outcome == "analysed":
            for each in people:
                self.writer.visits.see(each, at)
            self.writer.visits.leave(at)

    def commit(self, **position: Any) -> None:
        self.writer.commit({"digest": "d", **position})

    def end(self) -> None:
        self.writer.finish()
        self.commit()
        self.writer.close()


def plain(rows: Any) -> list[Mapping[str, Any]]:
    return [dict(row._mapping) for row in rows]
