"""Every check that takes several requests: what it is about, when it runs, what it shares, what it costs."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from refund_conformance.contract.model import Contract
from refund_conformance.engine import comparisons, isolation, race, scenarios
from refund_conformance.engine.bisection import NO_EFFECT
from refund_conformance.engine.partitions import AUTH, COMBINED, FIELDS, ORDERS, RACE
from refund_conformance.engine.runner import Runner
from refund_conformance.oracle.result import Result
from refund_conformance.sut.profile import Profile

PHASES = ("refused", "drawn", "together", "walked", "accepted", "asked", "proved", "reviewed")
"""The order of a run: what shares orders comes before what uses them up, what is listed before what is drawn."""


@dataclass(frozen=True)
class Circumstances:
    """What the price of a check depends on.

    ``chosen`` are the clauses of the run, ``raced`` the cases that are raced anyway. ``lacking`` are cases and
    groups of orders that the settings have nothing for. ``proofs`` has the requests that it takes to prove that
    nothing had an effect on a shared order; where it says nothing, four.
    """

    contract: Contract
    profile: Profile
    chosen: Collection[str]
    raced: Collection[str] = ()
    lacking: Collection[str] = ()
    proofs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Price:
    """Requests, and refundable orders of the check's own."""

    requests: int
    orders: int = 0


@dataclass(frozen=True)
class Scenario:
    """A check of several requests.

    ``about`` is the clause, or the area, that it is about, ``partition`` what it belongs to: checks of one
    partition go one after another. ``carry_out`` takes the run's profile and seed. ``needs_refundable`` tells
    whether it needs a refundable order.
    """

    about: str
    phase: str
    partition: str
    carry_out: Callable[[Runner, Profile, int], Result]
    price: Callable[[Circumstances], Price]
    needs_refundable: bool = True

    def __str__(self) -> str:
        return self.about.replace(".", "-")


def scenario_of(clause: str) -> Scenario | None:
    """Return the scenario of a clause, None if all its checks are of single requests."""
    return SCENARIOS.get(clause)


def _alone(check: Callable[[Runner], Result]) -> Callable[[Runner, Profile, int], Result]:
    return lambda runner, profile, seed: check(runner)


def _requests(count: int) -> Callable[[Circumstances], Price]:
    return lambda circumstances: Price(count)


def _every_request(circumstances: Circumstances) -> Price:
    return Price(2 * len([id_ for id_ in scenarios.UNAUTHORIZED if id_ not in circumstances.lacking]))


def _same_for_unknown(circumstances: Circumstances) -> Price:
    return Price(0 if "unknown" in circumstances.lacking else 2)


def _foreign_as_unknown(circumstances: Circumstances) -> Price:
    lacks = {"foreign", "unknown"} & set(circumstances.lacking)
    compared = {"order.foreign", "order.unknown"} <= set(circumstances.chosen)
    return Price(2 * len(comparisons.FAULTS_BESIDE) if compared and not lacks else 0)


def _race(circumstances: Circumstances) -> Price:
    return Price(*race.price(race.own_rounds(circumstances.profile.races, circumstances.raced)))


def _walk(circumstances: Circumstances) -> Price:
    """The first walk goes on where the race has ended."""
    profile = circumstances.profile
    begun = min(race.ORDERS_AT_ONCE, profile.walk_orders) if race.CLAUSE in circumstances.chosen else 0
    return Price(profile.walks * profile.steps - begun, profile.walks * profile.walk_orders - begun)


def _proofs() -> Iterator[Scenario]:
    for clause, shared in NO_EFFECT.items():
        yield Scenario(
            clause,
            "proved",
            shared,
            _alone(partial(scenarios.no_effect, clause=clause)),
            partial(_proof, shared),
        )


def _proof(shared: str, circumstances: Circumstances) -> Price:
    return Price(circumstances.proofs.get(shared, 4))


def _reviews() -> Iterator[Scenario]:
    for area, kind in (("errors", "error"), ("success", "success")):
        check = partial(scenarios.review, kind=kind)
        yield Scenario(area, "reviewed", COMBINED, _alone(check), _requests(0))


_EVERY = (
    Scenario(
        "auth.first", "together", COMBINED, _alone(comparisons.unauthenticated_answers_match), _same_for_unknown
    ),
    Scenario("auth.every-request", "together", AUTH, _alone(scenarios.every_request), _every_request),
    Scenario(
        "order.foreign", "together", ORDERS, _alone(comparisons.foreign_as_unknown), _foreign_as_unknown, False
    ),
    Scenario("server.steady", "together", FIELDS, _alone(comparisons.steady), _requests(comparisons.STEADY_TRIES)),
    Scenario(
        isolation.CLAUSE,
        "together",
        FIELDS,
        _alone(scenarios.at_once),
        lambda circumstances: Price(isolation.requests(circumstances.contract)),
    ),
    Scenario(
        race.CLAUSE,
        "walked",
        RACE,
        lambda runner, profile, seed: scenarios.race_rounds(runner, profile.races),
        _race,
    ),
    Scenario("order.lifecycle", "walked", RACE, scenarios.walk, _walk),
    *_proofs(),
    Scenario(
        "order.once",
        "reviewed",
        ORDERS,
        _alone(scenarios.once_at_last),
        _requests(len(scenarios.READING_AND_UNDOING) + 1),
    ),
    *_reviews(),
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType({scenario.about: scenario for scenario in _EVERY})
"""Every scenario, by what it is about."""
