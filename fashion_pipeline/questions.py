"""Arguments of the commands that ask a database, and times as people write them."""

import argparse
import datetime
import re
from typing import TYPE_CHECKING

from framegraph.errors import GraphError
from framegraph.launch.arguments import number

if TYPE_CHECKING:
    from fashion_pipeline.store.asking import Question

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?")


def add_question(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which visits are meant."""
    parser.add_argument("database", help="what a store_sink writes: FILE, or postgresql+psycopg://…")
    parser.add_argument("--garment", default="", help="a label, e.g. coat")
    parser.add_argument("--color", default="", help="a colour, e.g. red")
    parser.add_argument("--camera", default="", help="the name of a source")
    parser.add_argument(
        "--from", dest="begin", default="", metavar="TIME", help="12:00 (today), 2026-11-30, 2026-11-30T12:00"
    )
    parser.add_argument(
        "--to", dest="end", default="", metavar="TIME", help="the same; this moment is not in it"
    )
    parser.add_argument(
        "--film-time", action="store_true", help="times are of films, from their beginnings: 1:30, 0:01:30"
    )
    parser.add_argument(
        "--min-seconds", type=number(float, 0), default=0.0, help="only visits of at least this long"
    )


def question_of(options: argparse.Namespace) -> "Question":
    """Return the question that the arguments ask. Raises GraphError for a time that is none."""
    from fashion_pipeline.store.asking import Question

    read = film_time_ns if options.film_time else wall_time_ns
    has_times = bool(options.begin or options.end)
    return Question(
        garment=options.garment,
        color=options.color,
        camera=options.camera,
        clock="film" if options.film_time else "wall" if has_times else "",
        from_ns=read("--from", options.begin) if options.begin else None,
        to_ns=read("--to", options.end) if options.end else None,
        min_s=float(options.min_seconds),
    )


def film_time_ns(name: str, text: str) -> int:
    """Return MM:SS or HH:MM:SS, or seconds, in nanoseconds."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(part < 0 for part in parts):
        raise GraphError(f"{name} {text}: is no time in a film; write seconds, 1:30 or 0:01:30")
    seconds: float = sum(part * 60.0**place for place, part in enumerate(reversed(parts)))
    return round(seconds * 1e9)


def wall_time_ns(name: str, text: str) -> int:
    """Return a time of day (today's), a date or both, in nanoseconds since 1970: of this machine's zone
    unless it says another one."""
    found = _CLOCK.fullmatch(text)
    try:
        if found:
            today = datetime.date.today().isoformat()
            at = datetime.datetime.fromisoformat(
                f"{today}T{text.zfill(5) if not found[3] else text.zfill(8)}"
            )
        else:
            at = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise GraphError(f"{name} {text}: is no time; write 12:00, 2026-11-30 or 2026-11-30T12:00") from None
    # Without an offset it is of this machine's zone.
    return round(at.astimezone().timestamp() * 1_000_000) * 1000


def time_text(at_ns: int, clock: str) -> str:
    """Return a time as people read it: in this machine's zone, or from a film's beginning."""
    if clock == "film":
        seconds = at_ns / 1e9
        return f"{int(seconds // 3600)}:{int(seconds // 60 % 60):02}:{seconds % 60:04.1f}"
    at = datetime.datetime.fromtimestamp(at_ns // 10**9, datetime.UTC).astimezone()
    return at.isoformat(sep=" ")
