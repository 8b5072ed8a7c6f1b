"""A sink that writes a row a frame into a database of its own, with its position."""

import contextlib
import dataclasses
import json
import sqlite3
from pathlib import Path

from framegraph.errors import GraphError, UnavailableError
from framegraph.packet import OK, Packet
from framegraph.properties import REQUIRED, prop
from framegraph.transactions import Position, TransactionalSink

TABLES = """
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS frames (source TEXT, seq INTEGER, status TEXT);
CREATE TABLE IF NOT EXISTS drops (source TEXT, from_seq INTEGER, to_seq INTEGER);
CREATE TABLE IF NOT EXISTS ends (source TEXT);
CREATE TABLE IF NOT EXISTS positions (
    run TEXT, stage TEXT, source TEXT, digest TEXT, text TEXT, PRIMARY KEY (run, stage, source)
);
"""
LOCKED_S = 0.2


class Rows(TransactionalSink["Rows.Options"]):
    """Write one row a frame, and one for each range of drops and each end."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        database: str = prop(REQUIRED, "The database file.")

    _database: sqlite3.Connection | None = None

    def begin(self) -> Position | None:
        self.close()
        with self._or_unavailable():
            self._database = sqlite3.connect(self.options.database, timeout=LOCKED_S, isolation_level=None)
            self._database.executescript(TABLES)
            key = self.context.run, self.context.name, self.context.source
            found = self._database.execute(
                "SELECT text FROM positions WHERE run = ? AND stage = ? AND source = ?", key
            ).fetchone()
        # Nothing is written before `commit`: a transaction that stays open would lock out other writers.
        self._rows: list[tuple[str, tuple[object, ...]]] = []
        return json.loads(found[0]) if found else None

    def process(self, packet: Packet) -> Packet:
        assert packet.status == OK or packet.meta == {}
        self._insert("frames", packet.source, packet.seq, packet.status)
        return packet

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        self._insert("drops", packet.source, from_seq, to_seq)

    def finish(self) -> None:
        self._insert("ends", self.context.source)

    def _insert(self, table: str, *values: object) -> None:
        places = ", ".join("?" * len(values))
        self._rows.append((f"INSERT INTO {table} VALUES ({places})", values))

    def commit(self, position: Position) -> None:
        assert self._database is not None
        row = self.context.run, self.context.name, self.context.source, position["digest"]
        with self._or_unavailable():
            self._database.execute("BEGIN IMMEDIATE")
            for statement, values in self._rows:
                self._database.execute(statement, values)
            self._database.execute(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?)", (*row, json.dumps(position))
            )
            self._database.execute("COMMIT")
        self._rows.clear()

    @classmethod
    def last_position(cls, options: Options, digest: str, stage: str, source: str) -> Position | None:
        if not Path(options.database).is_file():
            raise GraphError(f"{options.database}: there is no such database; start without --resume")
        with contextlib.closing(sqlite3.connect(options.database)) as database:
            found = database.execute(
                "SELECT text FROM positions WHERE digest = ? AND stage = ? AND source = ? "
                "ORDER BY rowid DESC LIMIT 1",
                (digest, stage, source),
            ).fetchone()
        return json.loads(found[0]) if found else None

    @contextlib.contextmanager
    def _or_unavailable(self):
        try:
            yield
        except sqlite3.OperationalError as error:
            raise UnavailableError(f"{error}; waiting") from error

    def describe(self) -> str:
        return self.options.database

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
