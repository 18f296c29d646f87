"""One request as it was sent, and what came back: exact bytes and times."""

from dataclasses import dataclass
from enum import StrEnum

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """A request as it goes on the wire. ``target`` is the request target, percent-encoded, from the slash on.

    ``framed`` is what goes after the head in place of the body where that is not sent with its length; the headers
    say how it is framed then. ``cut`` says that it breaks off: nothing more is sent.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    framed: bytes | None = None
    cut: bool = False


@dataclass(frozen=True)
class Response:
    """An answer: status, reason, header fields in order, and the body, decoded from any content coding."""

    status: int
    reason: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header field, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Failure(StrEnum):
    """Why there is no whole answer."""

    UNREACHABLE = "unreachable"  # no connection: refused, no such host, no TLS
    UNTRUSTED = "untrusted"  # no connection: no authority that we know signed the certificate, or it is not valid
    CLOSED = "closed"  # the connection ended before an answer began, or was reset
    TIMEOUT = "timeout"  # no whole answer within the time limit
    BROKEN = "broken"  # bytes that are no HTTP message, or a body cut short
    OVERSIZED = "oversized"  # a body over the size limit

    @property
    def connected(self) -> bool:
        """Whether there was a connection at all, on which a request can have been sent."""
        return self not in (Failure.UNREACHABLE, Failure.UNTRUSTED)


@dataclass(frozen=True)
class Exchange:
    """A request with its answer, or with the failure that stands in its place.

    ``seconds`` is the time of the last attempt, ``attempts`` how often it was sent, ``started`` a Unix time,
    ``number`` its place in the record.
    """

    request: Request
    response: Response | None
    failure: Failure | None
    detail: str
    started: float
    seconds: float
    attempts: int = 1
    number: int = 0
