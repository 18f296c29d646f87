"""Faults of the order's state: which orders can be refunded, and whose they are."""

from collections.abc import Callable, Collection
from dataclasses import replace

from refund_conformance.mock.call import Call, Error, Refused
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.builders import having, refused_as
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf, crash
from refund_conformance.mock.store import Situation
from refund_conformance.mock.tables import Order, Progress, Status, User

shelf = Shelf()


def stating(state_error: Callable[[Order, int | None], int | None]) -> FaultyEndpoint:
    """Return an endpoint that has its own opinion of an order's state, given the right one."""

    class Stating(Endpoint):
        def state_error(self, order: Order) -> int | None:
            return state_error(order, super().state_error(order))

    return Stating


def replacing(codes: dict[int, int]) -> FaultyEndpoint:
    """Return an endpoint that has one code where another belongs."""
    return stating(lambda order, code: codes.get(code or 0, code))


# ---- refundable

shelf.put(
    "order-price-in-units",
    "order.refundable",
    "The price is cast to a whole number, and fifty cents are nothing.",
    stating(lambda order, code: code or (15040 if order.price < 100 else None)),
)
shelf.put(
    "order-never-refundable",
    "order.refundable",
    "A feature flag for refunds is off, and the answer is borrowed from elsewhere.",
    stating(lambda order, code: code or 15030),
)


@shelf.fault("order-creation-500", "order.refundable", "Writing fails where the process may not write to its log.")
class CreationCrashes(Endpoint):
    def create_refund(self, call: Call) -> None:
        super().create_refund(call)
        raise crash("permission denied")


# ---- not paid, price zero: what passes


class Unguarded(Endpoint):
    """Creates nothing where the store would refuse, and says that it did."""

    ignores: Collection[int] = ()

    def state_error(self, order: Order) -> int | None:
        code = super().state_error(order)
        return None if code in self.ignores else code

    def create_refund(self, call: Call) -> None:
        order = call.order
        if order is None or super().state_error(order) is None:
            super().create_refund(call)


def unguarded(*codes: int) -> FaultyEndpoint:
    """Return an endpoint that does not refuse for these codes."""

    class Chosen(Unguarded):
        ignores = codes

    return Chosen


shelf.put("order-not-paid-accepted", "order.not-paid", "The status is not looked at.", unguarded(15030))
shelf.put("order-zero-accepted", "order.zero-price", "The price is not looked at.", unguarded(15040))


@shelf.fault("order-deleted-accepted", "order.not-paid", "Status is compared with not paid instead of with paid.")
class DeletedAccepted(Unguarded):
    def state_error(self, order: Order) -> int | None:
        return None if order.status is Status.DELETED else Endpoint.state_error(self, order)


@shelf.fault("order-unpaid-accepted", "order.not-paid", "Only deleted orders are sorted out.")
class UnpaidAccepted(Unguarded):
    def state_error(self, order: Order) -> int | None:
        return None if order.status is Status.NOT_PAID else Endpoint.state_error(self, order)


@shelf.fault("order-deleted-404", "order.not-paid", "Deleted orders are hidden by a soft-delete filter.")
class DeletedHidden(Endpoint):
    def situation(self, call: Call) -> Situation:
        found = super().situation(call)
        hidden = found.order is not None and found.order.status is Status.DELETED
        return replace(found, order=None) if hidden else found


shelf.put(
    "order-not-paid-15040",
    "order.not-paid",
    "An unpaid order has paid nothing, so its amount is zero.",
    replacing({15030: 15040}),
)
shelf.put(
    "order-not-paid-15050",
    "order.not-paid",
    "One exception class has one code for all states.",
    replacing({15030: 15050}),
)
shelf.put(
    "order-not-paid-409",
    "order.not-paid",
    "A state that does not fit is a conflict.",
    refused_as(having(15030), 409),
)
shelf.put(
    "order-zero-15030", "order.zero-price", "A free order was never paid, so it says.", replacing({15040: 15030})
)
shelf.put(
    "order-zero-15050",
    "order.zero-price",
    "One exception class has one code for all states.",
    replacing({15040: 15050}),
)
shelf.put(
    "order-zero-402", "order.zero-price", "Somebody found a status about payment.", refused_as(having(15040), 402)
)


def _divided(order: Order, code: int | None) -> int | None:
    if order.price == 0:
        raise crash("division by zero")
    return code


shelf.put(
    "order-zero-500",
    "order.zero-price",
    "The share to be refunded is divided by the price.",
    stating(_divided),
)


# ---- another refund request


def ignoring(*progress: Progress) -> FaultyEndpoint:
    """Return an endpoint to which refund requests that have come so far are not in the way."""

    class Ignoring(Unguarded):
        def state_error(self, order: Order) -> int | None:
            return None if order.refund in progress else Endpoint.state_error(self, order)

    return Ignoring


