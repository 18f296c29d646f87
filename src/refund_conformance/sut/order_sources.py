"""Where a run's orders come from: the settings' list, a hook of the target's owners, or the platform's search."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from refund_conformance import __version__
from refund_conformance.cases.orders import PICKS, REFUNDABLE_GROUPS
from refund_conformance.cases.payloads import headers
from refund_conformance.contract.errors import SettingsError, TargetError
from refund_conformance.contract.json_text import parse
from refund_conformance.contract.model import Contract, Operation
from refund_conformance.oracle.error_body import read
from refund_conformance.sut import safety
from refund_conformance.sut.client import Client
from refund_conformance.sut.ledger import open_ledger
from refund_conformance.sut.limits import limits_of
from refund_conformance.sut.profile import Profile
from refund_conformance.sut.settings import GROUPS, HOOK, LIST, SEARCH, Settings
from refund_conformance.sut.tokens import OWN, Tokens
from refund_conformance.transport.connection import Wire
from refund_conformance.transport.exchange import Exchange, Headers, Request
from refund_conformance.transport.redaction import Redactor
from refund_conformance.transport.retry import repeated, was_not_taken

ORDER_PATH = "/v1/order/{order}"
SEARCH_PATH = "/v1/order/search"
"""Two read-only operations of the platform (facts: "Orders")."""

SEARCHED = ("refundable", "not_paid", "zero_price", "refund_new", "refund_processing", "refund_finished")
"""Groups that the data of an order decide. They do not decide whose it is, or that there is none."""

LOOKS = 500
"""Orders that a search looks at, at most, to find refundable ones."""

SPARE = 30
"""Orders that it looks at, at most, to find those of any other state."""

PAID, NOT_PAID = "paid", "not paid"
OPEN = {"Refund request has been sent": "refund_new", "Refund info is being updated": "refund_processing"}
"""The additional status of an order with an open refund request, and the group that it makes."""

_ID = re.compile(r"[A-Za-z0-9._~-]{1,200}")


def with_orders(settings: Settings, contract: Contract, profile: Profile) -> Settings:
    """Return the settings with the orders that their source gives; groups that are listed stay as they are.

    Groups that the source cannot give stay unset. Raises TargetError if the source gives no answer that makes
    sense, and SettingsError if the hook is on a host that is denied.
    """
    missing = [group for group in offered(settings) if group not in settings.orders]
    counts = {group: wanted(group, settings, profile) for group in missing}
    if not any(counts.values()):
        return settings
    give = _hooked if settings.source == HOOK else _searched
    found = give(settings, contract, counts)
    fresh = settings.fresh or bool(found.get("refundable"))  # the source vouches for their state
    return replace(settings, orders={**settings.orders, **_distinct(settings, found)}, fresh=fresh)


def offered(settings: Settings) -> tuple[str, ...]:
    """Return the groups that the settings' source may give, besides those that are listed."""
    return {LIST: (), HOOK: GROUPS, SEARCH: SEARCHED}[settings.source]


def most_orders(settings: Settings, profile: Profile) -> int:
    """Return how many refundable orders a run may lease."""
    return limits_of(settings, profile).orders


def wanted(group: str, settings: Settings, profile: Profile) -> int:
    """Return how many orders of a group the source is asked for."""
    return most_orders(settings, profile) if group == "refundable" else len(PICKS)


