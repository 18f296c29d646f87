"""Orders that always answer with one error, so that a client can rehearse each by choosing an id.

A request for one of them must itself be in order: it is authorized and read as any other, and refused where the
order would be looked up.
"""

from refund_conformance.mock.call import Call, Error, Refused
from refund_conformance.mock.endpoint import Endpoint

FIRST = 900_000_000
"""Added to an error code, or to an HTTP status of those below, it makes the id of its order."""

STATUSES = {429: "Too many requests.", 500: "Internal server error.", 503: "Service unavailable."}


def rehearsal_ids(endpoint: Endpoint) -> dict[int, int]:
    """Return the order id for each error code of the contract and each status."""
    return {code: FIRST + code for code in (*sorted(endpoint.contract.errors), *STATUSES)}


class Rehearsal(Endpoint):
    """Knows the orders for rehearsal beside all others."""

    def find_order(self, call: Call) -> None:
        """Refuse as the order's id has it, or find the order."""
        code = (self.order_number(call.order_text) or 0) - FIRST
        if code in STATUSES:
            headers = ((b"retry-after", b"1"),) if code != 500 else ()
            raise Refused(code, (), f"rehearsal of {STATUSES[code]}", headers)
        row = self.contract.errors.get(code)
        if row is not None:
            raise Refused(row.status, (Error(code, row.message.format(field="email")),), "rehearsal")
        super().find_order(call)
