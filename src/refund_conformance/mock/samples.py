"""The users and orders that a fresh mock holds. Their ids are stable: one range for each group of orders."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock.passwords import hashed
from refund_conformance.mock.tables import Order, Progress, Status, User

OURS, THEIRS = 1, 2
"""Numbers of the merchant whom the samples serve and of another one."""


MERCHANT, OTHER_MERCHANT, UNCONFIGURED = "merchant", "other-merchant", "unconfigured"
PASSWORDS: Mapping[str, str] = {
    MERCHANT: "merchant-password",
    OTHER_MERCHANT: "other-password",
    UNCONFIGURED: "unconfigured-password",
}
"""The sample users' passwords, which anybody may know."""

FIRST_REFUNDABLE = 730001
MOST_REFUNDABLE = 200_000
_UNKNOWN = tuple(range(990001, 990009))


@dataclass(frozen=True)
class Samples:
    """Users, orders, and the ids of each group as target settings name the groups."""

    users: tuple[User, ...]
    orders: tuple[Order, ...]
    groups: Mapping[str, tuple[int, ...]]


def samples(refundable: int) -> Samples:
    """Return the samples with that many refundable orders."""
    if not 0 <= refundable <= MOST_REFUNDABLE:
        raise UsageError(f"{refundable} refundable orders", "is out of range", f"At most {MOST_REFUNDABLE}.")
    groups = {
        "refundable": tuple(
            # A few cost less than one whole unit: above zero all the same.
            Order(FIRST_REFUNDABLE + number, OURS, price=49 if number % 5 == 4 else 4990)
            for number in range(refundable)
        ),
        "not_paid": (
            *(Order(610001 + number, OURS, Status.NOT_PAID) for number in range(11)),
            Order(610012, OURS, Status.DELETED),
        ),
        "zero_price": tuple(Order(620001 + number, OURS, price=0) for number in range(8)),
        "refund_new": tuple(Order(630001 + number, OURS, refund=Progress.NEW) for number in range(8)),
        "refund_processing": tuple(
            Order(640001 + number, OURS, refund=Progress.PROCESSING) for number in range(8)
        ),
        "refund_finished": tuple(
            Order(650001 + number, OURS, refund=(Progress.COMPLETED, Progress.REFUSED)[number % 2])
            for number in range(16)
        ),
        "foreign": tuple(Order(660001 + number, THEIRS) for number in range(8)),
    }
    return Samples(
        users=_users(),
        orders=tuple(order for group in groups.values() for order in group),
        groups={**{name: tuple(row.id for row in rows) for name, rows in groups.items()}, "unknown": _UNKNOWN},
    )


@cache
def _users() -> tuple[User, ...]:
    return (
        User(MERCHANT, hashed(PASSWORDS[MERCHANT]), OURS),
        User(OTHER_MERCHANT, hashed(PASSWORDS[OTHER_MERCHANT]), THEIRS),
        # The same merchant's sight of orders: a server that forgets to ask for the configuration answers 200.
        User(UNCONFIGURED, hashed(PASSWORDS[UNCONFIGURED]), OURS, configured=False),
    )
