"""The control API under /_mock: make orders, move refund requests along, read back, rehearse failures.

It is for tests of clients, and has no authorization: it belongs on loopback.
"""

import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock.admin import STATES, UNKNOWN, UpkeepError
from refund_conformance.mock.control_isolation import IsolationControl
from refund_conformance.mock.control_request import WishError, check_access, nothing_else, order_id, read_wish
from refund_conformance.mock.control_scripts import ScriptControl
from refund_conformance.mock.control_wishes import (
    refuse_several_workers,
    shown_settings,
    take_life,
    take_orders,
    take_settings,
)
from refund_conformance.mock.factory import Mock
from refund_conformance.mock.journal_query import select_entries
from refund_conformance.mock.samples import PASSWORDS
from refund_conformance.mock.settings import is_loopback
from refund_conformance.mock.tables import Progress
from refund_conformance.mock.tokens import TokenRefusedError

PREFIX = "/_mock"
_THREADS = 8

Handler = Callable[[dict[str, Any], Request], object]


class Control:
    """Answers the control API of one mock. Its handlers run in threads, so that none keeps the others waiting."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self.scripts = ScriptControl(mock)
        self.isolation = IsolationControl(mock)
        self._beyond_loopback = not is_loopback(mock.settings.host)
        self._changing = threading.Lock()
        self._limiter: CapacityLimiter | None = None

    def routes(self) -> list[Route]:
        """Return the routes of the API."""
        handlers: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "", self.overview),
            ("POST", "/reset", self.reset),
            ("POST", "/orders", self.make),
            ("GET", "/orders/{order}", self.tell),
            ("POST", "/orders/{order}/advance", self.advance),
            ("POST", "/states", self.state),
            ("POST", "/tokens", self.token),
            ("POST", "/tokens/revoke", self.revoke),
            ("POST", "/keys/rotate", self.rotate),
            ("GET", "/settings", self.settings),
            ("PUT", "/settings", self.change),
            ("GET", "/requests", self.requests),
            ("DELETE", "/requests", self.forget),
            *self.scripts.handlers(),
            *self.isolation.handlers(),
        )
        return [
            Route(PREFIX + path, self._handled(handler), methods=[method]) for method, path, handler in handlers
        ]

    def overview(self, wish: dict[str, Any], request: Request) -> object:
        """Tell what there is: settings, sample orders, states, and orders for rehearsal."""
        return {
            "settings": self.settings(wish, request),
            "samples": {name: [str(id_) for id_ in ids[:10]] for name, ids in self.mock.samples.groups.items()},
            "states": [*STATES, UNKNOWN],
            "rehearsal": {str(code): str(id_) for code, id_ in self.mock.rehearsal.items()},
            "paths": sorted({route.path for route in self.routes()}),
        }

    def reset(self, wish: dict[str, Any], request: Request) -> object:
        """Put orders and settings back to how they were at the start, and forget the rest.

        That is requests, scripts and revoked tokens. Tenants are left alone.
        """
        nothing_else(wish)
        mock = self.mock
        with self._changing:
            mock.upkeep.reset()
            mock.pace.delay, mock.pace.rate = mock.settings.delay, mock.settings.rate_limit
            mock.serve_with(mock.settings)
            mock.journal.clear()
            mock.scripts.clear()
            mock.tokens.forgive()
        return {"orders": len(mock.samples.orders)}

    def make(self, wish: dict[str, Any], request: Request) -> object:
        """Make ``count`` orders in a ``state``."""
        count, state = take_orders(wish)
        return {"orders": [str(id_) for id_ in self.mock.upkeep.make(state, count)]}

    def state(self, wish: dict[str, Any], request: Request) -> object:
        """Bring about a provider state, as consumer tests ask for it: orders of a state, made afresh."""
        # Tools send more than they need, such as the consumer's name and parameters.
        known: dict[str, Any] = {name: wish[name] for name in ("state", "count") if name in wish}
        parameters = wish.get("params")
        if isinstance(parameters, dict) and "count" in parameters:
            known.setdefault("count", parameters["count"])
        return self.make(known, request)

    def tell(self, wish: dict[str, Any], request: Request) -> object:
        """Tell an order, with what was received for it."""
        return self.mock.upkeep.tell(order_id(request))

    def advance(self, wish: dict[str, Any], request: Request) -> object:
        """Move an order's refund request along: ``to`` processing, completed in an ``extent``, or refused."""
        to, extent = wish.pop("to", None), wish.pop("extent", "part")
        nothing_else(wish)
        if to is not None and (not isinstance(to, str) or to not in set(Progress)):
            raise WishError(f"to must be one of {', '.join(Progress)}")
        if extent not in ("full", "part"):
            raise WishError("extent must be full or part")
        order = order_id(request)
        self.mock.upkeep.advance(order, None if to is None else Progress(to), extent)
        return self.mock.upkeep.tell(order)

    def token(self, wish: dict[str, Any], request: Request) -> object:
        """Issue a token for a ``user`` that lives for ``seconds``; fewer than none make an expired one."""
        user, seconds = wish.pop("user", "merchant"), take_life(wish)
        nothing_else(wish)
        if not isinstance(user, str) or user not in PASSWORDS:
            raise WishError(f"user must be one of {', '.join(PASSWORDS)}")
        return {"token": self.mock.tokens.issue(user, seconds)}

    def revoke(self, wish: dict[str, Any], request: Request) -> object:
        """Refuse a ``token`` from now on, and no other."""
        refuse_several_workers(self.mock.settings, "revoked tokens are")
        token = wish.pop("token", None)
        nothing_else(wish)
        if not isinstance(token, str):
            raise WishError("token must be text")
        try:
            self.mock.tokens.revoke(token)
        except TokenRefusedError as problem:
            raise WishError(f"the token is refused anyway: {problem.reason}") from None
        return {"revoked": True}

    def rotate(self, wish: dict[str, Any], request: Request) -> object:
        """Sign with a new key from now on."""
        nothing_else(wish)
        return {"kid": self.mock.tokens.keys.rotate().id}

    def settings(self, wish: dict[str, Any], request: Request) -> object:
        """Tell what can be changed, and how it is."""
        return shown_settings(self.mock.pace, self.mock.current)

    def change(self, wish: dict[str, Any], request: Request) -> object:
        """Change some settings: ``delay``, ``rate_limit``, ``faults``, ``variants``, ``answers``."""
        refuse_several_workers(self.mock.settings, "settings are")
        mock = self.mock
        with self._changing:
            pace, chosen = take_settings(wish, mock.pace, mock.current)
            if chosen != mock.current:
                # First the rules, which a new fault may drop again.
                mock.upkeep.restore_rules()
                mock.serve_with(chosen)
            mock.pace.delay, mock.pace.rate = pace.delay, pace.rate
        return self.settings(wish, request)

    def requests(self, wish: dict[str, Any], request: Request) -> object:
        """Tell the latest requests: what was received, which check refused it, and why; the query chooses some."""
        refuse_several_workers(self.mock.settings, "the journal is")
        return {"requests": select_entries(self.mock.journal.entries(), request.query_params)}

    def forget(self, wish: dict[str, Any], request: Request) -> object:
        """Forget the requests."""
        refuse_several_workers(self.mock.settings, "the journal is")
        self.mock.journal.clear()
        return {"requests": []}

    def _handled(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            # Of their own, so that those that wait for the database leave the others' threads alone.
            self._limiter = self._limiter or CapacityLimiter(_THREADS)
            try:
                check_access(request, self._beyond_loopback)
                wish = await read_wish(request)
                if isinstance(wish, list) and request.url.path.endswith("/script"):
                    wish = {"steps": wish}
                if not isinstance(wish, dict):
                    raise WishError("the body is no JSON object")
                return _json(await to_thread.run_sync(handler, wish, request, limiter=self._limiter))
            except WishError as problem:
                return _json({"error": str(problem)}, problem.status)
            except UpkeepError as problem:
                return _json({"error": str(problem)}, 400)
            except UsageError as problem:
                return _json({"error": f"{problem.what}: {problem.why}"}, 400)

        return handle


def _json(document: object, status: int = 200) -> Response:
    # Escapes, because what was received may have half of a surrogate pair.
    return Response(json.dumps(document), status, media_type="application/json")