shelf.put(
    "order-new-accepted",
    "order.refund-open",
    "Only requests being processed count as open.",
    ignoring(Progress.NEW),
)
shelf.put(
    "order-processing-accepted",
    "order.refund-open",
    "Only new requests count as open.",
    ignoring(Progress.PROCESSING),
)
shelf.put(
    "order-open-accepted",
    "order.refund-open",
    "Asking again is taken for a reminder.",
    ignoring(Progress.NEW, Progress.PROCESSING),
)
shelf.put(
    "order-open-15030",
    "order.refund-open",
    "An order under refund is no longer paid, says the status field.",
    replacing({15050: 15030}),
)
shelf.put("order-open-409", "order.refund-open", "A duplicate is a conflict.", refused_as(having(15050), 409))
shelf.put(
    "order-processing-15030",
    "order.refund-open",
    "The status changes to refunding while the request is processed.",
    stating(lambda order, code: 15030 if order.refund is Progress.PROCESSING else code),
)


class History(Endpoint):
    """Lets refund requests that have ended stand in the way."""

    blocking: Collection[Progress] = ()

    def check_state(self, call: Call) -> None:
        super().check_state(call)
        assert call.order is not None  # noqa: S101  (find_order stands before)
        if any(progress in self.blocking for progress in self.store.history(call.order.id)):
            raise self.refusal(15050, "an earlier refund request")


def remembering(*progress: Progress) -> FaultyEndpoint:
    """Return an endpoint to which refund requests that ended so stay in the way."""

    class Chosen(History):
        blocking = progress

    return Chosen


shelf.put(
    "order-ended-refused",
    "order.refund-ended",
    "Any refund request is in the way, whatever became of it.",
    remembering(*Progress),
)
shelf.put(
    "order-completed-refused",
    "order.refund-ended",
    "A refund in part is taken for one in full.",
    remembering(Progress.COMPLETED),
)
shelf.put(
    "order-refused-refused",
    "order.refund-ended",
    "A refusal is final, the code thinks.",
    remembering(Progress.REFUSED),
)

# ---- unknown

shelf.put("order-unknown-400", "order.unknown", "Every refusal is a bad request.", refused_as(having(15060), 400))
shelf.put(
    "order-unknown-empty",
    "order.unknown",
    "The framework's own 404 comes without a body.",
    refused_as(having(15060), 404, ()),
)
shelf.put(
    "order-unknown-500",
    "order.unknown",
    "The order is null and is asked for its status.",
    refused_as(having(15060), 500, ()),
)
shelf.put(
    "order-unknown-15030",
    "order.unknown",
    "An order that is not there is not paid either.",
    refused_as(having(15060), 400, (15030,)),
)
shelf.put(
    "order-unknown-204",
    "order.unknown",
    "Nothing was found, so there is no content.",
    refused_as(having(15060), 204, ()),
)


@shelf.fault(
    "order-unknown-accepted", "order.unknown", "Requests go to a queue, and the order is looked up later."
)
class Queued(Unguarded):
    ignores = (15030,)

    def order_not_found(self, call: Call) -> Refused:
        raise Refused(200, (), "queued")


# ---- another merchant's


@shelf.fault("order-owner-unchecked", "order.foreign", "The order is looked up by its id alone.")
class OwnerUnchecked(Endpoint):
    def may_see(self, user: User | None, order: Order) -> bool:
        return True


class ForeignRefused(Endpoint):
    """Answers otherwise where the order exists and is another merchant's."""

    def foreign(self, call: Call, order: Order) -> Refused:
        """Return what is answered."""
        return super().order_not_found(call)

    def order_not_found(self, call: Call) -> Refused:
        order = self.situation(call).order
        return super().order_not_found(call) if order is None else self.foreign(call, order)


@shelf.fault("order-foreign-403", "order.foreign", "What is not yours is forbidden, which tells that it exists.")
class Forbidden(ForeignRefused):
    def foreign(self, call: Call, order: Order) -> Refused:
        return Refused(403, super().foreign(call, order).errors, "forbidden")


@shelf.fault("order-foreign-401", "order.foreign", "Lacking rights is answered like lacking a login.")
class Unauthorized(ForeignRefused):
    def foreign(self, call: Call, order: Order) -> Refused:
        return self.refusal(1007, "not your order")


@shelf.fault("order-foreign-message", "order.foreign", "The message tells whose order it is not.")
class TellingMessage(ForeignRefused):
    def foreign(self, call: Call, order: Order) -> Refused:
        return Refused(404, (Error(15060, "The order belongs to another merchant."),), "foreign")


@shelf.fault("order-foreign-header", "order.foreign", "A header meant for debugging has the order's status.")
class TellingHeader(ForeignRefused):
    def foreign(self, call: Call, order: Order) -> Refused:
        refusal = super().foreign(call, order)
        return Refused(refusal.status, refusal.errors, "foreign", ((b"x-order-status", order.status.encode()),))


@shelf.fault("order-foreign-state", "order.foreign", "The state is checked before the owner.")
class StateFirst(ForeignRefused):
    def foreign(self, call: Call, order: Order) -> Refused:
        code = self.state_error(order)
        return self.refusal(code, "state first") if code else super().foreign(call, order)


@shelf.fault("order-foreign-15030", "order.foreign", "Another merchant's order is shown without its status.")
class Blank(ForeignRefused):
    def foreign(self, call: Call, order: Order) -> Refused:
        return self.refusal(15030, "status unknown")


@shelf.fault(
    "order-foreign-open", "order.foreign", "An open refund request is looked for before the order's owner."
)
class OpenFirst(ForeignRefused):
    def foreign(self, call: Call, order: Order) -> Refused:
        return self.refusal(15050, "open") if order.open_refund else super().foreign(call, order)
