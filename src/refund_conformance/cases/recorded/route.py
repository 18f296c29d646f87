"""Which recorded requests are to the operation's URL, and what can be wrong with their order id."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from refund_conformance.cases.payloads.paths import LONGEST_ID, is_cleaned, is_undecided
from refund_conformance.cases.requests import OTHER_METHODS
from refund_conformance.contract.model import VALID, Contract

LONGEST_HEAD = 4000
"""Characters of a URL and its header fields up to which no front has a reason to refuse them by themselves."""

ODD_NUMBER = 2**31
"""A number from which on a target may know without looking that no order has it."""

BEYOND = 2**64
"""A number from which on no order can have it."""


@dataclass(frozen=True)
class Place:
    """Where a request goes: what stands before the operation's path, and the id in it, decoded."""

    prefix: str
    order: str


def place_of(contract: Contract, target: str, prefix: str | None = None) -> Place | None:
    """Return where a request target leads, None if that is not the operation's URL.

    Without ``prefix`` anything may stand before the operation's path: a version, a proxy's own folder.
    """
    before, _, after = contract.operation.path.partition("{order}")
    path = re.split("[?#]", target, maxsplit=1)[0]
    match = re.fullmatch(f"(.*){re.escape(before)}([^/]*){re.escape(after)}", path, re.DOTALL)
    if match is None or (prefix is not None and match[1] != prefix):
        return None
    return Place(match[1], unquote_to_bytes(match[2]).decode("utf-8", "replace"))


def is_login(contract: Contract, target: str) -> bool:
    """Whether a request target leads to the login operation."""
    return re.split("[?#]", target, maxsplit=1)[0].endswith(contract.operation.login_path)


def is_judged(contract: Contract, method: str) -> bool:
    """Whether a promise is made about a method: the operation's own, and those that create nothing."""
    return method == contract.operation.method or method in OTHER_METHODS


@dataclass(frozen=True)
class Part:
    """What can be wrong with one part of a request.

    ``value`` is how it looks; ``others`` are what it may be instead, for all that is known, and ``questions`` the
    open ones that it touches.
    """

    value: str
    others: tuple[str, ...] = ()
    questions: tuple[tuple[str, str], ...] = ()


def route(contract: Contract, method: str, place: Place, head: int, *, is_served: bool) -> Part:
    """Return what can be wrong with a request's method and URL.

    ``head`` is how many characters URL and header fields have; ``is_served`` says that the endpoint is known to
    answer under this prefix.
    """
    unknown = () if is_served else ("unknown-url",)
    asked = tuple(_asked(place.order, head))
    if method != contract.operation.method:
        return Part("other-method", ("unknown-url", *_ODD), asked)
    if re.fullmatch("[0-9]+", place.order) and place.order.strip("0"):
        number = int(place.order[:30])
        if number >= BEYOND:
            return Part("number-of-no-order", (*unknown, *_ODD), asked)
        is_odd = number >= ODD_NUMBER or place.order.startswith("0")  # 007 may well be order 7
        return Part(VALID["route"], (*unknown, *(_ODD if is_odd else ())), asked)
    if is_undecided(lambda _: place.order):
        return Part("number-of-no-order", (*unknown, *_ODD), asked)
    return Part("malformed-order-id", unknown, asked)


_ODD = ("malformed-order-id", "number-of-no-order")


def _asked(order: str, head: int) -> Iterator[tuple[str, str]]:
    if is_cleaned(lambda _: order):
        yield "path-cleaning", ""
    if len(order) > LONGEST_ID or head > LONGEST_HEAD:
        yield "oversized-request", ""
