"""A ledger in a database: shared by all processes and machines that use the same one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import RLock
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    func,
    select,
)
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateTable

from refund_conformance.contract.errors import SettingsError, TargetError

_METADATA = MetaData()

_LEASES = Table(
    "refund_conformance_lease",
    _METADATA,
    Column("target", String(500), primary_key=True),
    Column("order_id", String(200), primary_key=True),
    Column("run", String(64), nullable=False),
    Column("order_group", String(64), nullable=False),
    Column("place", Integer, nullable=False),
    Column("leased_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("target", "run", "order_group", "place"),
)

_ORDERS = Table(
    "refund_conformance_order",
    _METADATA,
    Column("target", String(500), primary_key=True),
    Column("order_id", String(200), primary_key=True),
    Column("run", String(64), nullable=False),
    Column("used", Boolean, nullable=False),
)
"""Every order that a run listed, with the first such run, and whether it was used unknown to the ledger."""

WAIT = 30
"""Seconds to wait for another process that writes to an SQLite ledger."""

REACH = 10
"""Seconds to wait for a database server."""


class Database:
    """A ledger that stays, and that several runs may share.

    ``url`` is an SQLAlchemy URL (SQLite or PostgreSQL). Raises SettingsError if it cannot be opened; its methods
    raise TargetError if it is lost later.
    """

    def __init__(self, url: str, target: str, run: str) -> None:
        self._target, self.run = target, run
        self._engine = _engine(url)
        self._lock = RLock()

    def lease(self, group: str, candidates: Sequence[str], limit: int) -> str | None:
        """Lease the first of the candidates that nobody has leased."""
        while True:
            with self._using():
                free = self.free(candidates)
                leased = self.leased(group)
                if not free or leased >= limit:
                    return None
                if self._claim(group, free[0], leased):
                    return free[0]

    def leased(self, group: str) -> int:
        """Return how many orders of a group this run has leased."""
        row = _LEASES.c
        mine = select(func.count()).where(
            row.target == self._target, row.run == self.run, row.order_group == group
        )
        with self._using(), self._engine.connect() as connection:
            return connection.scalar(mine) or 0

    def free(self, candidates: Sequence[str]) -> list[str]:
        """Return the candidates that nobody has leased."""
        with self._using(), self._engine.connect() as connection:
            taken = set(connection.scalars(select(_LEASES.c.order_id).where(_LEASES.c.target == self._target)))
        return [order for order in candidates if order not in taken]

    def register(self, orders: Sequence[str]) -> None:
        """Note that this run lists orders, unless an earlier one did."""
        row = _ORDERS.c
        with self._using():
            with self._engine.connect() as connection:
                known = set(connection.scalars(select(row.order_id).where(row.target == self._target)))
            for order in dict.fromkeys(orders):
                if order not in known:
                    self._register(order)

    def _register(self, order: str) -> None:
        new = {"target": self._target, "order_id": order, "run": self.run, "used": False}
        with suppress(IntegrityError), self._engine.begin() as connection:
            connection.execute(_ORDERS.insert().values(**new))

    def mark_used(self, order: str) -> None:
        """Note that an order was used by something that the ledger does not know of."""
        mine = (_ORDERS.c.target == self._target) & (_ORDERS.c.order_id == order)
        with self._using(), self._engine.begin() as connection:
            connection.execute(_ORDERS.update().where(mine).values(used=True))

    def knows(self, orders: Sequence[str]) -> bool:
        """Whether earlier runs listed all of these orders, and none listed with them was used unknown to it."""
        row = _ORDERS.c
        with self._using(), self._engine.connect() as connection:
            rows = connection.execute(select(row.order_id, row.run, row.used).where(row.target == self._target))
            known = {order: (run, used) for order, run, used in rows}
        doubted = {self.run, *(run for run, used in known.values() if used)}
        return all(order in known and known[order][0] not in doubted for order in orders)

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Use the database, one thread at a time: in memory there is but one connection, and one transaction."""
        try:
            with self._lock:
                yield
        except SQLAlchemyError as problem:
            remedy = "See that the database is there and in order, and run again."
            raise TargetError("orders.ledger", f"cannot be used ({_reason(problem)})", remedy) from problem

    def _claim(self, group: str, order: str, place: int) -> bool:
        """Claim an order as the run's lease number ``place``; false if someone else was quicker with either."""
        row = {"target": self._target, "order_id": order, "order_group": group, "run": self.run, "place": place}
        try:
            with self._engine.begin() as connection:
                connection.execute(_LEASES.insert().values(**row, leased_at=datetime.now(UTC)))
        except IntegrityError:
            return False
        return True


def _engine(url: str) -> Engine:
    what, remedy = (
        "orders.ledger",
        "Write it like sqlite:////path/ledger.sqlite or postgresql+psycopg://host/name.",
    )
    try:
        known = make_url(url)
        engine = create_engine(known, **_options(known))
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as problem:
        raise SettingsError(what, f"is no database URL ({problem})", remedy) from problem
    try:
        _create_tables(engine)
    except (SQLAlchemyError, ValueError) as problem:
        engine.dispose()
        raise SettingsError(what, f"cannot be opened ({_reason(problem)})", remedy) from problem
    return engine


def _create_tables(engine: Engine) -> None:
    """Create each table unless it is there, also where other processes do so at this moment."""
    for table in _METADATA.sorted_tables:
        creation = CreateTable(table, if_not_exists=True)
        try:
            with engine.begin() as connection:
                connection.execute(creation)
        except DatabaseError:  # PostgreSQL may find too late that another process was quicker: then it is there
            with engine.begin() as connection:
                connection.execute(creation)


def _reason(problem: Exception) -> str:
    return str(problem.__cause__ or problem).splitlines()[0]


def _options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() != "sqlite":
        return {"connect_args": {"connect_timeout": REACH}}
    options: dict[str, Any] = {"connect_args": {"timeout": WAIT, "check_same_thread": False}}
    if not url.database or url.database == ":memory:":
        options["poolclass"] = StaticPool
    return options
