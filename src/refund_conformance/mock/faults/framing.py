"""Faults of reading a request from the wire: names of header fields, bodies in chunks, bodies that break off."""

from starlette.types import Receive, Scope

from refund_conformance.mock.call import Call, Received
from refund_conformance.mock.endpoint import Endpoint, received_of
from refund_conformance.mock.faults.fault import Shelf, crash

shelf = Shelf()


@shelf.fault(
    "auth-header-by-its-spelling", "auth.accepts", "Header names are keys of a map that knows cases apart."
)
class HeaderBySpelling(Endpoint):
    def authorization(self, call: Call) -> str:
        if call.received.names and b"AuthorizationJWT" not in call.received.names:
            raise self.refusal(1008, "no header of that spelling")
        return super().authorization(call)


@shelf.fault("ct-header-by-its-spelling", "content-type.exact", "The header is looked for as curl writes it.")
class TypeBySpelling(Endpoint):
    def check_content_type(self, call: Call) -> None:
        if call.received.names and b"Content-Type" not in call.received.names:
            raise self.refusal(111, "no header of that spelling")
        super().check_content_type(call)


@shelf.fault("json-chunked-unread", "json.chunked", "As many bytes are read as Content-Length says, or none.")
class ChunkedUnread(Endpoint):
    def read_json(self, call: Call) -> None:
        if call.received.values("transfer-encoding"):
            raise self.refusal(110, "no body")
        super().read_json(call)


@shelf.fault("json-chunked-500", "server.no-5xx", "The length is asked for before it is known that there is one.")
class ChunkedCrashes(Endpoint):
    def read_json(self, call: Call) -> None:
        if call.received.values("transfer-encoding"):
            raise crash("content-length is null")
        super().read_json(call)


class Taking(Endpoint):
    """Takes what has come of a body for all of it, where it says so."""

    header = b""

    async def receive(self, scope: Scope, receive: Receive) -> Received:
        """Receive what there is before the end of the connection."""
        if not any(name == self.header for name, _ in scope["headers"]):
            return await super().receive(scope, receive)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return received_of(scope, body)


@shelf.fault("json-cut-by-length", "json.incomplete", "What has come by the end of the stream is the body.")
class CutByLength(Taking):
    header = b"content-length"


@shelf.fault("json-cut-by-chunks", "json.incomplete", "The last chunk is not waited for once the JSON is whole.")
class CutByChunks(Taking):
    header = b"transfer-encoding"
