"""Faults of memory: what a refused request changes, what becomes of an accepted one, and what requests share."""

import time
from functools import cached_property

from refund_conformance.mock.call import Answer, Call, Refused
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.fault import Shelf
from refund_conformance.mock.tables import Order

shelf = Shelf()


@shelf.fault(
    "unsteady-repeated-accepted", "server.steady", "The idempotency key is stored before the request is checked."
)
class RepeatedAccepted(Endpoint):
    @cached_property
    def keys(self) -> set[tuple[bytes, bytes]]:
        """URLs and bodies of the requests that were refused for a field."""
        return set()

    def decide(self, call: Call) -> Answer:
        answer = super().decide(call)
        key = (call.received.path, call.received.body)
        if 15010 in answer.codes:
            if key in self.keys:
                return self.answer_success(call)
            self.keys.add(key)
        return answer


@shelf.fault(
    "order-not-paid-noted", "order.not-paid", "A refused request is written down, and read as an open one."
)
class NotPaidNoted(Endpoint):
    @cached_property
    def noted(self) -> set[int]:
        """Orders that a request was refused for because they are not paid."""
        return set()

    def state_error(self, order: Order) -> int | None:
        code = super().state_error(order)
        if code == 15030 and order.id in self.noted:
            return 15050
        if code == 15030:
            self.noted.add(order.id)
        return code


class Losing(Endpoint):
    """Does not record some of the refund requests that it accepts."""

    def is_lost(self, call: Call) -> bool:
        """Tell whether a request is lost."""
        raise NotImplementedError

    def create_refund(self, call: Call) -> None:
        if not self.is_lost(call):
            super().create_refund(call)


@shelf.fault(
    "once-lost-without-description",
    "order.once",
    "The insert fails for a missing description, and is only logged.",
)
class LostWithoutDescription(Losing):
    def is_lost(self, call: Call) -> bool:
        return "description" not in call.document


@shelf.fault("once-lost-beyond-ascii", "order.once", "The queue takes ASCII, and drops what it cannot encode.")
class LostBeyondAscii(Losing):
    def is_lost(self, call: Call) -> bool:
        return not str(call.document.get("description", "")).isascii()


@shelf.fault("once-lost-long-address", "order.once", "The column of the queue has 60 characters for the address.")
class LostLongAddress(Losing):
    def is_lost(self, call: Call) -> bool:
        return len(str(call.document["email"])) > 60


@shelf.fault(
    "once-undone-by-delete", "order.once", "DELETE is answered 405, after a filter has cancelled the request."
)
class UndoneByDelete(Endpoint):
    @cached_property
    def undone(self) -> set[int]:
        """Orders whose refund request was cancelled."""
        return set()

    def read_route(self, call: Call) -> None:
        parts = call.received.path.split(b"/")
        if call.received.method == "DELETE" and len(parts) > 3 and parts[3].isdigit():
            self.undone.add(int(parts[3]))
        super().read_route(call)

    def state_error(self, order: Order) -> int | None:
        code = super().state_error(order)
        return None if code == 15050 and order.id in self.undone else code

    def create_refund(self, call: Call) -> None:
        if call.order is None or Endpoint.state_error(self, call.order) is None:
            super().create_refund(call)


@shelf.fault(
    "email-unchecked-alone", "email.format", "The address is checked by the form that also has the description."
)
class UncheckedAlone(Endpoint):
    def is_valid(self, name: str, document: dict[str, object]) -> bool:
        is_text = isinstance(document.get("email"), str)
        return (name == "email" and is_text and "description" not in document) or super().is_valid(name, document)


@shelf.fault(
    "auth-by-address-and-order", "auth.every-request", "The rights to an order are cached under address and order."
)
class ByAddressAndOrder(Endpoint):
    @cached_property
    def trusted(self) -> dict[tuple[str, bytes], str]:
        """Who was let in, by address and URL."""
        return {}

    def authorize(self, call: Call) -> None:
        key = (call.received.client[0], call.received.path)
        if not call.received.values(self.contract.operation.authorization_header) and key in self.trusted:
            call.user = self.trusted[key]
            return
        super().authorize(call)
        self.trusted[key] = call.user


# ---- what requests share that are under way at once

_PAUSE = 0.01
"""Seconds of an await, in which other requests come."""


class Sharing(Endpoint):
    """Keeps the latest call's user, body and errors where the calls that are under way beside it find them."""

    in_threads = True

    @cached_property
    def user(self) -> list[str]:
        """The caller of the latest call."""
        return []

    @cached_property
    def body(self) -> dict[str, object]:
        """The body of the latest call."""
        return {}

    @cached_property
    def errors(self) -> list[str]:
        """The invalid fields of the latest call."""
        return []


@shelf.fault(
    "isolation-current-user",
    "server.isolation",
    "The current user is a variable of the module, read after an await.",
)
class CurrentUser(Sharing):
    def authorize(self, call: Call) -> None:
        super().authorize(call)
        self.user[:] = [call.user]

    def identify_caller(self, call: Call) -> None:
        time.sleep(_PAUSE)
        call.user = self.user[0]
        super().identify_caller(call)


@shelf.fault(
    "isolation-error-list", "server.isolation", "The validator is a singleton, and keeps its errors in a field."
)
class ErrorList(Sharing):
    def check_fields(self, call: Call) -> None:
        self.errors.clear()
        self.errors.extend(self.invalid_fields(call))
        time.sleep(_PAUSE)
        if self.errors:
            entries = tuple(self.field_error(name) for name in dict.fromkeys(self.errors))
            raise Refused(self.contract.errors[15010].status, entries, "errors of the shared validator")


@shelf.fault(
    "isolation-current-body",
    "server.isolation",
    "The controller, which there is one of, keeps the body in a field.",
)
class CurrentBody(Sharing):
    def read_json(self, call: Call) -> None:
        super().read_json(call)
        self.body.clear()
        self.body.update(call.document)

    def check_fields(self, call: Call) -> None:
        time.sleep(_PAUSE)
        call.document = dict(self.body)
        super().check_fields(call)
