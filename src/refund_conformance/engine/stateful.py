"""Random walks over several orders, compared with a model at every step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case
from refund_conformance.contract.untested import Because
from refund_conformance.engine.executor import Executor
from refund_conformance.engine.sending import Sent
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.sut.profile import Profile

VALID = "valid"
REQUESTS = {
    VALID: "order.refundable/plain",
    "without email": "email.required/absent",
    "with text that is no JSON": "json.malformed/truncated",
    "with another content type": "content-type.other/text-plain",
    "without a token": "auth.missing/no-header",
    "with another merchant's token": "order.foreign/other-merchant-token",
}
"""The kinds of request in a walk, by the case that each is."""

_KINDS = (VALID, VALID, *REQUESTS)
_BEGINNING = (0, 1, 0, 0, 0)
"""A walk begins with what tells most: valid requests for two orders in turn, then for the first thrice more."""


@dataclass(frozen=True)
class Step:
    """One request of a walk: which of the walk's orders, and what kind of request."""

    order: int
    kind: str

    def __str__(self) -> str:
        return (
            f"order {'ABCDEFGH'[self.order]}: a request {self.kind}"
            if self.kind != VALID
            else (f"order {'ABCDEFGH'[self.order]}: a valid request")
        )


class Walk:
    """One walk on orders of its own, on ``begun`` of which a valid request was accepted just before.

    ``open`` is the model: the orders that have an open refund request.

    The walk is ``over`` once a request gets no answer that says something: the state of its order is then unknown.
    """

    def __init__(self, executor: Executor, orders: int, begun: Sequence[str] = ()) -> None:
        self._executor = executor
        self._cases = all_cases(executor.contract)
        leased = [executor.orders.lease() for _ in range(orders - len(begun))]
        # From one end of the list or the other: their ids go up, since what is blocked is often the next one.
        self._orders = sorted((*begun, *leased), key=lambda id_: (len(id_), id_))
        self.open = {self._orders.index(order) for order in begun}
        self.over = False
        self.steps = [Step(place, VALID) for place in sorted(self.open)]
        self.sent: list[Sent] = []

    def step(self, step: Step) -> Sent | None:
        """Send one request and compare with the model; None if the settings have no token for it that lives."""
        case = self._cases[REQUESTS[step.kind]]
        if not self._executor.has_credential(case) or self._executor.is_over(case):
            return None
        if step.order in self.open and case.situation.order == "refundable":
            situation = case.situation.with_part("order", "refund-open")
            case = replace(case, situation=situation)
        sent = self._executor.send(_about(case), self._orders[step.order])
        if not sent.decided or sent.before:
            self.over = True
            return None
        self.steps.append(step)
        self.sent.append(sent)
        if sent.accepted and step.kind == VALID:
            self.open.add(step.order)
            self._executor.orders.mark_accepted(self._orders[step.order])
        return sent

    def fails_at_end(self, steps: Sequence[Step]) -> bool:
        """Whether the walk went all the way, and its last step left the model."""
        return len(self.sent) == len(steps) and self.sent[-1].wrong


def _about(case: Case) -> Case:
    """Return the case as one of this clause, which every wrong part is then blamed on."""
    id_ = f"order.lifecycle/{case.id.replace('/', '-')}"
    return replace(case, id=id_, blame=tuple((part, "order.lifecycle") for part in case.situation.wrong))


def lifecycle(executor: Executor, profile: Profile, seed: int, begun: Sequence[str] = ()) -> Result:
    """Walk at random until a step leaves the model or the walks are over; make a failing walk shorter.

    The same seed walks the same way. The first walk goes on from the acceptances on the orders ``begun``.
    """
    clause, title = "order.lifecycle", "Over a random walk, each answer follows from what was accepted before."
    walks: list[Walk] = []
    random = Random(seed)  # noqa: S311  (nothing is secret here)
    try:
        while len(walks) < profile.walks + any(walk.over for walk in walks):  # one more for one that was lost
            walks.append(Walk(executor, profile.walk_orders, () if walks else begun[: profile.walk_orders]))
            steps = _steps(random, profile.walk_orders, len(walks[-1].open))
            if _leaves_model(walks[-1], profile.steps, steps):
                return _shortest(executor, walks[-1], title)
    except NoOrderError:
        if not any(walk.sent for walk in walks):
            raise
    if all(walk.over for walk in walks):
        return Result(f"{clause}/walk", clause, title, Outcome.UNDECIDED, "no walk came to its end", tries=1)
    numbers = tuple(sent.number for walk in walks for sent in walk.sent)
    return Result(f"{clause}/walk", clause, title, Outcome.HELD, exchanges=numbers[-1:], answer="error", tries=1)


