"""The control API under /_mock: make orders, move refund requests along, read back, rehearse bad days.

It is for tests of clients, and has no authorization: it belongs on loopback.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock.admin import STATES, UNKNOWN, UpkeepError
from refund_conformance.mock.factory import Mock
from refund_conformance.mock.samples import PASSWORDS
from refund_conformance.mock.tables import Progress

PREFIX = "/_mock"
MOST_ORDERS = 10_000
"""Orders that one request may make."""

_LONGEST_BODY = 64 * 1024

Handler = Callable[[dict[str, Any], Request], object]


class WishError(Exception):
    """A request to the control API that makes no sense; the argument says why."""


class Control:
    """Answers the control API of one mock."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock

    def routes(self) -> list[Route]:
        """Return the routes of the API."""
        handlers: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "", self.overview),
            ("POST", "/reset", self.reset),
            ("POST", "/orders", self.make),
            ("GET", "/orders/{order:int}", self.tell),
            ("POST", "/orders/{order:int}/advance", self.advance),
            ("POST", "/states", self.state),
            ("POST", "/tokens", self.token),
            ("POST", "/keys/rotate", self.rotate),
            ("GET", "/settings", self.settings),
            ("PUT", "/settings", self.change),
            ("GET", "/requests", self.requests),
            ("DELETE", "/requests", self.forget),
        )
        return [Route(PREFIX + path, _handled(handler), methods=[method]) for method, path, handler in handlers]

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
        """Put orders and settings back to how they were at the start, and forget the requests."""
        mock = self.mock
        mock.pace.delay, mock.pace.rate = mock.settings.delay, mock.settings.rate_limit
        mock.upkeep.reset()
        mock.serve_with(mock.settings)
        mock.journal.clear()
        return {"orders": len(mock.samples.orders)}

    def make(self, wish: dict[str, Any], request: Request) -> object:
        """Make ``count`` orders in a ``state``."""
        number = wish.pop("count", 1)
        state = wish.pop("state", "refundable")
        _nothing_else(wish)
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_ORDERS:
            raise WishError(f"count must be a whole number from 1 to {MOST_ORDERS}")
        if not isinstance(state, str):
            raise WishError("state must be text")
        return {"orders": [str(id_) for id_ in self.mock.upkeep.make(state, number)]}

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
        return self.mock.upkeep.tell(request.path_params["order"])

    def advance(self, wish: dict[str, Any], request: Request) -> object:
        """Move an order's refund request along: ``to`` processing, completed in an ``extent``, or refused."""
        to, extent = wish.pop("to", None), wish.pop("extent", "part")
        _nothing_else(wish)
        if to is not None and (not isinstance(to, str) or to not in set(Progress)):
            raise WishError(f"to must be one of {', '.join(Progress)}")
        if extent not in ("full", "part"):
            raise WishError("extent must be full or part")
        order = request.path_params["order"]
        self.mock.upkeep.advance(order, None if to is None else Progress(to), extent)
        return self.mock.upkeep.tell(order)

    def token(self, wish: dict[str, Any], request: Request) -> object:
        """Issue a token for a ``user`` that lives for ``seconds``; fewer than none make an expired one."""
        user, seconds = wish.pop("user", "merchant"), wish.pop("seconds", None)
        _nothing_else(wish)
        if not isinstance(user, str) or user not in PASSWORDS:
            raise WishError(f"user must be one of {', '.join(PASSWORDS)}")
        if seconds is not None and (not isinstance(seconds, int | float) or not abs(seconds) < 1e9):
            raise WishError("seconds must be a number")
        return {"token": self.mock.tokens.issue(user, seconds)}

    def rotate(self, wish: dict[str, Any], request: Request) -> object:
        """Sign with a new key from now on."""
        return {"kid": self.mock.tokens.keys.rotate().id}

    def settings(self, wish: dict[str, Any], request: Request) -> object:
        """Tell what can be changed, and how it is."""
        pace = self.mock.pace
        return {
            "delay": pace.delay,
            "rate_limit": pace.rate,
            "faults": list(self.mock.current.faults),
            "variants": list(self.mock.current.variants),
            "answers": dict(self.mock.current.answers),
        }

    def change(self, wish: dict[str, Any], request: Request) -> object:
        """Change some settings: ``delay``, ``rate_limit``, ``faults``, ``variants``, ``answers``."""
        self.refuse_several_workers("settings are")
        mock, current = self.mock, self.mock.current
        delay, rate = wish.pop("delay", mock.pace.delay), wish.pop("rate_limit", mock.pace.rate)
        chosen = replace(
            current,
            faults=_names(wish.pop("faults", current.faults), "faults"),
            variants=_names(wish.pop("variants", current.variants), "variants"),
            answers=_answers(wish.pop("answers", current.answers)),
        )
        _nothing_else(wish)
        if not _is_number(delay) or not 0 <= delay <= 600:
            raise WishError("delay must be a number of seconds from 0 to 600")
        if rate is not None and (not _is_number(rate) or not rate > 0):
            raise WishError("rate_limit must be a number of requests a second above 0, or null")
        if chosen != current:
            # First the rules, which a new fault may drop again.
            mock.upkeep.restore_rules()
            mock.serve_with(chosen)
        mock.pace.delay, mock.pace.rate = delay, rate
        return self.settings(wish, request)

    def requests(self, wish: dict[str, Any], request: Request) -> object:
        """Tell the latest requests: what was received, which check refused it, and why."""
        self.refuse_several_workers("the journal is")
        return {"requests": self.mock.journal.entries()}

    def forget(self, wish: dict[str, Any], request: Request) -> object:
        """Forget the requests."""
        self.refuse_several_workers("the journal is")
        self.mock.journal.clear()
        return {"requests": []}

    def refuse_several_workers(self, what: str) -> None:
        """Refuse what lives in the memory of a process, where the next request may go to another."""
        workers = self.mock.settings.workers
        if workers > 1:
            raise WishError(f"{what} kept by each process, and there are {workers}: serve with one worker")


def _handled(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        try:
            return _json(handler(await _wish(request), request))
        except (WishError, UpkeepError) as problem:
            return _json({"error": str(problem)}, 400)
        except UsageError as problem:
            return _json({"error": f"{problem.what}: {problem.why}"}, 400)

    return handle


def _json(document: object, status: int = 200) -> Response:
    # Escapes, because what was received may have half of a surrogate pair.
    return Response(json.dumps(document), status, media_type="application/json")


async def _wish(request: Request) -> dict[str, Any]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise WishError(f"more than {_LONGEST_BODY} bytes")
    if not body:
        return {}
    try:
        wish = json.loads(body)
    except (ValueError, RecursionError):
        raise WishError("the body is no JSON") from None
    if not isinstance(wish, dict):
        raise WishError("the body is no JSON object")
    return wish


def _nothing_else(wish: dict[str, Any]) -> None:
    if wish:
        raise WishError(f"there is no {', '.join(map(repr, wish))} here")


def _names(value: object, what: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise WishError(f"{what} must be a list of names")
    return tuple(value)


def _answers(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise WishError("answers must be an object of question and answer")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
