"""The two statements that requests need: who calls about which order, and create a refund request.

Each answers many requests at once, which come as one JSON array of objects.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Executable,
    Float,
    Integer,
    Select,
    TableValuedAlias,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from refund_conformance.mock.tables import IS_OPEN, Progress, Status, orders, refund_requests, users

ROWS = "rows"
"""The parameter that takes the JSON array."""

_FOUND = (users, orders, refund_requests.c.progress)


def situation() -> Select[Any]:
    """Return the query for one ``user`` and ``order``, with the open refund request's progress."""
    joined = users.outerjoin(orders, orders.c.id == bindparam("order"))
    return (
        select(*_FOUND)
        .select_from(joined.outerjoin(refund_requests, (refund_requests.c.order_id == orders.c.id) & IS_OPEN))
        .where(users.c.name == bindparam("user"))
    )


def situations() -> Select[Any]:
    """Return the same query, for PostgreSQL, and for rows of ``number``, ``user`` and ``order``.

    The number comes first in what is found, and a row whose user there is not finds nothing.
    """
    rows = _recordset(number=Integer(), user=Text(), order=BigInteger())
    joined = rows.join(users, users.c.name == rows.c.user).outerjoin(orders, orders.c.id == rows.c.order)
    return select(rows.c.number, *_FOUND).select_from(
        joined.outerjoin(refund_requests, (refund_requests.c.order_id == orders.c.id) & IS_OPEN)
    )


def creation(is_sqlite: bool) -> Executable:
    """Return the statement that creates a refund request for each row whose order permits it.

    Rows have ``order``, ``email`` and ``description`` as the columns keep them, and ``now``. What is returned are
    the orders that got one.
    """
    types: dict[str, TypeEngine[Any]] = {
        "order": BigInteger(),
        "email": Text(),
        "description": Text(),
        "now": Float(),
    }
    rows = _each(types) if is_sqlite else dict(_recordset(**types).c)
    permitted = (
        select(orders.c.id, rows["email"], rows["description"], literal(Progress.NEW.value), rows["now"])
        .where(orders.c.id == rows["order"], orders.c.status == Status.PAID.value, orders.c.price > 0)
        # In one order everywhere, so that no two transactions wait for each other.
        .order_by(orders.c.id)
        # Completing a refund request in full changes its order: PostgreSQL must not read the order before and
        # write the new request after. SQLite has one writer anyway.
        .with_for_update(read=True, of=orders)
    )
    names = ["order_id", "email", "description", "progress", "created_at"]
    insert_into = sqlite.insert if is_sqlite else postgresql.insert
    statement = insert_into(refund_requests).from_select(names, permitted).on_conflict_do_nothing()
    return statement.returning(refund_requests.c.order_id)


def _each(types: Mapping[str, TypeEngine[Any]]) -> dict[str, ColumnElement[Any]]:
    value = func.json_each(bindparam(ROWS, type_=Text())).table_valued("value").c.value
    return {name: func.json_extract(value, f"$.{name}", type_=type_) for name, type_ in types.items()}


def _recordset(**types: TypeEngine[Any]) -> TableValuedAlias:
    columns = [column(name, type_) for name, type_ in types.items()]
    given = cast(bindparam(ROWS, type_=Text()), JSON())
    return func.json_to_recordset(given).table_valued(*columns).render_derived(with_types=True)
