"""Merchants of their own for tests that run side by side: each with its orders, settings and journal."""

from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.pacing import Pace, Pacing
from refund_conformance.mock.request_log import Journal
from refund_conformance.mock.settings import MockSettings


@dataclass
class Tenant:
    """A merchant whose one user has the tenant's name. Requests whose tokens name that user come here."""

    name: str
    merchant: int
    endpoint: Endpoint
    current: MockSettings
    pace: Pace
    journal: Journal

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request at the tenant's pace."""
        await Pacing(self.endpoint, self.pace)(scope, receive, send)
