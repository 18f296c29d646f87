"""What all parts of a run share: contract, settings, client, record and bounds."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis.strategies import SearchStrategy

from refund_conformance.cases import explorations
from refund_conformance.cases.case import Case
from refund_conformance.cases.generation import Drawn, draw
from refund_conformance.contract.model import Contract
from refund_conformance.contract.untested import Because
from refund_conformance.engine.executor import Executor
from refund_conformance.engine.generator_process import Generation
from refund_conformance.engine.partitions import Joint, joints
from refund_conformance.engine.race import raced_cases
from refund_conformance.engine.recorder import Record
from refund_conformance.engine.runner import Runner
from refund_conformance.sut.client import Client
from refund_conformance.sut.ledger import Ledger
from refund_conformance.sut.limits import Allowance, limits_of
from refund_conformance.sut.order_pool import OrderPool
from refund_conformance.sut.profile import Profile
from refund_conformance.sut.settings import Settings
from refund_conformance.sut.tokens import Tokens
from refund_conformance.transport.redaction import Redactor

MANY_EXAMPLES = 100
"""From so many cases for each exploration on, a process of their own is worth its start."""


@dataclass
class Ending:
    """Why a run is over, "" as long as it is not; known to all parts of it."""

    reason: str = ""


@dataclass(frozen=True)
class RunContext:
    """What all parts of a run share. ``used`` are the orders that were found used before the run."""

    contract: Contract
    settings: Settings
    profile: Profile
    seed: int
    record: Record
    client: Client
    ledger: Ledger
    allowance: Allowance
    joints: Mapping[str, Joint]
    raced: frozenset[str]
    strategies: Mapping[str, SearchStrategy[Case]]
    generation: Generation | None
    is_fresh: bool
    used: dict[str, None] = field(default_factory=dict)
    ending: Ending = field(default_factory=Ending)

    @property
    def limits(self) -> tuple[int, int]:
        """The most requests that the run may send, and the most refundable orders that it may and can lease."""
        return _limits(self.settings, self.allowance)

    @property
    def bounded_by(self) -> Because:
        """What bounds the run: its start, the settings' own limits, the orders that they list, or the profile."""
        limits = self.allowance.limits
        if self.profile.smoke or limits.narrowed_requests or limits.narrowed_orders:
            return Because.CHOICE
        return Because.BUDGET if self.limits == (limits.requests, limits.orders) else Because.SETTINGS

    def runner(self) -> Runner:
        """Return a new runner of the target, for one part of the run."""
        limits = self.allowance.limits
        orders = OrderPool(
            self.settings.orders,
            limits.orders,
            self.ledger,
            lambda group, order: self.record.keep({"event": "leased", "group": group, "order": order}),
            fresh=self.is_fresh,
            is_bounded=limits.narrowed_orders,
            used=self.used,
        )
        executor = Executor(self.contract, self.settings, self.client, orders, self.record, self.allowance)
        return Runner(executor, self.joints, self.raced)

    def draw(self, clause: str) -> Iterator[Drawn]:
        """Yield cases of a clause that Hypothesis draws."""
        if self.generation is not None:
            return self.generation.draw(clause)
        return draw(self.strategies[clause], self.profile.examples, self.seed)

    def close(self) -> None:
        """Close the record and the connections, and end the process that draws."""
        if self.generation is not None:
            self.generation.close()
        self.record.close()
        self.ledger.close()
        self.client.close()


def context_of(
    contract: Contract,
    settings: Settings,
    profile: Profile,
    seed: int,
    sink: Callable[[dict[str, Any]], None],
    ledger: Ledger,
    chosen: Collection[str],
    in_flight: int = 1,
) -> RunContext:
    """Return the context of a run of the ``chosen`` clauses.

    ``sink`` takes the events, and ``in_flight`` is how many requests may be under way at once.
    """
    tokens = Tokens(settings, contract.operation)
    redactor = Redactor((*settings.secrets, *tokens.values()))
    record = Record(redactor, sink)
    media_type = contract.operation.media_type
    allowance = Allowance(limits_of(settings, profile))
    listed = settings.orders.get("refundable", ())
    is_fresh = settings.fresh or ledger.knows(listed)
    ledger.register(listed)
    may_accept = bool(listed) and _limits(settings, allowance)[1] > 0
    return RunContext(
        contract=contract,
        settings=settings,
        profile=profile,
        seed=seed,
        record=record,
        client=Client(settings, tokens, redactor, record.exchange, ledger.run, in_flight, media_type),
        ledger=ledger,
        allowance=allowance,
        joints=joints(contract, chosen),
        raced=raced_cases(contract, chosen) if may_accept else frozenset(),
        strategies=explorations(contract),
        generation=Generation(contract, profile.examples, seed) if profile.examples >= MANY_EXAMPLES else None,
        is_fresh=is_fresh,
    )


def _limits(settings: Settings, allowance: Allowance) -> tuple[int, int]:
    listed = len(settings.orders.get("refundable", ()))
    return allowance.limits.requests, min(allowance.limits.orders, listed or allowance.limits.orders)
