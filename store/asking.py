"""Visits that fit a question, the likeliest first, and how much of the time asked for was analysed."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa

from fashion_pipeline.fashion.color_words import JOINED
from fashion_pipeline.store import schema
from fashion_pipeline.store.visits import MINUTE_NS
from framegraph.errors import GraphError
from framegraph.properties import nearest

LONGEST_VISIT_NS = 24 * 60 * MINUTE_NS
"""A visit that began earlier than this before the time asked for is not found there."""
FEW_VISITS = 20_000
"""Up to so many visits in the time asked for are looked through one by one; otherwise the garments are, from
the likeliest on."""

visits, streams, cameras, garments = (
    each.c for each in (schema.visits, schema.streams, schema.cameras, schema.visit_garments)
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """Which visits are asked for; "" and None: any. Times are nanoseconds of the clock: "wall" since 1970 in
    UTC, "film" since a film's beginning."""

    garment: str = ""
    color: str = ""
    camera: str = ""
    clock: str = ""
    from_ns: int | None = None
    to_ns: int | None = None
    min_s: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """A visit that fits. `offset_s`: where it begins in the film or recording `uri`. The last four are of the
    garment that was asked for, "" and 0 if none was."""

    visit: int
    camera: str
    uri: str
    clock: str
    track: int
    begin_ns: int
    end_ns: int
    offset_s: float
    label: str = ""
    color: str = ""
    is_told: bool = False
    probability: float = 0.0


def ask(connection: sa.Connection, question: Question, limit: int) -> list[Answer]:
    """Return the visits that fit, those told before those unsure, the likeliest first; without a garment the
    latest first. Raises GraphError for a word that the database does not know."""
    where = conditions(connection, question)
    wanted = garment_conditions(connection, question)
    columns = [visits[name] for name in ("id", "stream_id", "camera_id", "track")]
    columns += [visits[name] for name in ("begin_ns", "end_ns", "begin_pts_ns")]
    found = sa.select(*columns)
    if question.clock:
        found = found.join_from(schema.visits, schema.streams, streams.id == visits.stream_id)
    found = found.where(*where)
    if not wanted:
        some = found.order_by(visits.begin_ns.desc()).limit(limit).subquery()
        return [_answer(row) for row in connection.execute(_described(some).order_by(some.c.begin_ns.desc()))]
    is_narrow = question.from_ns is not None or question.to_ns is not None
    if is_narrow:
        few = found.limit(FEW_VISITS + 1).subquery()
        number = connection.execute(sa.select(sa.func.count()).select_from(few)).scalar_one()
        is_narrow = number <= FEW_VISITS
    answers = _likeliest(connection, found, wanted, limit, is_narrow=is_narrow)
    if question.garment and question.color and len(answers) < limit:
        # Somebody told to wear a red pullover may be who was meant by a red coat.
        alike = _alike(connection, question)
        answers += _likeliest(connection, found, alike, limit - len(answers), is_narrow=is_narrow)
    return answers


def _likeliest(
    connection: sa.Connection, found: sa.Select[Any], wanted: list[Any], limit: int, *, is_narrow: bool
) -> list[Answer]:
    worn = [garments.label_id, garments.color_id, garments.is_told, garments.probability]
    if is_narrow:
        # A subquery with a limit is carried out first, by SQLite as well.
        few = found.limit(FEW_VISITS).subquery()
        query = sa.select(few, *worn).join_from(few, schema.visit_garments, garments.visit_id == few.c.id)
    else:
        query = found.add_columns(*worn).join(schema.visit_garments, garments.visit_id == visits.id)
    order = garments.is_told.desc(), garments.probability.desc()
    some = query.where(*wanted).order_by(*order).limit(limit).subquery()
    described = _described(some).order_by(some.c.is_told.desc(), some.c.probability.desc())
    return [_answer(row) for row in connection.execute(described)]


