"""What a run will do, told before anything is sent: requests, orders, time, and the clauses that stay untested."""

import math
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from refund_conformance import oracle
from refund_conformance.cases import all_cases, explorations
from refund_conformance.cases.case import Case, missing_case, plain_case
from refund_conformance.cases.orders import AGAIN_REFUNDABLE, REFUNDABLE_GROUPS, SPENT, second_case
from refund_conformance.confirmation import CONFIRMATIONS
from refund_conformance.contract import Contract
from refund_conformance.effects import NO_EFFECT
from refund_conformance.errors import SettingsError
from refund_conformance.flows import STEADY_TRIES
from refund_conformance.lanes import BENCHES, QUESTIONS, bench_of
from refund_conformance.profile import Profile
from refund_conformance.race import SIMULTANEOUS
from refund_conformance.target import safety, sources
from refund_conformance.target import settings as target_settings
from refund_conformance.target.ledger import MEMORY, Ledger
from refund_conformance.target.settings import GROUPS, HOOK, SEARCH, Settings

_NEEDED = {"first": 1, "last": 2, "middle": 3}
"""How many orders a group must have for a case to have one of its own."""


_SHARED = {
    **{clause: key for key, clause in NO_EFFECT.items()},
    "auth.every-request": BENCHES["authorization"],
    "server.steady": BENCHES["field"],
}
"""The shared orders that checks of several requests go to, by clause."""


@dataclass(frozen=True)
class Supply:
    """The orders of one group: from ``least`` to ``most`` are needed.

    ``listed`` stand in the settings, ``free`` of them are not in the ledger. ``source`` is where others come from,
    "" if none do.
    """

    group: str
    least: int
    most: int
    listed: int
    free: int
    source: str

    @property
    def line(self) -> str:
        """The supply in one line."""
        needed = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
        if self.source and not self.listed:
            return f"{needed} needed, from the {self.source}"
        used = "" if self.free == self.listed else f", {self.free} of them not used yet"
        return f"{needed} needed, {self.listed} listed{used}"


