"""The tables of the store, and what a row of each means."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Status(StrEnum):
    """Status of an order."""

    NOT_PAID = "not paid"
    PAID = "paid"
    DELETED = "deleted"
    TERMINATED = "terminated"


class Progress(StrEnum):
    """How far a refund request has come."""

    NEW = "new"
    PROCESSING = "processing"
    COMPLETED = "completed"
    REFUSED = "refused"


OPEN = frozenset({Progress.NEW, Progress.PROCESSING})
"""Progress of a refund request that excludes another one for its order."""


@dataclass(frozen=True)
class User:
    """Somebody with a login. ``configured`` is whether the platform can tell the account's settings."""

    name: str
    password: str
    merchant: int
    configured: bool = True


@dataclass(frozen=True)
class Order:
    """An order with its price in cents; ``refund`` is the progress of its refund request, if it has one.

    Where there were several it is the last one's; ``open_refund`` tells whether any of them is open.
    """

    id: int
    merchant: int
    status: Status = Status.PAID
    price: int = 4990
    refund: Progress | None = None

    @property
    def open_refund(self) -> bool:
        """Whether a refund request stands in the way of another."""
        return self.refund in OPEN


def kept(text: str | None) -> str | None:
    """Return text as a column of `AnyText` keeps it."""
    return None if text is None else json.dumps(text)


class AnyText(TypeDecorator[str]):
    """Text of any characters, kept as the JSON escapes of its code units.

    Neither database can store half of a surrogate pair, and PostgreSQL cannot store NUL, while a description
    may have both.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape on the way in."""
        return kept(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """Unescape on the way out."""
        return None if value is None else str(json.loads(value))


metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("password", String(200), nullable=False),
    Column("merchant", Integer, nullable=False),
    Column("configured", Boolean, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("merchant", Integer, nullable=False),
    Column("status", String(12), nullable=False),
    Column("price", Integer, nullable=False),
    Index("orders_of_merchant", "merchant", "status"),
)

refund_requests = Table(
    "refund_requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_id", BigInteger, ForeignKey(orders.c.id), nullable=False),
    Column("email", AnyText, nullable=False),
    Column("description", AnyText),
    Column("progress", String(12), nullable=False),
    Column("created_at", Float, nullable=False),
    Index("refund_requests_of_order", "order_id"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("pem", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("next", BigInteger, nullable=False),
)
"""The numbers that come next. They only grow: what has been taken is never given again."""

IS_OPEN = text("progress IN ('new', 'processing')")
"""The condition that a refund request is open, in the words of the index, so that the index serves it."""

one_open_request = Index(
    "one_open_refund_request",
    refund_requests.c.order_id,
    unique=True,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)
"""The rule that an order has at most one open refund request, kept by the database."""
