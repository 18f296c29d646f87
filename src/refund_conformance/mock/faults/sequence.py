"""Faults that show in a sequence of requests, or in requests at the same time."""

import threading
import time
from functools import cached_property

from sqlalchemy import insert

from refund_conformance.contract.model import Contract
from refund_conformance.mock.answers import Answers
from refund_conformance.mock.call import Call, Refused
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.builders import FieldsLast
from refund_conformance.mock.faults.fault import Shelf, crash
from refund_conformance.mock.store import Situation, Store
from refund_conformance.mock.tables import Order, Progress, one_open_request, refund_requests
from refund_conformance.mock.tokens import Tokens

shelf = Shelf()

_PAUSE = 0.1
"""Seconds between a check and the act that relies on it."""


class Indexless(Endpoint):
    """Works on a database without the rule that there be one open refund request for an order."""

    def __init__(self, contract: Contract, store: Store, tokens: Tokens, answers: Answers) -> None:
        super().__init__(contract, store, tokens, answers)
        with store.writing() as connection:
            one_open_request.drop(connection, checkfirst=True)

    def create_refund(self, call: Call) -> None:
        assert call.order is not None  # noqa: S101  (find_order stands before)
        row = {
            "order_id": call.order.id,
            "email": str(call.document.get("email")),
            "description": None,
            "progress": Progress.NEW.value,
            "created_at": time.time(),
        }
        with self.store.writing() as connection:
            connection.execute(insert(refund_requests), row)


# ---- once


@shelf.fault("once-forgotten", "order.once", "New requests are put where the check does not look.")
class Forgotten(Endpoint):
    @cached_property
    def taken(self) -> set[int]:
        """Orders that a request was accepted for."""
        return set()

    def state_error(self, order: Order) -> int | None:
        return None if order.id in self.taken else super().state_error(order)

    def create_refund(self, call: Call) -> None:
        if call.order is not None and call.order.id not in self.taken:
            super().create_refund(call)
            self.taken.add(call.order.id)


@shelf.fault("once-idempotent", "order.once", "The same body again is answered with the first answer.")
class Idempotent(Forgotten):
    @cached_property
    def bodies(self) -> set[tuple[int, bytes]]:
        """Orders and bodies that were accepted."""
        return set()

    def check_state(self, call: Call) -> None:
        if call.order is None or (call.order.id, call.received.body) not in self.bodies:
            Endpoint.check_state(self, call)

    def create_refund(self, call: Call) -> None:
        super().create_refund(call)
        if call.order is not None:
            self.bodies.add((call.order.id, call.received.body))


@shelf.fault("once-by-body", "order.once", "Duplicates are told by a digest of the body.")
class ByBody(Forgotten):
    @cached_property
    def known(self) -> set[tuple[int, object]]:
        """Orders that were accepted, with what a duplicate is told by."""
        return set()

    def mark(self, call: Call) -> object:
        """Return what a duplicate is told by."""
        return call.received.body

    def check_state(self, call: Call) -> None:
        super().check_state(call)
        if call.order is not None:
            if (call.order.id, self.mark(call)) in self.known:
                raise self.refusal(15050, "a duplicate")
            self.known.add((call.order.id, self.mark(call)))


@shelf.fault("once-by-address", "order.once", "The unique index is over order and address.")
class ByAddress(ByBody):
    def mark(self, call: Call) -> object:
        return call.document.get("email")


@shelf.fault("once-late", "order.once", "The check reads a replica that lags behind.")
class Late(Forgotten):
    lag = 1.0

    @cached_property
    def times(self) -> dict[int, float]:
        """When a request was accepted, by order."""
        return {}

    def state_error(self, order: Order) -> int | None:
        if time.monotonic() - self.times.get(order.id, -1e9) > self.lag:
            return Endpoint.state_error(self, order)
        return super().state_error(order)

    def create_refund(self, call: Call) -> None:
        super().create_refund(call)
        if call.order is not None:
            self.times.setdefault(call.order.id, time.monotonic())


@shelf.fault("once-second-500", "order.once", "The unique index refuses the second, and nobody expected it to.")
class SecondCrashes(Forgotten):
    def create_refund(self, call: Call) -> None:
        if call.order is not None and call.order.id in self.taken:
            raise crash("duplicate key value violates unique constraint")
        super().create_refund(call)


# ---- race


@shelf.fault("race-check-then-act", "order.race", "The check and the insert are two statements without a lock.")
class CheckThenAct(Indexless):
    in_threads = True

    def create_refund(self, call: Call) -> None:
        time.sleep(_PAUSE)
        super().create_refund(call)


@shelf.fault("once-cached-state", "order.once", "States are cached for a moment to spare the database.")
class CachedState(Indexless):
    @cached_property
    def cache(self) -> dict[tuple[str, str], tuple[float, Situation]]:
        """Situations with the time they were read at."""
        return {}

    def situation(self, call: Call) -> Situation:
        key = (call.user, call.order_text)
        at, situation = self.cache.get(key, (-1e9, None))
        if situation is None or time.monotonic() - at > _PAUSE:
            situation = super().situation(call)
            self.cache[key] = (time.monotonic(), situation)
        return situation


class Queueing(Endpoint):
    """Notes the calls that are between check and creation."""

    in_threads = True

    @cached_property
    def lock(self) -> threading.Lock:
        """Guards the notes."""
        return threading.Lock()

    @cached_property
    def inside(self) -> list[int]:
        """Orders of the calls in between."""
        return []

    def met(self, call: Call, others: list[int]) -> None:
        """Act on the others that were in between at the same time."""
        super().create_refund(call)

    def create_refund(self, call: Call) -> None:
        number = call.order.id if call.order is not None else 0
        with self.lock:
            others = [*self.inside]
            self.inside.append(number)
        try:
            time.sleep(_PAUSE)
            self.met(call, others)
        finally:
            with self.lock:
                self.inside.remove(number)