@dataclass(frozen=True)
class Gap:
    """A clause of whose ``cases`` only ``sent`` can be sent, and the settings that the others need."""

    clause: str
    sent: int
    cases: int
    settings: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    ``requests`` are those to a conformant target, ``most`` the bound. ``seconds`` is the time after which the run
    ends, ``rate`` the most requests in a second.
    """

    target: str
    profile: str
    requests: int
    most: int
    orders: tuple[Supply, ...]
    rate: float | None
    seconds: float
    clauses: int
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def untested(self) -> tuple[Gap, ...]:
        """The clauses that the run cannot test."""
        return tuple(gap for gap in self.gaps if not gap.sent)

    def supply(self, group: str) -> Supply:
        """Return the orders of a group."""
        return next(supply for supply in self.orders if supply.group == group)

    def lines(self) -> Iterator[str]:
        """Yield the plan as text."""
        partly = tuple(gap for gap in self.gaps if gap.sent)
        tested = self.clauses - len(self.untested)
        yield f"Plan of a {self.profile} run against {self.target}; nothing has been sent."
        yield f"Requests  about {self.requests}, at most {self.most}"
        yield f"Time      {self._time()}"
        yield f"Clauses   {tested} of {self.clauses} tested{f', {len(partly)} of them in part' if partly else ''}"
        yield "Orders"
        yield from (f"  {supply.group:<18} {supply.line}" for supply in self.orders if supply.most)
        if self.untested:
            yield "Untested, and the setting that would enable them"
            yield from (f"  {gap.clause:<28} {', '.join(gap.settings)}" for gap in self.untested)
        if partly:
            yield "Tested in part, and the setting for the rest"
            for gap in partly:
                yield f"  {gap.clause:<28} {gap.sent} of {gap.cases} cases: {', '.join(gap.settings)}"
        yield from (f"note: {note}" for note in self.notes)
        yield from (f"warning: {warning}" for warning in self.warnings)

    def _time(self) -> str:
        end = f"the run ends after {self.seconds:g} s at the latest"
        if self.rate is None:
            return f"as fast as the target answers; {end}"
        return f"{math.ceil(self.requests / self.rate)} s or more at {self.rate:g} requests a second; {end}"


def settings_of(target: Path | None, contract: Contract) -> Settings:
    """Read target settings; without any, return those that a run against the embedded mock would have."""
    if target is not None:
        return target_settings.load(target, contract)
    from refund_conformance.mock.announcement import target_toml
    from refund_conformance.mock.build import build
    from refund_conformance.mock.settings import MockSettings

    with closing(build(MockSettings())) as mock:
        data = tomllib.loads(target_toml(mock, "http://embedded-mock.localhost"))
    return replace(target_settings.parse(data, "embedded mock", contract), ledger=MEMORY)


def plan(
    settings: Settings, contract: Contract, profile: Profile, chosen: Collection[str], *, read_only: bool = False
) -> Plan:
    """Return the plan of a run. Nothing is sent; the ledger is looked at if there is one.

    Raises SettingsError for a ledger that cannot be opened, and a host that is denied.
    """
    safety.check(settings, contract.operation, allow_writes=True, read_only=read_only)
    if settings.source == HOOK:
        sources.check_hook(settings, contract.operation)
    count = _Count(safety.read_only(settings) if read_only else settings, contract, profile, chosen)
    count.left_out = "a run without --read-only" if read_only else ""
    return count.plan(_objections(settings, contract, read_only))


def _objections(settings: Settings, contract: Contract, read_only: bool) -> list[str]:
    try:
        safety.check(settings, contract.operation, allow_writes=False, read_only=read_only)
    except SettingsError as problem:
        return [str(problem)]
    return []


class _Count:
    """Counts what the chosen clauses take with these settings.

    ``left_out`` is what would bring back orders that were left out on purpose, "" if none were.
    """

    left_out = ""

    def __init__(self, settings: Settings, contract: Contract, profile: Profile, chosen: Collection[str]) -> None:
        self._settings = settings
        self._contract = contract
        self._profile = profile
        self._tokens = frozenset(settings.tokens) | ({"token"} if settings.username else frozenset())
        self._limit = sources.most_orders(settings, profile)
        self._chosen = [clause for clause in contract.clauses if clause in chosen]
        self._every = all_cases(contract)
        self._cases = [case for case in self._every.values() if case.clause in chosen]

    def plan(self, warnings: Sequence[str]) -> Plan:
        """Put the counts together."""
        requests = self._requests()
        limit = min(self._profile.requests, self._settings.max_requests or self._profile.requests)
        orders = tuple(self._supplies())
        return Plan(
            target=self._settings.base_url,
            profile=self._profile.name,
            requests=requests,
            most=min(limit, requests + CONFIRMATIONS**2 * len(self._chosen)),
            orders=orders,
            rate=self._settings.max_requests_per_second,
            seconds=self._settings.max_seconds or self._profile.seconds,
            clauses=len(self._chosen),
            gaps=tuple(self._gaps()),
            notes=tuple(self._notes()),
            warnings=(*warnings, *self._short(orders), *self._late(requests, limit)),
        )

    # -- what the settings have ---------------------------------------------------------------------

    def _listed(self, group: str) -> tuple[str, ...]:
        return tuple(self._settings.orders.get(group, ()))

    @cached_property
    def _free(self) -> Mapping[str, int]:
        """How many of the listed orders of each group a run can still lease."""
        listed = {group: self._listed(group) for group in GROUPS}
        counts = {group: len(orders) for group, orders in listed.items()}
        if not self._settings.ledger or not _exists(self._settings.ledger):
            return counts
        with closing(Ledger(self._settings.ledger, self._settings.base_url, "plan")) as ledger:
            return counts | {group: len(ledger.free(listed[group])) for group in REFUNDABLE_GROUPS}

    def _available(self, group: str) -> int:
        """Return how many orders of a group the run finds, as far as that can be told."""
        if not self._listed(group) and group in sources.offered(self._settings):
            return sources.wanted(group, self._settings, self._profile)
        return self._free[group]

    def _lacks(self, case: Case) -> tuple[str, ...]:
        """Return the settings without which a case cannot be sent; none if it can."""
        group = "refundable" if case.group == SPENT else case.group
        credential = case.draft.credential
        lacks = [] if credential in self._tokens else [f"auth.{credential}"]
        if group == "refundable" and not self._limit:
            lacks.append("target.max_orders")
        elif not self._available(group):
            lacks.append(self.left_out or f"orders.{group}")
        return tuple(lacks)

    @cached_property
    def _sent(self) -> list[Case]:
        """The chosen cases for which nothing is lacking."""
        return [case for case in self._cases if not self._lacks(case)]

    # -- requests -----------------------------------------------------------------------------------

    def _requests(self) -> int:
        """Count the requests to a conformant target."""
        begun = len(self._begins) or 1
        return begun + sum(map(self._sends, self._sent)) + self._in_flows() + self._explored()

    @cached_property
    def _begins(self) -> frozenset[str]:
        """The cases that every run begins with."""
        makers = (missing_case, plain_case, second_case)
        return frozenset(case.id for case in (make(self._contract) for make in makers) if not self._lacks(case))

    def _sends(self, case: Case) -> int:
        """Count the requests of a case: none if it was sent before, two where a second request follows."""
        token = self._settings.tokens.get(case.draft.credential)
        formless = token is not None and case.draft.authorization(self._settings.header, token) is None
        alone = case.group in (SPENT, "refundable") or self._available(case.group) >= _NEEDED[case.pick]
        again = case.group == AGAIN_REFUNDABLE
        return (1 + again) * int(case.id not in self._begins and not formless and alone)

    def _in_flows(self) -> int:
        """Count the requests of checks that take several."""
        if not self._has_refundable:
            return 0
        kinds = {case.situation.authorization for case in self._every.values() if not self._lacks(case)}
        flows = {
            "auth.every-request": 2 * (len(kinds) - 1),
            "auth.first": 2 if self._available("unknown") else 0,
            "server.steady": STEADY_TRIES,
            "order.race": (self._profile.races + 1) * SIMULTANEOUS,
            "order.lifecycle": self._profile.walks * self._profile.steps,
            **{clause: 1 + self._representatives(key) for key, clause in NO_EFFECT.items()},
        }
        return sum(count for clause, count in flows.items() if clause in self._chosen)

    def _representatives(self, key: str) -> int:
        """Count the requests that stand for an area, if none of its own is sent before."""
        refused = [case for case in self._every.values() if self._is_refused(case) and bench_of(case) == key]
        return 0 if key in self._benches else len({case.clause for case in refused})

    def _explored(self) -> int:
        drawn = [clause for clause in explorations(self._contract) if clause in self._chosen]
        return len(drawn) * self._profile.examples if self._has_refundable else 0

    @property
    def _has_refundable(self) -> bool:
        return not self._lacks(plain_case(self._contract))

    # -- orders -------------------------------------------------------------------------------------

    def _is_refused(self, case: Case) -> bool:
        return bool(case.situation.wrong) and case.group == "refundable"

    @cached_property
    def _benches(self) -> frozenset[str]:
        """The shared orders that refused requests of the chosen clauses go to."""
        return frozenset(bench_of(case) for case in self._sent if self._is_refused(case)) - {QUESTIONS}

    def _leases(self) -> tuple[int, int]:
        """Return how many refundable orders are used up: at least, and if each open question gets a yes."""
        asked = accepted = 0
        for case in self._sent:
            if case.situation.wrong or case.id in self._begins or case.group not in (SPENT, "refundable"):
                continue
            answers = oracle.permitted(self._contract, case.situation, self._settings.pins)
            if case.group == "refundable" and all(answer.success for answer in answers):
                accepted += 1
            else:
                asked += 1
        raced = self._profile.races + 2 if "order.race" in self._chosen else 0
        walked = self._profile.walks * self._profile.walk_orders if "order.lifecycle" in self._chosen else 0
        shared = self._benches | {key for clause, key in _SHARED.items() if clause in self._chosen}
        least = 1 + max(len(shared), accepted) + raced + walked
        return least, least + asked

    def _supplies(self) -> Iterator[Supply]:
        for group in GROUPS:
            picks = {case.pick for case in self._cases if case.group == group}
            least, most = len(picks), len(picks)
            if group == "refundable":
                least, most = (min(count, self._limit) for count in self._leases())
            listed = len(self._listed(group))
            if self.left_out and not listed:
                continue
            source = self._settings.source if group in sources.offered(self._settings) else ""
            yield Supply(group, least, most, listed, self._free[group], source)

    # -- clauses ------------------------------------------------------------------------------------

    def _gaps(self) -> Iterator[Gap]:
        once = second_case(self._contract).clause
        for id_ in self._chosen:
            if self._contract.clauses[id_].every_answer and self._answers(self._contract.clauses[id_].area):
                continue
            cases = [case for case in self._cases if case.clause == id_]
            lacking = [lacks for lacks in map(self._lacks, cases or [plain_case(self._contract)]) if lacks]
            if lacking:
                settings = tuple(dict.fromkeys(setting for lacks in lacking for setting in lacks))
                again = sum(case.group == AGAIN_REFUNDABLE for case in self._sent) if id_ == once else 0
                yield Gap(id_, max(0, len(cases) - len(lacking)) + again, len(cases) + again, settings)

    def _answers(self, area: str) -> bool:
        """Whether there will be answers to judge: of success, or of any kind."""
        kind = "success" if area == "success" else ""
        return any(not kind or not case.situation.wrong for case in self._every.values() if not self._lacks(case))

    # -- remarks ------------------------------------------------------------------------------------

    def _notes(self) -> Iterator[str]:
        if self._settings.source == HOOK:
            host = sources.origin(self._settings.hook or "")
            yield f"the hook at {host} is asked for orders first; what it does not give stays untested."
        elif self._settings.source == SEARCH:
            yield "the search looks at orders first; those that it finds are used up, whoever made them."
        if self._has_refundable and not self._settings.ledger and self._settings.source != HOOK:
            yield "orders.ledger is not set: the next run will not know which orders this one has used up."

    def _short(self, orders: Sequence[Supply]) -> Iterator[str]:
        if self.left_out:
            return
        refundable = next(supply for supply in orders if supply.group == "refundable")
        if not self._has_refundable:
            state = "all used already" if refundable.listed else "not there"
            yield f"the orders of orders.refundable are {state}; without any, hardly anything can be tested."
        elif refundable.listed and refundable.free < refundable.least:
            yield (
                f"orders.refundable has {refundable.free} unused orders where {refundable.least} are needed; "
                "list more, or the last clauses stay untested."
            )
        elif refundable.listed and refundable.free < refundable.most:
            yield (
                f"orders.refundable has {refundable.free} unused orders; if the target says yes to each open "
                f"question, {refundable.most} are needed."
            )
        if self._limit < self._leases()[0]:
            least = self._leases()[0]
            yield f"{least} refundable orders are needed, and {self._limit} allowed (target.max_orders)."

    def _late(self, requests: int, limit: int) -> Iterator[str]:
        rate, seconds = self._settings.max_requests_per_second, self._settings.max_seconds or self._profile.seconds
        if requests > limit:
            yield f"about {requests} requests are needed and {limit} allowed (target.max_requests)."
        if rate and requests / rate > seconds:
            yield "the time ends before the requests do; raise target.max_seconds or max_requests_per_second."


def _exists(url: str) -> bool:
    """Whether there may be a ledger to look at: a plan makes no file."""
    path = url.removeprefix("sqlite:///")
    return url != MEMORY and (path == url or Path(path).exists())
