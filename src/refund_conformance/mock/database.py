"""Open the database that a URL names: SQLite in memory or in a file, or PostgreSQL."""

import os
import sqlite3
import threading
from typing import Any

from sqlalchemy import Engine, Select, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import StaticPool

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock.batches import WouldWaitError, in_event_loop

WAIT_SECONDS = 5
"""Time that a connection, or a lock, is waited for."""

_MAPPED_BYTES = 256 * 1024 * 1024
_OF_STATEMENTS = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def is_trouble(problem: BaseException) -> bool:
    """Tell whether the database does not serve for now: it is locked, full, gone, or has no connection left.

    A statement that is wrong is none of that.
    """
    if isinstance(problem, PoolTimeoutError):
        return True
    if isinstance(problem, DBAPIError) and problem.orig is not None:
        code = _code(problem.orig)
        lost = isinstance(problem, OperationalError | InterfaceError) or problem.connection_invalidated
        return lost if code is None else code not in _OF_STATEMENTS
    return isinstance(problem, sqlite3.Error) and _code(problem) not in _OF_STATEMENTS


def _code(problem: BaseException) -> int | None:
    """Return the primary code of a problem of SQLite; its extended codes have more in their upper bytes."""
    code = getattr(problem, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def parsed(url: str) -> URL:
    """Read a database URL; raise UsageError if it is none, or of a kind that the mock does not know."""
    try:
        found = make_url(url)
    except ArgumentError:
        raise UsageError(
            "the database",
            "is named by no database URL",
            "For example sqlite:///mock.db or postgresql://user@host/name.",
        ) from None
    if found.drivername in ("postgresql", "postgres"):
        found = found.set(drivername="postgresql+psycopg")
    if found.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError(
            f"database {found.drivername!r}", "is of no kind that the mock knows", "Use SQLite or PostgreSQL."
        )
    return found


def is_sqlite(url: URL) -> bool:
    """Tell whether the URL is one of SQLite."""
    return url.get_backend_name() == "sqlite"


def is_memory(url: URL) -> bool:
    """Tell whether the database goes when its process does."""
    return is_sqlite(url) and url.database in (None, "", ":memory:")


def engine(url: URL) -> Engine:
    """Return an engine for the database; raise UsageError if its driver is not installed.

    An SQLite file is made for its owner's eyes alone, because it holds the keys that sign tokens.
    """
    try:
        if is_memory(url):
            made = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
        elif is_sqlite(url):
            _make_file(url.database or "")
            made = create_engine(url, connect_args={"timeout": WAIT_SECONDS, "check_same_thread": False})
        else:
            limits = {"connect_timeout": str(WAIT_SECONDS), **_statement_limits(url)}
            made = create_engine(
                url, pool_size=20, max_overflow=20, pool_timeout=WAIT_SECONDS, connect_args=limits
            )
    except (NoSuchModuleError, ModuleNotFoundError) as problem:
        raise UsageError(
            f"database {url.drivername!r}", f"its driver is missing ({problem})", "Install it, or use SQLite."
        ) from None
    if is_sqlite(url):
        event.listen(made, "connect", _prepare_sqlite)
    return made


def _statement_limits(url: URL) -> dict[str, str]:
    if "options" in url.query:
        return {}
    milliseconds = WAIT_SECONDS * 1000
    return {"options": f"-c lock_timeout={milliseconds} -c statement_timeout={2 * milliseconds}"}


class Direct:
    """Reads SQLite by the driver's own connections, one kept for each thread, without a pool's ceremony.

    A database in memory has but one connection; those who use it take turns.

    ``statement`` is compiled once; to run it takes a tenth of the time that SQLAlchemy's own execution takes. In
    the thread of an event loop nothing is waited for: where the file is locked, WouldWaitError is raised.
    """

    def __init__(self, engine: Engine, statement: Select[Any]) -> None:
        self._engine = engine
        self._statement = str(statement.compile(dialect=sqlite.dialect(paramstyle="named")))
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []

    def rows(self, **values: object) -> list[Any]:
        """Run the statement, and return what it finds."""
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._connect()
        try:
            return connection.execute(self._statement, values).fetchall()
        except sqlite3.OperationalError as problem:
            if _code(problem) in _BUSY and in_event_loop():
                raise WouldWaitError from None
            raise

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._all:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101  (no other driver for SQLite is let in)
        if isinstance(self._engine.pool, StaticPool):
            return connection
        pooled.detach()
        self._all.append(connection)
        if in_event_loop():
            connection.execute("PRAGMA busy_timeout=0")
        return connection


def _make_file(path: str) -> None:
    if path.startswith("file:"):
        return  # a URI, with a mode of its own
    try:
        # What SQLite puts beside the file takes over its rights.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as problem:
        raise UsageError(
            f"database file {path}",
            f"cannot be opened ({problem.strerror})",
            "Name another with --database.",
        ) from None


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # What was answered with 200 must survive the process and the power: hence FULL. Of a file that is mapped into
    # memory the pages are read without asking the system for each.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"mmap_size={_MAPPED_BYTES}"):
        connection.execute(f"PRAGMA {pragma}")