def _distinct(settings: Settings, found: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Drop groups without an order. Raises TargetError if an order is in two groups."""
    owner = {order: group for group, orders in settings.orders.items() for order in orders}
    distinct = {group: tuple(dict.fromkeys(orders)) for group, orders in found.items()}
    for group, orders in distinct.items():
        for order in orders:
            if owner.setdefault(order, group) != group:
                raise TargetError(
                    f"orders.{settings.source}",
                    f"gave order {order} as {group}, which is {owner[order]} already",
                    "Let each order be in one state.",
                )
    return {group: orders for group, orders in distinct.items() if orders}


# -- the hook ---------------------------------------------------------------------------------------


def origin(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def check_hook(settings: Settings, operation: Operation) -> None:
    """Raise SettingsError if the hook is on a host that is denied."""
    try:
        there = replace(settings, base_url=origin(settings.hook or ""))
        safety.check(there, operation, allow_writes=True, read_only=False)
    except SettingsError as problem:
        raise SettingsError("orders.hook", f"its host {problem.why}", problem.remedy) from problem


def _hooked(settings: Settings, contract: Contract, wanted: Mapping[str, int]) -> dict[str, list[str]]:
    """Ask the hook for orders of each group. Only on the target's own host it is told our token."""
    check_hook(settings, contract.operation)
    url = settings.hook or ""
    parts = urlsplit(url)
    ours = origin(url) == origin(settings.base_url)
    token = Tokens(settings, contract.operation).get(OWN) if ours else ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    what = f"orders.hook {origin(url)}{parts.path}"
    found: dict[str, list[str]] = {}
    with closing(Wire(origin(url), settings.timeout, settings.proxy, settings.ca_bundle)) as wire:
        for group, count in wanted.items():
            body = json.dumps({"state": group, "count": count}).encode()
            request = Request("POST", target, _headers(settings, contract.operation, token, body), body)
            orders = _given(what, group, repeated(partial(wire.send, request), was_not_taken)) if count else []
            if orders is not None:
                found[group] = orders
    if not found:
        states = ", ".join(wanted)
        raise TargetError(what, f"knows none of the states {states}", "See that orders.hook is the right URL.")
    return found


def _given(what: str, group: str, exchange: Exchange) -> list[str] | None:
    """Return the orders that a hook gives; None if it does not know the group."""
    response = exchange.response
    if response is None:
        raise TargetError(what, f"gave no answer: {exchange.detail}", "See that it runs.")
    if response.status in (400, 404):
        return None
    if not 200 <= response.status < 300:
        raise TargetError(what, f"answered {response.status} for the state {group}", "Ask the hook's owners.")
    return _ids(what, response.body, "orders")


def _ids(what: str, body: bytes, member: str) -> list[str]:
    """Return the ids in a member of a JSON object. Raises TargetError if they are not there."""
    try:
        answer = parse(body)
    except ValueError:
        answer = None
    rows = answer.get(member) if isinstance(answer, dict) else None
    ids = [str(row) for row in rows if _is_id(row)] if isinstance(rows, list) else []
    if not isinstance(rows, list) or len(ids) < len(rows):
        raise TargetError(
            what, f'did not answer as {{"{member}": ["730001", …]}}', "Let it answer with a list of order ids."
        )
    return ids


def _is_id(row: object) -> bool:
    return isinstance(row, str | int) and not isinstance(row, bool) and bool(_ID.fullmatch(str(row)))


# -- the platform's own data ------------------------------------------------------------------------


@dataclass(frozen=True)
class OrderData:
    """What the platform tells of an order.

    ``price`` is None if that is not to be found. ``open`` is the group that an open refund request makes, "" if
    there is none. ``refunded`` tells whether there is refund data.
    """

    status: str
    price: Decimal | None
    open: str = ""
    refunded: bool = False

    def fits(self, group: str) -> bool | None:
        """Whether the order is in the state that a group promises; None if that cannot be decided."""
        if group == "not_paid":
            return self.status != PAID
        if self.status != PAID or group in OPEN.values():
            return self.status == PAID and self.open == group
        if self.open or self.price is None:
            return False if self.open else None
        return self.price == 0 if group == "zero_price" else self.price > 0

    @property
    def group(self) -> str | None:
        """The group that the order is of; None if that cannot be decided."""
        fitting = [group for group in SEARCHED if self.fits(group)]
        if "refundable" in fitting:
            return "refund_finished" if self.refunded else "refundable"
        return fitting[0] if fitting else None


class OrderPages:
    """Reads orders of a target, which has no effect."""

    def __init__(self, settings: Settings, operation: Operation, client: Client) -> None:
        self._settings = settings
        self._operation = operation
        self._client = client

    def get(self, order: str, credential: str = OWN) -> Exchange:
        """Ask for an order's data, with the token of that name in the settings."""
        target = ORDER_PATH.format(order=quote(order, safe=""))
        fields = _headers(self._settings, self._operation, self._client.tokens.get(credential))
        return self._client.send(Request("GET", target, fields, b""))

    def data(self, order: str) -> OrderData | None:
        """Return an order's data; None if the target does not tell them.

        Raises TargetError if it refuses our token.
        """
        exchange = self.get(order)
        _require_token(self._settings, exchange)
        response = exchange.response
        return order_data(response.body) if response and response.status == 200 else None

    def search(self, status: str) -> list[str]:
        """Return the ids of our orders of a status. Raises TargetError if the target does not tell them."""
        body = json.dumps({"status": status}).encode()
        fields = _headers(self._settings, self._operation, self._client.tokens.get(OWN), body)
        exchange = self._client.send(Request("POST", SEARCH_PATH, fields, body))
        _require_token(self._settings, exchange)
        what = f"search {self._settings.base_url}{SEARCH_PATH}"
        response = exchange.response
        if response is None or response.status != 200:
            said = f"was answered with {response.status}" if response else f"got no answer: {exchange.detail}"
            raise TargetError(what, said, 'List the orders, or have a hook give them (orders.source = "hook").')
        return _ids(what, response.body, "ids")


def order_data(body: bytes) -> OrderData | None:
    """Read an order's data; None if it is none."""
    try:
        data = parse(body)
    except ValueError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("status"), str):
        return None
    open_ = next((OPEN[text] for text in _texts(data) if text in OPEN), "")
    refunded = any(value for name, value in data.items() if name.startswith("refund"))
    return OrderData(data["status"], _price(data), open_, refunded)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value: the pages do not say which member holds the additional status."""
    rows = [value]
    while rows:
        row = rows.pop()
        if isinstance(row, str):
            yield row
        elif isinstance(row, dict | list):
            rows.extend(row.values() if isinstance(row, dict) else row)


def _price(data: Mapping[str, Any]) -> Decimal | None:
    """Return what an order's products cost together; None if one does not tell."""
    products = data.get("products", data.get("product"))
    rows = [products] if isinstance(products, dict) else products
    if not isinstance(rows, list) or not rows:
        return None
    prices = [_product_price(row) for row in rows]
    known = [price for price in prices if price is not None]
    return sum(known, Decimal()) if len(known) == len(prices) else None


