"""Users, orders and refund requests in a database: SQLite in memory or in a file, or PostgreSQL."""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from sqlalchemy import Connection, func, insert, select, update

from refund_conformance.mock import database, statements
from refund_conformance.mock.batches import Batches
from refund_conformance.mock.tables import (
    Order,
    Progress,
    Status,
    User,
    counters,
    kept,
    metadata,
    orders,
    refund_requests,
    users,
)

ORDER_IDS, TENANTS = "orders", "tenants"
"""Names of the counters."""

FIRST_MADE = 100_000_001
"""Id of the first order that is made at request. The samples' ids are below."""

FIRST_TENANT = 1001
"""Number of the first merchant that is made at request."""

NOT_RECEIVED = 0.0
"""Time of creation of a refund request that came with its order and was never received."""


@dataclass(frozen=True)
class Sought:
    """Whose caller's and which order's situation is asked for; ``order`` 0 is none."""

    user: str
    order: int


@dataclass(frozen=True)
class Situation:
    """What one read tells of a request: the user, if there is one, and the order, whoever owns it."""

    user: User | None
    order: Order | None


NOTHING = Situation(None, None)
"""The situation of a caller who is no user."""


@dataclass(frozen=True)
class NewRequest:
    """A refund request to be created; ``at`` is the Unix time at which it was asked for."""

    order: int
    email: str
    description: str | None
    at: float


class Store:
    """The database. Its methods may be called from any thread.

    Those that may keep a caller waiting raise WouldWaitError in the thread of an event loop, where `look_up` and
    `create` are to be awaited instead.
    """

    def __init__(self, url: str) -> None:
        """Open the database; raise UsageError if the URL is none or its driver is not installed."""
        parsed = database.parsed(url)
        self.is_memory = database.is_memory(parsed)
        self.is_sqlite = database.is_sqlite(parsed)
        self.engine = database.engine(parsed)
        # One statement is a transaction by itself, and to PostgreSQL three journeys less.
        self._statements = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._create = statements.creation(self.is_sqlite)
        self._situations = statements.situations()
        # SQLite's one connection in memory serves one thread at a time.
        self._turn = threading.RLock() if self.is_memory else nullcontext()
        self._creations = None if self.is_memory else Batches(self._create_all)
        self._lookups = None if self.is_sqlite else Batches(self._look_up_all)
        self._direct = database.Direct(self.engine, statements.situation()) if self.is_sqlite else None

    def create_tables(self) -> None:
        """Create the tables that are not there."""
        with self.writing() as connection:
            metadata.create_all(connection)
            known = set(connection.scalars(select(counters.c.name)))
            made = connection.scalar(select(func.max(orders.c.id)).where(orders.c.id >= FIRST_MADE))
            firsts = {ORDER_IDS: FIRST_MADE if made is None else made + 1, TENANTS: FIRST_TENANT}
            missing = [{"name": name, "next": first} for name, first in firsts.items() if name not in known]
            if missing:
                connection.execute(insert(counters), missing)

    def is_empty(self) -> bool:
        """Tell whether the store has no users yet."""
        with self.reading() as connection:
            return not connection.scalar(select(func.count()).select_from(users))

    def add_users(self, rows: Iterable[User]) -> None:
        """Add users."""
        with self.writing() as connection:
            connection.execute(insert(users), [vars(row) for row in rows])

    def set_passwords(self, hashes: Mapping[str, str]) -> None:
        """Replace the passwords of users, by name, with others of which these are the hashes."""
        with self.writing() as connection:
            for name, hash_ in hashes.items():
                connection.execute(update(users).where(users.c.name == name).values(password=hash_))

    def add_orders(self, rows: Iterable[Order]) -> None:
        """Add orders, each with its refund request if it has one."""
        with self.writing() as connection:
            add_orders(connection, tuple(rows))

    def user(self, name: str) -> User | None:
        """Find a user."""
        with self.reading() as connection:
            row = connection.execute(select(users).where(users.c.name == _name(name))).mappings().first()
        return User(**row) if row else None

    def situation(self, user: str, order: int) -> Situation:
        """Read the user and the order at once. ``order`` 0 is none."""
        user = _name(user)
        if self._lookups is not None:
            return self._lookups.run(Sought(user, order))
        assert self._direct is not None  # noqa: S101  (SQLite has no batches of lookups, and this instead)
        with self._turn:
            rows = self._direct.rows(user=user, order=order)
        return _situation(*rows[0]) if rows else NOTHING

    async def look_up(self, user: str, order: int) -> Situation:
        """Do as `situation` does, without keeping the event loop waiting."""
        if self._lookups is None:
            return await to_thread.run_sync(self.situation, user, order)
        return await self._lookups.ask(Sought(_name(user), order))

    def create_refund_request(self, order: int, email: str, description: str | None) -> bool:
        """Create a refund request in one transaction; False if the order's state no longer permits it."""
        request = NewRequest(order, email, description, time.time())
        return self._create_all([request])[0] if self._creations is None else self._creations.run(request)

    async def create(self, order: int, email: str, description: str | None) -> bool:
        """Do as `create_refund_request` does, without keeping the event loop waiting."""
        request = NewRequest(order, email, description, time.time())
        return self._create_all([request])[0] if self._creations is None else await self._creations.ask(request)

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
        for batches in (self._creations, self._lookups):
            if batches is not None:
                batches.close()
        if self._direct is not None:
            self._direct.close()
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

    def _look_up_all(self, sought: Sequence[Sought]) -> list[Situation]:
        rows = [{"number": number, **vars(one)} for number, one in enumerate(sought)]
        with self.reading() as connection:
            found = connection.execute(self._situations, {statements.ROWS: json.dumps(rows)}).all()
        known = {number: _situation(*row) for number, *row in found}
        return [known.get(number, NOTHING) for number in range(len(sought))]

    def _create_all(self, requests: Sequence[NewRequest]) -> list[bool]:
        firsts: dict[int, NewRequest] = {}
        for request in requests:
            firsts.setdefault(request.order, request)
        rows = [
            {
                "order": request.order,
                "email": kept(request.email),
                "description": kept(request.description),
                "now": request.at,
            }
            for request in firsts.values()
        ]
        # One statement is a transaction by itself where it is not SQLite's.
        with self.writing() if self.is_sqlite else self.reading() as connection:
            created = set(connection.scalars(self._create, {statements.ROWS: json.dumps(rows)}))
        return [request.order in created and firsts[request.order] is request for request in requests]


