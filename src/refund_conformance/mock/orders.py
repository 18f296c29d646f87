"""``GET /v1/order/{id}`` and ``POST /v1/order/search``, as far as the platform's pages tell of them."""

import json
from typing import Any

from anyio import to_thread
from starlette.types import Receive, Scope, Send

from refund_conformance.mock.call import Answer, Call, Error, Received, Refused
from refund_conformance.mock.endpoint import BodyError, Endpoint
from refund_conformance.mock.tables import Order, Progress, Status, User

ORDER_PATH = "/v1/order/"
SEARCH_PATH = "/v1/order/search"

_ADDITIONAL_STATUS = {
    Progress.NEW: "Refund request has been sent",
    Progress.PROCESSING: "Refund info is being updated",
}


class OrderPages:
    """Answers an order's data, and searches, borrowing an endpoint without faults for what they have in common."""

    def __init__(self, plain: Endpoint) -> None:
        self.plain = plain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            received = await self.plain.receive(scope, receive)
        except BodyError as problem:
            answer = self.plain.refuse_body(scope, problem)
        else:
            answer = await to_thread.run_sync(self.answer, received)
            self.plain.observe(received, answer, 0.0)
        await self.plain.send(answer, scope, send)

    def answer(self, received: Received) -> Answer:
        """Authorize the request, and answer it."""
        call = Call(received)
        step = "authorization"
        try:
            self.plain.authorize(call)
            user = self.caller(call)
            if received.path == SEARCH_PATH.encode("ascii"):
                step = "search"
                return _json(self.search(call, user))
            step = "order"
            return _json(self.data(call, user))
        except Refused as refusal:
            return self.plain.answer_refusal(refusal, step)

    def caller(self, call: Call) -> User:
        """Return the caller, or refuse one without configuration."""
        user = self.plain.store.user(call.user)
        if user is None or not user.configured:
            raise self.plain.refusal(15000, "no configuration for the caller")
        return user

    def data(self, call: Call, user: User) -> dict[str, Any]:
        """Return the data of the order that the URL names."""
        number = self.plain.order_number(call.received.path.decode("latin-1").removeprefix(ORDER_PATH))
        order = self.plain.store.situation(user.name, number or 0).order
        if order is None or not self.plain.may_see(user, order):
            # The code that the refund page's example shows, and that seems to come from this one.
            raise Refused(404, (Error(15020, "Order not found."),), "no such order")
        return order_data(order, self.plain.store.history(order.id))

    def search(self, call: Call, user: User) -> dict[str, Any]:
        """Return the ids of the caller's orders that match."""
        self.plain.check_content_type(call)
        self.plain.read_json(call)
        status = call.document.get("status")
        if status is not None and (not isinstance(status, str) or status not in set(Status)):
            raise Refused(400, (self.plain.field_error("status"),), "no such status")
        wanted = None if status is None else Status(str(status))
        return {"ids": self.plain.store.order_ids(user.merchant, wanted)}


def order_data(order: Order, history: tuple[Progress, ...]) -> dict[str, Any]:
    """Return an order's data as the platform's pages describe it."""
    data: dict[str, Any] = {
        "order_id": order.id,
        "order_name": f"Order {order.id}",
        "status": order.status.value,
        "customer": {"email": "customer@example.com"},
        "products": [{"name": "Sample product", "quantity": 1, "price": f"{order.price / 100:.2f}"}],
    }
    if history:
        data["refund"] = {"requests": len(history), "status": history[-1].value}
    if order.refund in _ADDITIONAL_STATUS:
        data["additional_status"] = _ADDITIONAL_STATUS[order.refund]
    return data


def _json(document: dict[str, Any]) -> Answer:
    return Answer(200, json.dumps(document).encode("ascii"), "application/json")
