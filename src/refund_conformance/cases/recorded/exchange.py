"""An exchange as somebody else recorded it, with what the recording does not tell."""

from dataclasses import dataclass

from refund_conformance.transport.exchange import Headers


@dataclass(frozen=True)
class Answer:
    """An answer as it was recorded. ``body`` is decoded from any content coding; None if it was not recorded."""

    status: int
    reason: str
    headers: Headers
    body: bytes | None


@dataclass(frozen=True)
class Recorded:
    """A recorded exchange.

    ``source`` names its place for people ("traffic.har, entry 3"), ``recorder`` the recording: exchanges of one
    recorder have one clock. ``origin`` is scheme, host and port, "" if they are unknown; ``target`` the path with
    its query. ``body`` is None if the bytes that were sent are not known for sure, ``answer`` if none came.

    The exchange was within ``earliest`` and ``latest``, Unix times; None if the recording has no times.
    ``is_sequential`` says that each request of the recorder was sent after the answer before it.
    ``keeps_headers`` says that the recorder leaves out no header field, ``masks_tokens`` that it puts our own mark
    in the place of a token, and of nothing else.
    """

    source: str
    recorder: str
    origin: str
    method: str
    target: str
    headers: Headers
    body: bytes | None
    answer: Answer | None
    earliest: float | None = None
    latest: float | None = None
    is_sequential: bool = False
    keeps_headers: bool = False
    masks_tokens: bool = False

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of all fields of a header of the request."""
        return values(self.headers, name)

    @property
    def has_all_headers(self) -> bool:
        """Whether the header fields are those that were sent, though one may be left out that holds a secret."""
        return self.keeps_headers or bool(self.values("Host") or self.values(":authority"))


def values(headers: Headers, name: str) -> tuple[str, ...]:
    """Return the values of all header fields of a name, whatever its letter case."""
    wanted = name.lower()
    return tuple(value for key, value in headers if key.lower() == wanted)


@dataclass(frozen=True)
class Shown:
    """What a recording shows of the world at the time of one of its requests.

    ``order`` is the state of the order, "" if it is unknown. ``is_owner`` says that the caller is who brought the
    order into that state. ``token_is_valid`` says that the token was given out shortly before. ``is_served`` says
    that the endpoint answers under this URL, and ``has_tokens`` that the recorder keeps the authorization header.
    """

    order: str = ""
    is_owner: bool = False
    token_is_valid: bool = False
    is_served: bool = False
    has_tokens: bool = False
