"""What a run will do, told before anything is sent: requests, orders, time, and the clauses that stay untested."""

import math
import tomllib
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from refund_conformance.app import check_order
from refund_conformance.app.cost import RunCost
from refund_conformance.cases.case import plain_case
from refund_conformance.cases.orders import REFUNDABLE_GROUPS, second_case, sends_again
from refund_conformance.contract.errors import SettingsError
from refund_conformance.contract.model import Contract
from refund_conformance.engine.confirmation import CONFIRMATIONS
from refund_conformance.sut import order_sources, safety
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.ledger import MEMORY
from refund_conformance.sut.limits import limits_of
from refund_conformance.sut.profile import Profile
from refund_conformance.sut.settings import GROUPS, HOOK, SEARCH, Settings

BOUNDS = (40, 100, 200)
"""Numbers of requests for which a plan tells how much they would see."""


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
        return f"{needed} needed, {self.listed} listed{used}{self.forecast}"

    @property
    def forecast(self) -> str:
        """For how many runs the orders are enough, if a run uses them up; "" else."""
        if self.group not in REFUNDABLE_GROUPS or not self.least or not self.listed:
            return ""
        runs = self.free // self.least
        return f", enough for {runs} run{'' if runs == 1 else 's'}"


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
    ends, ``rate`` the most requests in a second. ``curve`` has numbers of requests, each with the part of
    the mock's faults that can be seen with so many.
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
    curve: tuple[tuple[int, float], ...] = ()

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
        if self.curve:
            shares = ", ".join(f"{share:.0%} with {bound}" for bound, share in self.curve)
            yield f"Faults    of those that the mock knows, so many are seen at most: {shares} requests"
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
    from refund_conformance.mock.banner import target_toml
    from refund_conformance.mock.factory import build
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
        order_sources.check_hook(settings, contract.operation)
    used, left_out = (safety.read_only(settings), "a run without --read-only") if read_only else (settings, "")
    cost = RunCost(used, contract, profile, chosen, left_out)
    return _Planning(cost).plan(_objections(settings, contract, read_only))


def _objections(settings: Settings, contract: Contract, read_only: bool) -> list[str]:
    try:
        safety.check(settings, contract.operation, allow_writes=False, read_only=read_only)
    except SettingsError as problem:
        return [str(problem)]
    return []


class _Planning:
    """Puts together what a plan tells of a cost."""

    def __init__(self, cost: RunCost) -> None:
        self._cost = cost
        self._settings = cost.settings
        self._profile = cost.profile
        self._contract = cost.contract

    def plan(self, warnings: Sequence[str]) -> Plan:
        """Return the plan."""
        requests = self._cost.requests()
        limits = limits_of(self._settings, self._profile)
        limit = limits.requests
        orders = tuple(self._supplies())
        return Plan(
            target=self._settings.base_url,
            profile=self._profile.name,
            requests=requests,
            most=min(limit, requests + CONFIRMATIONS**2 * len(self._cost.chosen)),
            orders=orders,
            rate=self._settings.max_requests_per_second,
            seconds=limits.seconds,
            clauses=len(self._cost.chosen),
            gaps=tuple(self._gaps()),
            notes=tuple(self._notes()),
            warnings=(*warnings, *self._short(orders), *self._late(requests, limit)),
            curve=self._curve(min(limit, requests)),
        )

    def _supplies(self) -> Iterator[Supply]:
        for group in GROUPS:
            picks = {case.pick for case in self._cost.cases if case.group == group}
            least, most = len(picks), len(picks)
            if group == "refundable":
                least, most = (min(count, self._cost.limit) for count in self._cost.leases())
            listed = len(self._cost.listed(group))
            if self._cost.left_out and not listed:
                continue
            source = self._settings.source if group in order_sources.offered(self._settings) else ""
            yield Supply(group, least, most, listed, self._cost.free[group], source)

    def _curve(self, most: int) -> tuple[tuple[int, float], ...]:
        """Return what part of the known faults some numbers of requests can show, in a run of all clauses."""
        if set(self._cost.chosen) != set(self._contract.clauses):
            return ()
        bounds = [bound for bound in BOUNDS if bound < most]
        return tuple(check_order.curve(self._contract, [*bounds, most]))

    # -- clauses ------------------------------------------------------------------------------------

    def _gaps(self) -> Iterator[Gap]:
        once = second_case(self._contract).clause
        for id_ in self._cost.chosen:
            if self._contract.clauses[id_].every_answer and self._answers(self._contract.clauses[id_].area):
                continue
            cases = [case for case in self._cost.cases if case.clause == id_]
            lacking = [lacks for lacks in map(self._cost.lacks, cases or [plain_case(self._contract)]) if lacks]
            if lacking:
                settings = tuple(dict.fromkeys(setting for lacks in lacking for setting in lacks))
                again = sum(map(sends_again, self._cost.sent)) if id_ == once else 0
                yield Gap(id_, max(0, len(cases) - len(lacking)) + again, len(cases) + again, settings)

    def _answers(self, area: str) -> bool:
        """Whether there will be answers to judge: of success, or of any kind."""
        sent = (case for case in self._cost.every.values() if not self._cost.lacks(case))
        return any(area != "success" or not case.situation.wrong for case in sent)

    # -- remarks ------------------------------------------------------------------------------------

    def _notes(self) -> Iterator[str]:
        if self._settings.source == HOOK:
            host = order_sources.origin(self._settings.hook or "")
            yield f"the hook at {host} is asked for orders first; what it does not give stays untested."
        elif self._settings.source == SEARCH:
            yield "the search looks at orders first; those that it finds are used up, whoever made them."
        if self._cost.has_refundable and not self._settings.ledger and self._settings.source != HOOK:
            yield "orders.ledger is not set: the next run will not know which orders this one has used up."

    def _short(self, orders: Sequence[Supply]) -> Iterator[str]:
        if self._cost.left_out:
            return
        refundable = next(supply for supply in orders if supply.group == "refundable")
        if not self._cost.has_refundable:
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
        if self._cost.limit < self._cost.leases()[0]:
            least = self._cost.leases()[0]
            yield f"{least} refundable orders are needed, and {self._cost.limit} allowed (target.max_orders)."

    def _late(self, requests: int, limit: int) -> Iterator[str]:
        rate, seconds = self._settings.max_requests_per_second, limits_of(self._settings, self._profile).seconds
        if requests > limit:
            yield f"about {requests} requests are needed and {limit} allowed (target.max_requests)."
        if rate and requests / rate > seconds:
            yield "the time ends before the requests do; raise target.max_seconds or max_requests_per_second."