def _product_price(product: object) -> Decimal | None:
    if not isinstance(product, dict):
        return None
    amount = _number(product.get("amount"))
    price, quantity = _number(product.get("price")), _number(product.get("quantity", 1))
    return amount if amount is not None or price is None or quantity is None else price * quantity


def _number(value: object) -> Decimal | None:
    """Return a number that stands as one or as text; None for anything else, and for one below zero."""
    text = str(value) if isinstance(value, int | float | str) else ""
    return Decimal(text) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text) else None


# -- the search -------------------------------------------------------------------------------------


def _searched(settings: Settings, contract: Contract, wanted: Mapping[str, int]) -> dict[str, list[str]]:
    """Search for paid orders and for unpaid ones, and look at them one by one until there are enough.

    Orders that the ledger has are no more refundable to us, but may show the state that we have left them in.
    """
    listed = {order for orders in settings.orders.values() for order in orders}
    with closing(client(settings, contract.operation)) as asking:
        pages = OrderPages(settings, contract.operation, asking)
        paid = [order for order in pages.search(PAID) if order not in listed]
        free = _free(settings, paid)
        known = set(free)
        used = [order for order in paid if order not in known]
        looking = _Look(pages, wanted)
        left = looking.look(free, ("refundable",), LOOKS)
        others = [group for group in wanted if group not in ("refundable", "not_paid")]
        looking.look(used, others, SPARE, usable=False)
        looking.look(left, others, SPARE)
        if wanted.get("not_paid"):
            unpaid = [order for order in pages.search(NOT_PAID) if order not in listed]
            looking.look(unpaid, ("not_paid",), SPARE)
    return looking.found


class _Look:
    """Looks at orders and sorts them into the groups that are wanted."""

    def __init__(self, pages: OrderPages, wanted: Mapping[str, int]) -> None:
        self._pages = pages
        self._wanted = wanted
        self._seen: set[str] = set()
        self.found: dict[str, list[str]] = {group: [] for group in wanted}

    def look(self, orders: list[str], groups: Iterable[str], most: int, *, usable: bool = True) -> list[str]:
        """Look at orders until the groups are full, at most at so many; return those not looked at.

        Orders that are not ``usable`` are not put into groups whose orders are used up.
        """
        filled = set(groups)
        for place, order in enumerate(orders):
            if place >= most or not any(map(self._lacks, filled)):
                return orders[place:]
            data = self._pages.data(order) if order not in self._seen else None
            self._seen.add(order)
            group = data.group if data else None
            if group and self._lacks(group) and (usable or group not in REFUNDABLE_GROUPS):
                self.found[group].append(order)
        return []

    def _lacks(self, group: str) -> bool:
        return len(self.found.get(group, ())) < self._wanted.get(group, 0)


def _free(settings: Settings, orders: list[str]) -> list[str]:
    if not settings.ledger or not orders:
        return orders
    with closing(open_ledger(settings.ledger, settings.base_url, "search")) as ledger:
        return ledger.free(orders)


# -- requests ---------------------------------------------------------------------------------------


def client(settings: Settings, operation: Operation) -> Client:
    """Return a client that keeps no record, for requests that have no effect."""
    return Client(settings, Tokens(settings, operation), Redactor(), lambda exchange: 0)


def _headers(settings: Settings, operation: Operation, token: str, body: bytes = b"") -> Headers:
    return (
        ("User-Agent", f"refund-conformance/{__version__}"),
        ("Accept", operation.media_type),
        *((("Content-Type", operation.media_type),) if body else ()),
        *(headers.bearer(settings.header, token) if token else ()),
    )


def _require_token(settings: Settings, exchange: Exchange) -> None:
    if exchange.response is not None and exchange.response.status == 401:
        codes = ", ".join(map(str, read(exchange.response).codes)) or "no code"
        raise TargetError(
            f"target {settings.base_url}",
            f"refuses our own token ({codes}) for {exchange.request.method} {exchange.request.target}",
            "Set auth.token to one that is valid.",
        )
