"""A small HTTP client for the mock's tests: what is given is what is sent."""

import http.client
import json
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

Pairs = Iterable[tuple[str, str]]
VALID = {"description": "Wrong product", "email": "merchant@example.com"}


@dataclass(frozen=True)
class Reply:
    """Status, headers in lower case and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> list[int]:
        return [entry["error"] for entry in self.json["errors"]]

    @property
    def short(self) -> tuple[int, list[int]]:
        """Status and codes; no codes for an answer that is no JSON."""
        is_json = self.headers.get("content-type", "").startswith("application/json") and b'"errors"' in self.body
        return self.status, self.codes if is_json else []


class Reachable(Protocol):
    """A mock that says where it is."""

    base_url: str

    def target_toml(self) -> str: ...


@dataclass
class Wire:
    """Sends requests to one mock over one connection."""

    mock: Reachable
    target: dict[str, Any] = field(init=False)
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.target = tomllib.loads(self.mock.target_toml())
        self.connection = self.fresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def fresh(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.mock.base_url)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)

    def token(self, name: str = "token") -> str:
        return str(self.target["auth"][name])

    def ids(self, group: str) -> list[str]:
        return [str(id_) for id_ in self.target["orders"][group]]

    def headers(self, token: str | None = None) -> list[tuple[str, str]]:
        value = f"Bearer {token or self.token()}"
        return [("AuthorizationJWT", value), ("Content-Type", "application/json")]

    def send(
        self,
        method: str,
        path: str,
        headers: Pairs = (),
        body: bytes = b"",
        connection: http.client.HTTPConnection | None = None,
    ) -> Reply:
        wire = connection or self.connection
        wire.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            wire.putheader(name, value)
        wire.putheader("Content-Length", str(len(body)))
        wire.endheaders(body)
        answer = wire.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def refund(
        self,
        order: str,
        document: Any = VALID,
        *,
        body: bytes | None = None,
        headers: Pairs | None = None,
        method: str = "POST",
    ) -> Reply:
        """Ask for a refund with everything right but what is given."""
        data = json.dumps(document).encode() if body is None else body
        return self.send(method, f"/v1/order/{order}/refund", self.headers() if headers is None else headers, data)

    def ask(self, method: str, path: str, document: Any = None) -> Reply:
        """Ask the control API, or any other that takes JSON without authorization."""
        if document is None:
            return self.send(method, path)
        return self.send(method, path, [("Content-Type", "application/json")], json.dumps(document).encode())


@contextmanager
def many_wires(mock: Reachable, number: int) -> Iterator[list[Wire]]:
    """As many connections to one mock."""
    with ExitStack() as stack:
        yield [stack.enter_context(Wire(mock)) for _ in range(number)]