def _alike(connection: sa.Connection, question: Question) -> list[Any]:
    """Return the conditions for another garment of that region, told and of the colour, on somebody who wears
    none of the label in it."""
    labels, other = schema.labels.c, schema.visit_garments.alias().c
    label_id = word_id(connection, schema.labels, "garment", question.garment)
    region = sa.select(labels.region).where(labels.id == label_id).scalar_subquery()
    same = sa.select(labels.id).where(labels.region == region, labels.region != "", labels.id != label_id)
    has_it = sa.exists().where(
        other.visit_id == garments.visit_id,
        other.label_id == label_id,
        _is_color(connection, question, other),
    )
    return [garments.label_id.in_(same), garments.is_told, _is_color(connection, question, garments), ~has_it]


def conditions(connection: sa.Connection, question: Question) -> list[Any]:
    """Return what a visit has to fulfil. With a clock, the streams are to be joined."""
    where: list[Any] = []
    if question.camera:
        where.append(visits.camera_id == word_id(connection, schema.cameras, "camera", question.camera))
    if question.clock:
        where.append(streams.clock == question.clock)
    if question.from_ns is not None:
        where += [visits.begin_ns >= question.from_ns - LONGEST_VISIT_NS, visits.end_ns >= question.from_ns]
    if question.to_ns is not None:
        where.append(visits.begin_ns < question.to_ns)
    if question.min_s:
        where.append(visits.end_ns - visits.begin_ns >= round(question.min_s * 1e9))
    return where


def garment_conditions(connection: sa.Connection, question: Question) -> list[Any]:
    """Return what a garment has to fulfil; [] if none is asked for."""
    wanted: list[Any] = []
    if question.garment:
        wanted.append(garments.label_id == word_id(connection, schema.labels, "garment", question.garment))
    if question.color:
        wanted.append(_is_color(connection, question, garments))
    return wanted


def _is_color(connection: sa.Connection, question: Question, worn: Any) -> Any:
    """Return the condition that a garment is of the colour, or has it in it: "red and black"."""
    color_id = word_id(connection, schema.colors, "color", question.color)
    word = question.color.lower()
    names = connection.execute(sa.select(schema.colors.c.id, schema.colors.c.name)).all()
    joined = [id_ for id_, name in names if word in name.split(JOINED)]
    return worn.color_id.in_(sorted({color_id, *joined}))


def word_id(connection: sa.Connection, table: sa.Table, what: str, name: str) -> int:
    """Return the id of a camera, label or colour by its name; GraphError says which there are."""
    known = {row.name: row.id for row in connection.execute(sa.select(table.c.name, table.c.id))}
    by_lower: dict[str, int] = {word.lower(): id_ for word, id_ in known.items() if word}
    if name.lower() not in by_lower:
        there_are = ", ".join(sorted(filter(None, known))) or "none yet"
        raise GraphError(f"{what} '{name}' is not known{nearest(name, by_lower)}; there are: {there_are}")
    return by_lower[name.lower()]


def _described(some: sa.Subquery) -> sa.Select[Any]:
    """Return the query with the names of camera, film, label and colour."""
    query = sa.select(some, cameras.name.label("camera"), streams.uri, streams.clock)
    query = query.join(schema.cameras, cameras.id == some.c.camera_id)
    query = query.join(schema.streams, streams.id == some.c.stream_id)
    if "label_id" in some.c:
        labels, colors = schema.labels.c, schema.colors.c
        query = query.add_columns(labels.name.label("label"), colors.name.label("color"))
        query = query.join(schema.labels, labels.id == some.c.label_id)
        query = query.join(schema.colors, colors.id == some.c.color_id)
    return query


def _answer(row: sa.Row[Any]) -> Answer:
    plain = row._mapping
    worn = {name: plain[name] for name in ("label", "color", "is_told", "probability") if name in plain}
    return Answer(
        visit=row.id,
        camera=row.camera,
        uri=row.uri,
        clock=row.clock,
        track=row.track,
        begin_ns=row.begin_ns,
        end_ns=row.end_ns,
        offset_s=row.begin_pts_ns / 1e9,
        **worn,
    )
