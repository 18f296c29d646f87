"""Faults about bodies that break off. The protocol answers them, if anybody: what is wrong is the effect."""

from starlette.types import Receive, Scope

from refund_conformance.mock.call import Received
from refund_conformance.mock.endpoint import BodyError, Endpoint, received_of
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf

shelf = Shelf()


def _taking_for_whole(*framing: bytes) -> FaultyEndpoint:
    """Return an endpoint that takes what there is of a body for all of it, if a header announced the body."""

    class TakesForWhole(Endpoint):
        async def receive(self, scope: Scope, receive: Receive) -> Received:
            try:
                return await super().receive(scope, receive)
            except BodyError as problem:
                if problem.status == 400 and any(name in framing for name, _ in scope["headers"]):
                    return received_of(scope, problem.body)
                raise

    return TakesForWhole


shelf.put(
    "incomplete-length-created",
    "json.incomplete",
    "A lost connection is taken for the end of the body, and its announced length is not compared.",
    _taking_for_whole(b"content-length"),
)
shelf.put(
    "incomplete-chunks-created",
    "json.incomplete",
    "The stream of chunks ends without its last one, and the reader returns what it has.",
    _taking_for_whole(b"transfer-encoding"),
)
shelf.put(
    "incomplete-anyhow-created",
    "json.incomplete",
    "The handler runs on a copy of the input that is cut wherever the client stopped sending.",
    _taking_for_whole(b"content-length", b"transfer-encoding"),
)
