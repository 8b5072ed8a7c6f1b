"""Rows that are written or, where their key is there, added to: the same for SQLite and PostgreSQL."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def add_up(
    connection: sa.Connection,
    table: sa.Table,
    key: tuple[str, ...],
    rows: Sequence[dict[str, Any]],
    *,
    added: tuple[str, ...] = (),
    latest: tuple[str, ...] = (),
    best: str = "",
) -> tuple[Any, Sequence[dict[str, Any]]]:
    """Return (statement, rows) for `execute`. Where a row with this key is there, the columns `added` are
    summed and those in `latest` replaced; with `best` only if that column is greater, which replaces it too.
    """
    statement: Any = _INSERTS[connection.dialect.name](table)
    new, old = statement.excluded, table.c
    changes = {name: old[name] + new[name] for name in added} | {name: new[name] for name in latest}
    if best:
        changes[best] = new[best]
    if not changes:
        return statement.on_conflict_do_nothing(index_elements=key), rows
    where = new[best] > old[best] if best else None
    return statement.on_conflict_do_update(index_elements=key, set_=changes, where=where), rows
