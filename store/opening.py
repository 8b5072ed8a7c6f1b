"""A database by its address: SQLite or PostgreSQL, its tables made, its version checked."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from fashion_pipeline.store import schema
from framegraph.errors import GraphError, UnavailableError

SQLITE_WAIT_S = 2.0
"""How long a writer of SQLite waits for another one before it counts as locked."""
DIALECTS = ("sqlite", "postgresql")


def read_url(text: str) -> URL:
    """Return the address of a database; a path alone is SQLite's. GraphError for one that is none."""
    try:
        url = make_url(text if "://" in text else f"sqlite:///{text}")
    except (sa.exc.ArgumentError, ValueError):
        raise GraphError(
            f"'{text}' is no address of a database; write sqlite:///FILE or {_POSTGRES}"
        ) from None
    if url.get_backend_name() not in DIALECTS:
        raise GraphError(
            f"'{text}': databases of kind '{url.get_backend_name()}' are not supported; use sqlite:///FILE "
            f"or {_POSTGRES}"
        )
    if url.get_backend_name() == "sqlite" and not url.database:
        raise GraphError(f"'{text}' names no file; write sqlite:///FILE")
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url


_POSTGRES = "postgresql+psycopg://USER:${PASSWORD}@HOST/DATABASE"


def open_store(text: str, *, is_new_allowed: bool = True, is_writer: bool = True) -> sa.Engine:
    """Return an engine on a database whose tables are there and of this version.

    GraphError: it cannot be used at all, with the remedy. UnavailableError: not now.
    """
    url = read_url(text)
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        if not is_new_allowed and not path.is_file():
            raise GraphError(f"{path}: there is no such database; a store_sink writes one")
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        engine = _engine(url, is_writer=is_writer)
    except ModuleNotFoundError as error:
        raise GraphError(
            f"{redacted(url)}: needs the package {error.name}; install the extra 'postgres'"
        ) from None
    try:
        with unavailable(engine), engine.begin() as connection:
            _check_version(connection, redacted(url))
    except sa.exc.DatabaseError as error:
        engine.dispose()
        raise GraphError(f"{redacted(url)}: {error.orig}; restore it, or name another database") from None
    return engine


@contextlib.contextmanager
def reading(text: str) -> Iterator[sa.Connection]:
    """Give a connection to ask a database that is there. GraphError if that is not possible now."""
    with _now(text, is_writer=False) as engine, engine.connect() as connection:
        yield connection


@contextlib.contextmanager
def writing(text: str) -> Iterator[sa.Connection]:
    """Give a connection to change a database that is there, in one transaction. GraphError if that is not
    possible now."""
    with _now(text, is_writer=True) as engine, engine.begin() as connection:
        yield connection


@contextlib.contextmanager
def _now(text: str, *, is_writer: bool) -> Iterator[sa.Engine]:
    try:
        engine = open_store(text, is_new_allowed=False, is_writer=is_writer)
        try:
            with unavailable(engine):
                yield engine
        finally:
            engine.dispose()
    except UnavailableError as error:
        said = str(error).removesuffix("; waiting for the database")
        raise GraphError(f"{said}; try again later") from None


def _engine(url: URL, *, is_writer: bool) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=False, pool_size=1, max_overflow=0)
    engine = sa.create_engine(url, connect_args={"timeout": SQLITE_WAIT_S}, poolclass=sa.pool.StaticPool)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        if not is_writer:
            return
        # Readers and the writer do not lock out each other; a power cut may lose the last commits, never the
        # whole, and those frames come again with --resume.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        # What is removed is overwritten: faces must not stay in the file.
        connection.execute("PRAGMA secure_delete = ON")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A writer at once: a transaction that reads first could not become one while another writes.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    return engine


def _check_version(connection: sa.Connection, name: str) -> None:
    """Make the tables of an empty database; GraphError for one of a newer version or of somebody else."""
    tables = set(sa.inspect(connection).get_table_names())
    if not tables & set(schema.metadata.tables):
        schema.metadata.create_all(connection)
        connection.execute(schema.version.insert().values(version=schema.VERSION))
        return
    if schema.version.name not in tables:
        raise GraphError(f"{name}: has tables of these names that are not ours; name another database")
    found = connection.execute(sa.select(sa.func.max(schema.version.c.version))).scalar()
    if found is None or found > schema.VERSION:
        raise GraphError(
            f"{name}: its schema has version {found}, this program knows {schema.VERSION}; use a newer one"
        )


def redacted(url: URL) -> str:
    """Return an address without its password."""
    return url.render_as_string(hide_password=True)


@contextlib.contextmanager
def unavailable(engine: sa.Engine) -> Iterator[None]:
    """Turn errors that pass (locked, full, away, broken connection) into UnavailableError."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if not isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) and not (
            error.connection_invalidated
        ):
            raise
        said = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
        engine.dispose()
        raise UnavailableError(f"{redacted(engine.url)}: {said[0]}; waiting for the database") from error
