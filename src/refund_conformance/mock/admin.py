"""What the control API does to the store: make orders, move refund requests along, read back, start afresh."""

import secrets
import time
from dataclasses import replace
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from refund_conformance.mock.passwords import hashed
from refund_conformance.mock.samples import OURS, THEIRS, Samples
from refund_conformance.mock.store import NOT_RECEIVED, ORDER_IDS, TENANTS, Store, add_orders, take_numbers
from refund_conformance.mock.tables import (
    OPEN,
    Order,
    Progress,
    Status,
    User,
    one_open_request,
    orders,
    refund_requests,
    users,
)

Extent = Literal["full", "part"]

STATES: dict[str, Order] = {
    "refundable": Order(0, OURS),
    "not_paid": Order(0, OURS, Status.NOT_PAID),
    "deleted": Order(0, OURS, Status.DELETED),
    "zero_price": Order(0, OURS, price=0),
    "refund_new": Order(0, OURS, refund=Progress.NEW),
    "refund_processing": Order(0, OURS, refund=Progress.PROCESSING),
    "refund_finished": Order(0, OURS, refund=Progress.COMPLETED),
    "refund_refused": Order(0, OURS, refund=Progress.REFUSED),
    "foreign": Order(0, THEIRS),
}
"""An order of each state that can be asked for. Besides, ``unknown`` asks for ids that have no order."""

UNKNOWN = "unknown"

NEXT: dict[Progress, tuple[Progress, ...]] = {
    Progress.NEW: (Progress.PROCESSING, Progress.COMPLETED, Progress.REFUSED),
    Progress.PROCESSING: (Progress.COMPLETED, Progress.REFUSED),
}
"""What may come after each open progress."""


class UpkeepError(Exception):
    """A wish that cannot be met; the argument says why."""


class Upkeep:
    """Changes a store as its samples and states have it."""

    def __init__(self, store: Store, samples: Samples) -> None:
        self._store = store
        self._samples = samples

    def make(self, state: str, number: int, merchant: int = OURS) -> list[int]:
        """Make orders in a state and return their ids; for ``unknown``, ids that never get an order.

        No id is given twice, not even after a reset.
        """
        if state != UNKNOWN and state not in STATES:
            raise UpkeepError(f"no state {state!r}; there are {', '.join([*STATES, UNKNOWN])}")
        with self._store.writing() as connection:
            first = take_numbers(connection, ORDER_IDS, number)
            ids = list(range(first, first + number))
            if state != UNKNOWN:
                like = STATES[state]
                owner = merchant if like.merchant == OURS else like.merchant
                add_orders(connection, [replace(like, id=id_, merchant=owner) for id_ in ids])
        return ids

    def add_merchant(self) -> tuple[str, int]:
        """Make a merchant with one user, who has no password; return the user's name and the merchant's number."""
        with self._store.writing() as connection:
            merchant = take_numbers(connection, TENANTS, 1)
            user = User(f"tenant-{merchant}", hashed(secrets.token_hex()), merchant)
            connection.execute(insert(users), [vars(user)])
        return user.name, merchant

    def remove_user(self, name: str) -> None:
        """Take a user away; the orders stay, and so do their ids."""
        with self._store.writing() as connection:
            connection.execute(delete(users).where(users.c.name == name))

    def advance(self, order: int, to: Progress | None = None, extent: Extent = "part") -> Progress:
        """Move an order's open refund request along; without ``to``, to what usually comes next.

        A request completed in full makes its order deleted; one completed in part leaves it paid.
        """
        with self._store.writing() as connection:
            # The order first, as creation locks it: the two never wait for each other crosswise.
            found = connection.scalar(select(orders.c.id).where(orders.c.id == order).with_for_update())
            request = _open_request(connection, order)
            if found is None or request is None:
                raise UpkeepError(f"order {order} has no open refund request")
            id_, progress = request
            to = to or NEXT[progress][0]
            if to not in NEXT[progress]:
                raise UpkeepError(f"a refund request that is {progress} cannot become {to}")
            connection.execute(
                update(refund_requests).where(refund_requests.c.id == id_).values(progress=to.value)
            )
            if to is Progress.COMPLETED and extent == "full":
                connection.execute(update(orders).where(orders.c.id == order).values(status=Status.DELETED.value))
        return to

    def tell(self, order: int) -> dict[str, Any]:
        """Return an order with the refund requests that were received for it."""
        with self._store.reading() as connection:
            row = connection.execute(select(orders).where(orders.c.id == order)).mappings().first()
            query = (
                select(refund_requests).where(refund_requests.c.order_id == order).order_by(refund_requests.c.id)
            )
            requests = connection.execute(query).mappings().all()
        if row is None:
            raise UpkeepError(f"there is no order {order}")
        return {**row, "id": str(row["id"]), "refund_requests": [_request(request) for request in requests]}

    def accepted(self, order: int) -> int:
        """Return the number of refund requests that were received and accepted for an order."""
        received = (refund_requests.c.order_id == order) & (refund_requests.c.created_at != NOT_RECEIVED)
        with self._store.reading() as connection:
            return connection.scalar(select(func.count()).select_from(refund_requests).where(received)) or 0

    def reset(self) -> None:
        """Put the sample merchants' orders back to the samples, in one transaction; users and keys stay."""
        own = select(orders.c.id).where(orders.c.merchant.in_((OURS, THEIRS)))
        with self._store.writing() as connection:
            connection.execute(delete(refund_requests).where(refund_requests.c.order_id.in_(own)))
            connection.execute(delete(orders).where(orders.c.id.in_(own)))
            add_orders(connection, self._samples.orders)
            one_open_request.create(connection, checkfirst=True)

    def restore_rules(self) -> None:
        """Put back the rule of one open refund request, in case a fault has dropped it."""
        try:
            self._create_rule()
        except IntegrityError:
            first = select(func.min(refund_requests.c.id)).where(_IS_OPEN).group_by(refund_requests.c.order_id)
            surplus = update(refund_requests).where(_IS_OPEN, refund_requests.c.id.not_in(first))
            with self._store.writing() as connection:
                connection.execute(surplus.values(progress=Progress.REFUSED.value))
            self._create_rule()

    def _create_rule(self) -> None:
        with self._store.writing() as connection:
            one_open_request.create(connection, checkfirst=True)


_IS_OPEN = refund_requests.c.progress.in_(sorted(OPEN))


def _open_request(connection: Connection, order: int) -> tuple[int, Progress] | None:
    query = select(refund_requests.c.id, refund_requests.c.progress).where(
        refund_requests.c.order_id == order, _IS_OPEN
    )
    row = connection.execute(query).first()
    return (row.id, Progress(row.progress)) if row else None


def _request(row: Any) -> dict[str, Any]:
    at = row["created_at"]
    return {
        "email": row["email"],
        "description": row["description"],
        "progress": row["progress"],
        "received": None if at == NOT_RECEIVED else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
    }
