"""Answer 503 while the database does not serve."""

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from refund_conformance.mock.call import Answer
from refund_conformance.mock.database import is_trouble
from refund_conformance.mock.endpoint import Observer, received_of

RETRY_SECONDS = 1

_TEXT = b"The database does not answer. Please try again later.\n"
_LOGGER = logging.getLogger("refund_conformance.mock")


class Availability:
    """Passes requests on, and answers those for which the database failed."""

    def __init__(self, app: ASGIApp, observe: Observer) -> None:
        self.app = app
        self.observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            await self.app(scope, receive, send)
        except Exception as problem:
            if not is_trouble(problem):
                raise
            # No answer is begun before the database has said what it is.
            _LOGGER.warning("the database does not answer: %s", type(problem).__name__)
            answer = Answer(503, _TEXT, "text/plain; charset=utf-8", step="database", reason="no answer")
            self.observe(received_of(scope, b""), answer, 0.0)
            headers = [
                (b"content-type", answer.media_type.encode("ascii")),
                (b"content-length", str(len(_TEXT)).encode("ascii")),
                (b"retry-after", str(RETRY_SECONDS).encode("ascii")),
            ]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": _TEXT})
