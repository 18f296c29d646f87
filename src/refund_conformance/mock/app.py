"""A mock as an ASGI application: the API's endpoints, keys, health, and the control API where it is wanted."""

from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from refund_conformance.contract.openapi import openapi
from refund_conformance.mock.availability import RETRY_SECONDS, Availability
from refund_conformance.mock.control import Control
from refund_conformance.mock.factory import Mock
from refund_conformance.mock.login import Login
from refund_conformance.mock.orders import SEARCH_PATH, OrderPages
from refund_conformance.mock.pacing import Pacing

JWKS_PATH = "/.well-known/jwks.json"
HEALTH_PATH = "/healthz"
OPENAPI_PATH = "/openapi.json"


def application(mock: Mock) -> ASGIApp:
    """Return the application that serves the mock.

    URLs that end like the refund endpoint's own go there straight away: looking through all others first takes
    longer than most answers.
    """
    pages = Pacing(OrderPages(mock.plain), mock.pace)
    refunds = Pacing(mock.serve, mock.pace)
    others = Starlette(
        routes=[
            Route(mock.contract.operation.login_path, Pacing(Login(mock.plain), mock.pace)),
            Route(SEARCH_PATH, pages, methods=["POST"]),
            Route("/v1/order/{order}", pages, methods=["GET"]),
            Route(JWKS_PATH, _keys(mock), methods=["GET"]),
            Route(HEALTH_PATH, _health(mock), methods=["GET"]),
            Route(OPENAPI_PATH, _description(mock), methods=["GET"]),
            *(Control(mock).routes() if mock.settings.has_control else ()),
            Mount("", refunds),
        ],
        exception_handlers={Exception: _failed},
        middleware=[Middleware(Availability, observe=mock.plain.observe)],
    )
    straight = ServerErrorMiddleware(Availability(refunds, mock.plain.observe), handler=_failed)
    ending = mock.contract.operation.path.partition("{order}")[2]

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        app = straight if scope["type"] == "http" and scope["path"].endswith(ending) else others
        await app(scope, receive, send)

    return serve


def _keys(mock: Mock) -> Callable[[Request], Response]:
    def keys(request: Request) -> Response:
        return JSONResponse({"keys": [key.jwk for key in mock.tokens.keys.all]})

    return keys


def _health(mock: Mock) -> Callable[[Request], Response]:
    def health(request: Request) -> Response:
        try:
            with mock.store.reading() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            status, headers = "the database does not answer", {"retry-after": str(RETRY_SECONDS)}
            return JSONResponse({"status": status}, 503, headers)
        return JSONResponse({"status": "ok"})

    return health


def _description(mock: Mock) -> Callable[[Request], Awaitable[Response]]:
    async def description(request: Request) -> Response:
        return JSONResponse(openapi(mock.contract))

    return description


async def _failed(request: Request, problem: Exception) -> Response:
    """Answer where the server itself failed; what failed is in the log, not in the answer."""
    return PlainTextResponse("Internal Server Error. Please try again later.\n", 500)