def _steps(random: Random, orders: int, taken: int) -> Iterator[Step]:
    """Yield the steps of a walk, without end, but for the first that were ``taken``."""
    yield from (Step(order, VALID) for order in _BEGINNING[taken:])
    while True:
        yield Step(random.randrange(orders), random.choice(_KINDS))


def _leaves_model(walk: Walk, length: int, steps: Iterator[Step]) -> bool:
    """Go on with a walk until it has its length, or is over; return whether a step left the model."""
    while not walk.over and len(walk.steps) < length:
        sent = walk.step(next(steps))
        if sent is not None and sent.wrong:
            return True
    return False


def _shortest(executor: Executor, walk: Walk, title: str) -> Result:
    """Walk again on fresh orders, a shorter way first; report the shortest that fails, or that none did."""
    clause, main = "order.lifecycle", _main(walk)
    refused = main.kind is Kind.REFUSED
    ways = [_accepted_way(walk.steps)] * 2 if refused else _shorter(walk.steps)
    again: list[Walk] = []
    try:
        for steps in ways:
            again.append(_walk(executor, steps))
            if again[-1].fails_at_end(steps) and not refused:
                break
    except NoOrderError as reason:
        if not again:
            doubt = f"a walk could not be repeated: {reason}"
            return Result(f"{clause}/walk", clause, title, Outcome.UNTESTED, doubt, because=reason.because)
    failing = [walked for walked, steps in zip(again, ways, strict=False) if walked.fails_at_end(steps)]
    if refused and (len(failing) < len(ways) or not executor.orders.fresh):
        doubt = "an order was not refundable from the start, or not again in the same walk"
        return Result(f"{clause}/walk", clause, title, Outcome.UNTESTED, doubt, because=Because.SUPPLY)
    shortest = failing[0] if failing else walk
    main = _main(shortest)
    told = "; ".join(f"{number}. {step}" for number, step in enumerate(shortest.steps, 1))
    findings = [Finding(main.clause, main.kind, f"after {told}: {main.expected}", main.actual, main.also)]
    if not failing:
        once = () if main.kind is not Kind.CRASH else (replace(findings[0], also=()),)
        findings = [replace(findings[0], clause="server.steady", kind=Kind.UNSTEADY), *once]
    return Result(
        f"{clause}/walk",
        clause,
        title,
        Outcome.VIOLATED,
        findings=tuple(findings),
        exchanges=tuple(sent.number for sent in shortest.sent),
        answer="error",
        failed=1 + len(failing),
        tries=1 + len(again),
    )


def _main(walk: Walk) -> Finding:
    return next(finding for finding in walk.sent[-1].findings if finding.kind is not Kind.ADVICE)


def _accepted_way(steps: Sequence[Step]) -> list[Step]:
    """Return the walk's valid requests, one for each order, and its last step."""
    return [*dict.fromkeys(step for step in steps[:-1] if step.kind == VALID), steps[-1]]


def _shorter(steps: Sequence[Step]) -> list[list[Step]]:
    """Return candidates for the same failure in fewer steps, the most promising first, at last the walk itself."""
    same_order = [step for step in steps if step.order == steps[-1].order]
    return [same_order[-2:], _accepted_way(steps), list(steps)]


def _walk(executor: Executor, steps: Sequence[Step]) -> Walk:
    places = {order: place for place, order in enumerate(sorted({step.order for step in steps}))}
    walk = Walk(executor, len(places))
    for step in steps:
        sent = walk.step(Step(places[step.order], step.kind))
        if sent is not None and sent.wrong:
            break
    return walk
