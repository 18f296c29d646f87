"""Calls a mock's application in this process, without HTTP: fresh servers by the hundred."""

import asyncio
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from mock_wire import VALID, Pairs, Reply
from starlette.types import Message

from refund_conformance.mock.app import application
from refund_conformance.mock.banner import target_toml
from refund_conformance.mock.factory import build
from refund_conformance.mock.protocol import NAMES, TRAILERS
from refund_conformance.mock.settings import MockSettings

PATIENCE = 1.5
"""Seconds after which an answer counts as none, with status 0."""


@dataclass(frozen=True)
class Request:
    """A request; headers None stands for those of the merchant. If cut, the connection ends behind the body."""

    path: str
    body: bytes = json.dumps(VALID).encode()
    headers: Pairs | None = None
    method: str = "POST"
    client: tuple[str, int] = ("10.0.0.1", 1)
    query: bytes = b""
    trailers: Pairs = ()
    cut: bool = False


class Direct:
    """A mock and the means to ask it."""

    def __init__(self, settings: MockSettings) -> None:
        self.mock = build(settings)
        self.app = application(self.mock)
        self.target: dict[str, Any] = tomllib.loads(target_toml(self.mock, "http://mock.example"))
        self.loop = asyncio.new_event_loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.mock.close()

    def token(self, name: str = "token") -> str:
        return str(self.target["auth"][name])

    def ids(self, group: str) -> list[str]:
        return [str(id_) for id_ in self.target["orders"][group]]

    def headers(
        self, token: str | None = None, content_type: str | None = "application/json"
    ) -> list[tuple[str, str]]:
        found = [("AuthorizationJWT", f"Bearer {token or self.token()}")]
        return [*found, ("Content-Type", content_type)] if content_type is not None else found

    def refund(self, order: str, **changes: Any) -> Reply:
        """Ask for a refund with everything right but what is given."""
        return self.ask(Request(f"/v1/order/{order}/refund", **changes))

    def ask(self, request: Request) -> Reply:
        return self.loop.run_until_complete(self._call(request))

    def together(self, requests: Sequence[Request]) -> list[Reply]:
        """Ask all at the same time."""

        async def all_of_them() -> list[Reply]:
            return await asyncio.gather(*(self._call(request) for request in requests))

        return self.loop.run_until_complete(all_of_them())

    async def _call(self, request: Request) -> Reply:
        headers = self.headers() if request.headers is None else request.headers
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "path": request.path,
            "raw_path": request.path.encode(),
            "root_path": "",
            "query_string": request.query,
            NAMES: [name.encode() for name, _ in headers],
            TRAILERS: [(name.lower().encode(), value.encode("latin-1")) for name, value in request.trailers],
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
            "client": request.client,
            "server": ("mock.example", 80),
            "scheme": "http",
        }
        incoming: list[Message] = [{"type": "http.request", "body": request.body, "more_body": request.cut}]
        if request.cut:
            incoming.insert(0, {"type": "http.disconnect"})
        outgoing: list[Message] = []

        async def receive() -> Message:
            if incoming:
                return incoming.pop()
            return await asyncio.Future()

        async def send(message: Message) -> None:
            outgoing.append(message)

        try:
            await asyncio.wait_for(self.app(scope, receive, send), PATIENCE)
        except TimeoutError:
            return Reply(0, {}, b"")
        if not outgoing:
            return Reply(0, {}, b"")
        found = {name.decode(): value.decode("latin-1") for name, value in outgoing[0]["headers"]}
        return Reply(outgoing[0]["status"], found, b"".join(part["body"] for part in outgoing[1:]))
