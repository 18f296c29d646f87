"""A request as it arrived, what the checks have learnt of it, and the answer."""

from dataclasses import dataclass, field, replace

from refund_conformance.mock.store import Situation
from refund_conformance.mock.tables import Order

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Received:
    """A request: the path percent-encoded as it was sent, header names in lower case.

    ``client`` is the address and port that it came from, which together name the connection. ``query`` stands
    behind the path, ``trailers`` behind the body; ``names`` are those of the header as they were written, if that
    is known.
    """

    method: str
    path: bytes
    headers: Headers
    body: bytes
    client: tuple[str, int] = ("", 0)
    query: bytes = b""
    trailers: Headers = ()
    names: tuple[bytes, ...] = ()

    def values(self, name: str) -> list[str]:
        """Return the values of a header, one for each line, without the white space around them."""
        wanted = name.lower().encode("ascii")
        return [value.decode("latin-1").strip(" \t") for key, value in self.headers if key == wanted]


@dataclass
class Call:
    """A request on its way through the checks, each of which adds what it found.

    ``passed`` is how many checks it has passed, ``created`` what became of its creation, if that was awaited
    outside of the checks.
    """

    received: Received
    order_text: str = ""
    user: str = ""
    document: dict[str, object] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()
    deep: tuple[str, ...] = ()
    situation: Situation | None = None
    order: Order | None = None
    created: bool | None = None
    passed: int = 0


@dataclass(frozen=True)
class Error:
    """An entry of an error body."""

    code: int
    message: str


class Refused(Exception):  # noqa: N818  (an answer, not a failure)
    """What a check raises to end the request: status, entries of the error body, and the reason for the log."""

    def __init__(self, status: int, errors: tuple[Error, ...], reason: str, headers: Headers = ()) -> None:
        super().__init__(status, errors, reason)
        self.status = status
        self.errors = errors
        self.reason = reason
        self.headers = headers

    @property
    def codes(self) -> tuple[int, ...]:
        """The codes of the entries."""
        return tuple(error.code for error in self.errors)


@dataclass(frozen=True)
class Answer:
    """An answer. ``step`` is the check that refused, ``codes`` and ``reason`` say why; empty on success."""

    status: int
    body: bytes = b""
    media_type: str = ""
    headers: Headers = ()
    step: str = ""
    reason: str = ""
    codes: tuple[int, ...] = ()

    def with_header(self, name: bytes, value: bytes) -> "Answer":
        """Return the answer with one more header field."""
        return replace(self, headers=(*self.headers, (name, value)))
