"""How many people, by first sight: by hour, day, camera, garment or colour, with what is not known beside."""

from __future__ import annotations

import dataclasses
import datetime
from collections import Counter
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from fashion_pipeline.store import schema
from fashion_pipeline.store.analysed import Analysed, read_analysed
from fashion_pipeline.store.asking import Question, garment_conditions, word_id
from fashion_pipeline.store.visits import MINUTE_NS

QUARTER_NS = 15 * MINUTE_NS
"""Every time zone's hours and days begin at a multiple of it."""
BY_TIME = ("hour", "day")
BY_WORD = ("camera", "garment", "color")
BY = (*BY_TIME, *BY_WORD)

visits, streams, cameras, garments = (
    each.c for each in (schema.visits, schema.streams, schema.cameras, schema.visit_garments)
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Count:
    """People first seen in one group. `analysed` is how much of its time was analysed, 0 to 1: with 0 the
    number is not known. `begin_ns` and `end_ns` bound a group of time."""

    name: str
    people: int | None
    analysed: float
    begin_ns: int = 0
    end_ns: int = 0


def count(
    connection: sa.Connection, question: Question, by: str, zone: datetime.tzinfo | None = None
) -> list[Count]:
    """Count the people who came in the time asked for, which has to have an end and a beginning.

    zone: whose hours and days; None: this machine's. Raises GraphError for a word that is not known.
    """
    assert question.from_ns is not None
    assert question.to_ns is not None
    camera_id = word_id(connection, schema.cameras, "camera", question.camera) if question.camera else None
    known = read_analysed(connection, question.clock, question.from_ns, question.to_ns, camera_id)
    if by in BY_TIME:
        return _by_time(connection, question, by, zone, known, camera_id)
    return _by_word(connection, question, by, known, camera_id)


def _visits(connection: sa.Connection, question: Question, camera_id: int | None, *columns: Any) -> Any:
    """Return the query for columns of the visits that began in the time asked for."""
    query = sa.select(*columns, sa.func.count())
    wanted = garment_conditions(connection, question)
    query = query.join_from(schema.visits, schema.streams, streams.id == visits.stream_id)
    query = query.where(
        streams.clock == question.clock,
        visits.begin_ns >= question.from_ns,
        visits.begin_ns < question.to_ns,
    )
    if camera_id is not None:
        query = query.where(visits.camera_id == camera_id)
    if question.min_s:
        query = query.where(visits.end_ns - visits.begin_ns >= round(question.min_s * 1e9))
    if wanted:
        query = query.where(sa.exists().where(garments.visit_id == visits.id, garments.is_told, *wanted))
    return query


def _by_time(
    connection: sa.Connection,
    question: Question,
    by: str,
    zone: datetime.tzinfo | None,
    known: Analysed,
    camera_id: int | None,
) -> list[Count]:
    # Whole numbers divide to whole numbers in both databases.
    quarter: sa.ColumnElement[int] = sa.literal_column(f"visits.begin_ns / {QUARTER_NS}", sa.BigInteger)
    query = _visits(connection, question, camera_id, quarter.label("quarter")).group_by("quarter")
    numbers = Counter({row[0]: row[1] for row in connection.execute(query)})
    found = []
    assert question.from_ns is not None
    assert question.to_ns is not None
    for name, begin_ns, end_ns in spans(question.from_ns, question.to_ns, by, question.clock, zone):
        people = sum(numbers[each] for each in range(begin_ns // QUARTER_NS, -(-end_ns // QUARTER_NS)))
        analysed = known.share(max(begin_ns, question.from_ns), min(end_ns, question.to_ns))
        found.append(
            Count(
                name=name,
                people=people if people or analysed else None,
                analysed=analysed,
                begin_ns=begin_ns,
                end_ns=end_ns,
            )
        )
    return found


def spans(
    from_ns: int, to_ns: int, by: str, clock: str, zone: datetime.tzinfo | None
) -> Iterator[tuple[str, int, int]]:
    """Yield (name, begin, end) of the hours or days from one time to another, as clocks show them in a zone:
    a day has 23 or 25 hours when the clocks change."""
    if clock == "film":
        step_ns = 60 * MINUTE_NS * (24 if by == "day" else 1)
        for begin_ns in range(from_ns - from_ns % step_ns, to_ns, step_ns):
            yield f"{by} {begin_ns // step_ns}", begin_ns, begin_ns + step_ns
        return
    at = _local(from_ns, zone).replace(minute=0, second=0, microsecond=0)
    if by == "day":
        at = _at_midnight(at, zone)
    while (begin_ns := _ns(at)) < to_ns:
        if by == "day":
            later = _at_midnight(at + datetime.timedelta(days=1), zone)
        else:
            # In UTC, where every hour has an hour.
            later = _local(begin_ns + 60 * MINUTE_NS, zone)
        form = "%Y-%m-%d" if by == "day" else "%Y-%m-%d %H:00 %z"
        yield at.strftime(form), begin_ns, _ns(later)
        at = later


def _local(at_ns: int, zone: datetime.tzinfo | None) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at_ns // 10**9, datetime.UTC).astimezone(zone)


def _at_midnight(at: datetime.datetime, zone: datetime.tzinfo | None) -> datetime.datetime:
    plain = at.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return plain.replace(tzinfo=zone) if zone is not None else plain.astimezone()


def _ns(at: datetime.datetime) -> int:
    return int(at.timestamp()) * 10**9


def _by_word(
    connection: sa.Connection, question: Question, by: str, known: Analysed, camera_id: int | None
) -> list[Count]:
    assert question.from_ns is not None
    assert question.to_ns is not None
    if by == "camera":
        names = {row.id: row.name for row in connection.execute(sa.select(cameras.id, cameras.name))}
        query = _visits(connection, question, camera_id, visits.camera_id).group_by(visits.camera_id)
        people = {row[0]: row[1] for row in connection.execute(query)}
        shares = {id_: known.share(question.from_ns, question.to_ns, id_) for id_ in known.cameras}
        return [
            Count(
                name=names[id_],
                people=people.get(id_, 0) if id_ in people or share else None,
                analysed=share,
            )
            for id_, share in shares.items()
        ]
    table = schema.labels if by == "garment" else schema.colors
    word = garments.label_id if by == "garment" else garments.color_id
    query = _visits(connection, question, camera_id, word.label("word"))
    # Two garments of one colour are one person of that colour.
    query = query.with_only_columns(word.label("word"), sa.func.count(sa.distinct(visits.id)))
    query = query.join(schema.visit_garments, sa.and_(garments.visit_id == visits.id, garments.is_told))
    names = {row.id: row.name for row in connection.execute(sa.select(table.c.id, table.c.name))}
    share = known.share(question.from_ns, question.to_ns)
    rows = connection.execute(query.group_by(word)).all()
    return [
        Count(name=names[id_] or "not known", people=number, analysed=share)
        for id_, number in sorted(rows, key=lambda row: -row[1])
    ]