def add_orders(connection: Connection, rows: Sequence[Order]) -> None:
    """Add orders, each with its refund request if it has one, in the transaction of a connection."""
    connection.execute(insert(orders), [_order_row(row) for row in rows])
    requests = [_request_row(row) for row in rows if row.refund is not None]
    if requests:
        connection.execute(insert(refund_requests), requests)


def take_numbers(connection: Connection, name: str, count: int) -> int:
    """Return the first of so many numbers of a counter, which nobody else gets, in a connection's transaction."""
    taken = update(counters).where(counters.c.name == name).values(next=counters.c.next + count)
    return int(connection.execute(taken.returning(counters.c.next)).scalar_one()) - count


def _name(text: str) -> str:
    """Return a user's name as it can be asked for: one that no column can hold is nobody's."""
    return text if text.isprintable() else ""


def _situation(
    name: str,
    password: str,
    merchant: int,
    configured: bool,
    id_: int | None,
    owner: int,
    status: str,
    price: int,
    progress: str | None,
) -> Situation:
    order = None
    if id_ is not None:
        order = Order(id_, owner, Status(status), price, Progress(progress) if progress else None)
    return Situation(User(name, password, merchant, bool(configured)), order)


def _order_row(order: Order) -> dict[str, Any]:
    return {"id": order.id, "merchant": order.merchant, "status": order.status.value, "price": order.price}


def _request_row(order: Order) -> dict[str, Any]:
    assert order.refund is not None  # noqa: S101  (the one caller has looked)
    return {
        "order_id": order.id,
        "email": "merchant@example.com",
        "description": None,
        "progress": order.refund.value,
        "created_at": NOT_RECEIVED,
    }
