"""Users, orders and refund requests in a database: SQLite in memory or in a file, or PostgreSQL."""

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from refund_conformance.errors import UsageError
from refund_conformance.mock.batches import Batches
from refund_conformance.mock.tables import (
    IS_OPEN,
    Order,
    Progress,
    Status,
    User,
    metadata,
    orders,
    refund_requests,
    users,
)

_SITUATION = (
    select(users, orders, refund_requests.c.progress)
    .select_from(
        users.outerjoin(orders, orders.c.id == bindparam("order")).outerjoin(
            refund_requests,
            (refund_requests.c.order_id == orders.c.id) & IS_OPEN,
        )
    )
    .where(users.c.name == bindparam("user"))
)


def _creation(is_sqlite: bool) -> Executable:
    """Return the statement that creates a refund request if the order permits it, and else does nothing."""
    permitted = (
        select(
            orders.c.id,
            bindparam("email", type_=refund_requests.c.email.type),
            bindparam("description", type_=refund_requests.c.description.type),
            literal(Progress.NEW.value),
            bindparam("now"),
        )
        .where(orders.c.id == bindparam("order"), orders.c.status == Status.PAID.value, orders.c.price > 0)
        # Completing a refund request in full changes its order: PostgreSQL must not read the order before and
        # write the new request after. SQLite has one writer anyway.
        .with_for_update(read=True)
    )
    names = ["order_id", "email", "description", "progress", "created_at"]
    insert_into = sqlite.insert if is_sqlite else postgresql.insert
    statement = insert_into(refund_requests).from_select(names, permitted).on_conflict_do_nothing()
    return statement.execution_options(preserve_rowcount=True)


@dataclass(frozen=True)
class Situation:
    """What one read tells of a request: the user, if there is one, and the order, whoever owns it."""

    user: User | None
    order: Order | None


class Store:
    """The database. Its methods may be called from any thread."""

    def __init__(self, url: str) -> None:
        """Open the database; raise UsageError if the URL is none or its driver is not installed."""
        parsed = _parse(url)
        self.is_memory = parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:")
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.engine = _engine(parsed, self.is_memory)
        # One statement is a transaction by itself, and to PostgreSQL three journeys less.
        self._statements = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._create = _creation(self.is_sqlite)
        self.is_file = self.is_sqlite and not self.is_memory
        self._batches = Batches(self.engine, self._create) if self.is_file else None
        # SQLite's one connection serves one thread at a time.
        self._turn = threading.RLock() if self.is_memory else nullcontext()

    def create_tables(self) -> None:
        """Create the tables that are not there."""
        with self.writing() as connection:
            metadata.create_all(connection)

    def is_empty(self) -> bool:
        """Tell whether the store has no users yet."""
        with self.reading() as connection:
            return not connection.scalar(select(func.count()).select_from(users))

    def add_users(self, rows: Iterable[User]) -> None:
        """Add users."""
        with self.writing() as connection:
            connection.execute(insert(users), [vars(row) for row in rows])

    def add_orders(self, rows: Iterable[Order]) -> None:
        """Add orders, each with its refund request if it has one."""
        rows = tuple(rows)
        with self.writing() as connection:
            connection.execute(insert(orders), [_order_row(row) for row in rows])
            requests = [_request_row(row) for row in rows if row.refund is not None]
            if requests:
                connection.execute(insert(refund_requests), requests)

    def user(self, name: str) -> User | None:
        """Find a user."""
        with self.reading() as connection:
            row = connection.execute(select(users).where(users.c.name == name)).mappings().first()
        return User(**row) if row else None

    def situation(self, user: str, order: int) -> Situation:
        """Read the user and the order at once. ``order`` 0 is none."""
        with self.reading() as connection:
            row = connection.execute(_SITUATION, {"user": user, "order": order}).first()
        if row is None:
            return Situation(None, None)
        name, password, merchant, configured, id_, owner, status, price, progress = row
        found = None
        if id_ is not None:
            found = Order(id_, owner, Status(status), price, Progress(progress) if progress else None)
        return Situation(User(name, password, merchant, configured), found)

    def create_refund_request(self, order: int, email: str, description: str | None) -> bool:
        """Create a refund request in one transaction; False if the order's state no longer permits it."""
        values = {"order": order, "email": email, "description": description, "now": time.time()}
        if self._batches is not None:
            return self._batches.run(values) == 1
        with self.writing() if self.is_sqlite else self._statements.connect() as connection:
            return connection.execute(self._create, values).rowcount == 1

    def history(self, order: int) -> tuple[Progress, ...]:
        """Return how far each refund request of an order has come, the oldest first."""
        query = select(refund_requests.c.progress).where(refund_requests.c.order_id == order)
        with self.reading() as connection:
            return tuple(map(Progress, connection.scalars(query.order_by(refund_requests.c.id))))

    def order_ids(self, merchant: int, status: Status | None = None) -> list[int]:
        """Return the ids of a merchant's orders, of one status or of all."""
        query = select(orders.c.id).where(orders.c.merchant == merchant).order_by(orders.c.id)
        if status is not None:
            query = query.where(orders.c.status == status.value)
        with self.reading() as connection:
            return list(connection.scalars(query))

    def close(self) -> None:
        """Finish what is being written, and close every connection."""
        if self._batches is not None:
            self._batches.close()
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for one read."""
        engine = self.engine if self.is_sqlite else self._statements
        with self._turn, engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection for one transaction, committed at the end."""
        with self._turn, self.engine.begin() as connection:
            yield connection


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError(
            f"database {url!r}",
            "is no database URL",
            "For example sqlite:///mock.db or postgresql://user@host/name.",
        ) from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError(
            f"database {parsed.drivername!r}", "is of no kind that the mock knows", "Use SQLite or PostgreSQL."
        )
    return parsed


def _engine(url: URL, in_memory: bool) -> Engine:
    try:
        if in_memory:
            engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
        elif url.get_backend_name() == "sqlite":
            engine = create_engine(url, connect_args={"timeout": 30})
        else:
            engine = create_engine(url, pool_size=20, max_overflow=20)
    except (NoSuchModuleError, ModuleNotFoundError) as problem:
        raise UsageError(
            f"database {url.drivername!r}", f"its driver is missing ({problem})", "Install it, or use SQLite."
        ) from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # What was answered with 200 must survive the process and the power: hence FULL.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _order_row(order: Order) -> dict[str, Any]:
    return {"id": order.id, "merchant": order.merchant, "status": order.status.value, "price": order.price}


def _request_row(order: Order) -> dict[str, Any]:
    assert order.refund is not None  # noqa: S101  (the one caller has looked)
    return {
        "order_id": order.id,
        "email": "merchant@example.com",
        "description": None,
        "progress": order.refund.value,
        "created_at": time.time(),
    }