@shelf.fault("race-loser-500", "order.race", "The loser's unique violation is not caught.")
class LoserCrashes(Queueing):
    def met(self, call: Call, others: list[int]) -> None:
        try:
            super().met(call, others)
        except Refused:
            raise crash("unique violation") from None


@shelf.fault("race-none-wins", "order.race", "All write first and look then, see each other, and give up.")
class NoneWins(Queueing):
    def met(self, call: Call, others: list[int]) -> None:
        assert call.order is not None  # noqa: S101  (find_order stands before)
        with self.lock:
            meeting = self.inside.count(call.order.id) > 1
        if meeting or call.order.id in others:
            raise self.refusal(15050, "another one at the same time")
        super().met(call, others)


@shelf.fault("race-neighbours-refused", "order.race", "One lock for the whole table is tried, not waited for.")
class NeighboursRefused(Queueing):
    def met(self, call: Call, others: list[int]) -> None:
        if others:
            raise self.refusal(15050, "the table is locked")
        super().met(call, others)


@shelf.fault("race-deadlock-500", "order.race", "Transactions at the same time are chosen as deadlock victims.")
class Deadlock(Queueing):
    def met(self, call: Call, others: list[int]) -> None:
        if len(others) > 1:
            raise crash("deadlock detected")
        super().met(call, others)


@shelf.fault("race-bodies-mixed", "order.race", "The current order is kept in a field of a shared controller.")
class Mixed(Queueing):
    @cached_property
    def current(self) -> list[str]:
        """The order of the latest call, as its URL has it: one for all calls."""
        return []

    def create_refund(self, call: Call) -> None:
        self.current[:] = [call.order_text]
        super().create_refund(call)

    def met(self, call: Call, others: list[int]) -> None:
        call.order_text, call.situation = self.current[0], None
        self.find_order(call)
        super().met(call, others)


# ---- life cycle


class Counting(Endpoint):
    """Knows which orders a request was accepted for, in order."""

    @cached_property
    def accepted(self) -> list[int]:
        """Order ids."""
        return []

    def create_refund(self, call: Call) -> None:
        super().create_refund(call)
        if call.order is not None:
            self.accepted.append(call.order.id)


@shelf.fault(
    "lifecycle-neighbour-blocked", "order.lifecycle", "The next id is marked, by an index that starts at one."
)
class NeighbourBlocked(Counting):
    def state_error(self, order: Order) -> int | None:
        return super().state_error(order) or (15050 if order.id - 1 in self.accepted else None)


@shelf.fault(
    "lifecycle-same-shard-blocked", "order.lifecycle", "Open requests are kept under a hash that collides."
)
class ShardBlocked(Counting):
    def state_error(self, order: Order) -> int | None:
        shards = {number % 7 for number in self.accepted}
        return super().state_error(order) or (15050 if order.id % 7 in shards else None)


@shelf.fault(
    "lifecycle-quota", "order.lifecycle", "A quota of refunds for each merchant is answered like a state."
)
class Quota(Counting):
    def state_error(self, order: Order) -> int | None:
        return super().state_error(order) or (15030 if len(self.accepted) >= 3 else None)


@shelf.fault("lifecycle-latest-only", "order.lifecycle", "Only the latest refund request is remembered.")
class LatestOnly(Counting, Indexless):
    def state_error(self, order: Order) -> int | None:
        code = super().state_error(order)
        forgotten = order.id in self.accepted[:-1] and order.id != self.accepted[-1]
        return None if code == 15050 and forgotten else code


@shelf.fault(
    "lifecycle-refusal-reopens", "order.lifecycle", "A refusal rolls back the session, and with it the request."
)
class RefusalReopens(Forgotten):
    @cached_property
    def reopened(self) -> set[int]:
        """Orders that a request was refused for with 15050."""
        return set()

    def state_error(self, order: Order) -> int | None:
        if order.id in self.reopened:
            return None
        code = Endpoint.state_error(self, order)
        if code == 15050 and order.id in self.taken:
            self.reopened.add(order.id)
        return code


@shelf.fault("lifecycle-third-attempt", "order.lifecycle", "After two refusals a retry is let through.")
class ThirdAttempt(Forgotten):
    @cached_property
    def attempts(self) -> dict[int, int]:
        """Refused attempts by order."""
        return {}

    def state_error(self, order: Order) -> int | None:
        code = Endpoint.state_error(self, order)
        if code == 15050 and order.id in self.taken:
            self.attempts[order.id] = self.attempts.get(order.id, 0) + 1
            return None if self.attempts[order.id] > 2 else code
        return code


@shelf.fault("fields-invalid-blocks", "fields.no-effect", "An invalid request locks its order for a while.")
class InvalidBlocks(FieldsLast):
    @cached_property
    def locked(self) -> set[int]:
        """Orders that an invalid request was made for."""
        return set()

    def state_error(self, order: Order) -> int | None:
        return super().state_error(order) or (15050 if order.id in self.locked else None)

    def check_fields(self, call: Call) -> None:
        try:
            super().check_fields(call)
        except Refused:
            if call.order is not None:
                self.locked.add(call.order.id)
            raise


@shelf.fault(
    "lifecycle-merchant-wide", "order.lifecycle", "An open request is looked up by merchant instead of by order."
)
class MerchantWide(Counting):
    def state_error(self, order: Order) -> int | None:
        return super().state_error(order) or (15050 if self.accepted else None)
