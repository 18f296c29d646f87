"""The part of the control API for tests that run side by side: tenants, and what a test wants to be sure of."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request

from refund_conformance.mock.admin import STATES, UNKNOWN
from refund_conformance.mock.control_request import WishError, id_of, nothing_else, whole
from refund_conformance.mock.control_wishes import (
    MOST_ORDERS,
    refuse_several_workers,
    shown_settings,
    take_life,
    take_orders,
    take_settings,
)
from refund_conformance.mock.factory import Mock
from refund_conformance.mock.journal_query import select_entries
from refund_conformance.mock.tenants import Tenant

MOST_TENANTS = 1000
"""Tenants that there may be at once."""

_HOUR = 60 * 60
_FIRST_ORDERS = {"refundable": 5}
_MOST_ACCEPTED = 1000


class IsolationControl:
    """Answers the requests about tenants, and the question how often an order was accepted."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self._changing = threading.Lock()

    def handlers(self) -> list[tuple[str, str, Callable[[dict[str, Any], Request], object]]]:
        """Return method, path and handler of each request."""
        one = "/tenants/{tenant}"
        return [
            ("POST", "/verify", self.verify),
            ("POST", "/tenants", self.add),
            ("DELETE", one, self.remove),
            ("POST", f"{one}/orders", self.make),
            ("POST", f"{one}/tokens", self.token),
            ("GET", f"{one}/settings", self.settings),
            ("PUT", f"{one}/settings", self.change),
            ("GET", f"{one}/requests", self.requests),
            ("DELETE", f"{one}/requests", self.forget),
        ]

    def verify(self, wish: dict[str, Any], request: Request) -> object:
        """Tell whether exactly ``accepted`` requests for an ``order`` were accepted.

        Without a number, it is one. If there were more or fewer, the answer is 409 and says how many.
        """
        order, wanted = id_of(wish.pop("order", None)), wish.pop("accepted", 1)
        nothing_else(wish)
        if wanted != 0 or isinstance(wanted, bool):
            wanted = whole(wanted, "accepted, if not 0,", _MOST_ACCEPTED)
        told = self.mock.upkeep.tell(order)
        found = self.mock.upkeep.accepted(order)
        if found != wanted:
            raise WishError(f"{found} requests for order {order} were accepted, not {wanted}", 409)
        return {"accepted": found, "order": told}

    def add(self, wish: dict[str, Any], request: Request) -> object:
        """Make a merchant of its own, with a token and ``orders``: a number for each state."""
        refuse_several_workers(self.mock.settings, "tenants are")
        wished = wish.pop("orders", _FIRST_ORDERS)
        nothing_else(wish)
        numbers = _numbers(wished)
        with self._changing:
            if len(self.mock.tenants) >= MOST_TENANTS:
                raise WishError(f"there are {MOST_TENANTS} tenants: remove some")
            tenant = self.mock.add_tenant()
        make = self.mock.upkeep.make
        return {
            "tenant": tenant.name,
            "token": self.mock.tokens.issue(tenant.name),
            "expired_token": self.mock.tokens.issue(tenant.name, -_HOUR),
            "orders": {
                state: [str(id_) for id_ in make(state, count, tenant.merchant)]
                for state, count in numbers.items()
            },
        }

    def remove(self, wish: dict[str, Any], request: Request) -> object:
        """Forget a tenant's settings and journal, and its user, whom its tokens then name in vain."""
        nothing_else(wish)
        with self._changing:
            tenant = self._tenant(request)
            self.mock.upkeep.remove_user(tenant.name)
            del self.mock.tenants[tenant.name]
        return {"tenant": tenant.name}

    def make(self, wish: dict[str, Any], request: Request) -> object:
        """Make ``count`` orders of the tenant in a ``state``."""
        tenant = self._tenant(request)
        count, state = take_orders(wish)
        return {"orders": [str(id_) for id_ in self.mock.upkeep.make(state, count, tenant.merchant)]}

    def token(self, wish: dict[str, Any], request: Request) -> object:
        """Issue a token of the tenant that lives for ``seconds``."""
        seconds = take_life(wish)
        nothing_else(wish)
        return {"token": self.mock.tokens.issue(self._tenant(request).name, seconds)}

    def settings(self, wish: dict[str, Any], request: Request) -> object:
        """Tell the tenant's settings."""
        tenant = self._tenant(request)
        return shown_settings(tenant.pace, tenant.current)

    def change(self, wish: dict[str, Any], request: Request) -> object:
        """Change some of the tenant's settings."""
        tenant = self._tenant(request)
        with self._changing:
            pace, chosen = take_settings(wish, tenant.pace, tenant.current)
            if chosen != tenant.current:
                tenant.endpoint = self.mock.endpoint_with(chosen, tenant.endpoint.observe)
                tenant.current = chosen
            tenant.pace.delay, tenant.pace.rate = pace.delay, pace.rate
        return self.settings(wish, request)

    def requests(self, wish: dict[str, Any], request: Request) -> object:
        """Tell the latest requests with the tenant's tokens; the query chooses some."""
        return {"requests": select_entries(self._tenant(request).journal.entries(), request.query_params)}

    def forget(self, wish: dict[str, Any], request: Request) -> object:
        """Forget the requests."""
        self._tenant(request).journal.clear()
        return {"requests": []}

    def _tenant(self, request: Request) -> Tenant:
        name = request.path_params["tenant"]
        tenant = self.mock.tenants.get(name)
        if tenant is None:
            raise WishError(f"there is no tenant {name!r}", 404)
        return tenant


def _numbers(wished: object) -> Mapping[str, int]:
    states = (*STATES, UNKNOWN)
    if not isinstance(wished, dict) or not set(wished) <= set(states):
        raise WishError(f"orders must be an object of numbers, with some of {', '.join(states)}")
    return {state: whole(count, state, MOST_ORDERS) for state, count in wished.items()}
