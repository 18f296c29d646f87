"""What the checks of some clauses take with a target's settings: requests, and orders that are used up."""

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from refund_conformance.cases import all_cases, explorations, questions
from refund_conformance.cases.case import SPENT, Case, missing_case, plain_case
from refund_conformance.cases.orders import AGAIN_REFUNDABLE, REFUNDABLE_GROUPS, second_case, sends_again
from refund_conformance.contract.model import Contract
from refund_conformance.engine.bisection import NO_EFFECT
from refund_conformance.engine.partitions import COMBINED, SHARED_ORDERS, Joint, joints, shared_order_of
from refund_conformance.engine.race import SIMULTANEOUS, raced_cases
from refund_conformance.engine.registry import SCENARIOS, Circumstances, Price
from refund_conformance.oracle import permitted
from refund_conformance.sut import order_sources
from refund_conformance.sut.ledger import MEMORY, open_ledger
from refund_conformance.sut.profile import Profile
from refund_conformance.sut.settings import GROUPS, Settings
from refund_conformance.transport.exchange import Headers

_NEEDED = {"first": 1, "last": 2, "middle": 3}
"""How many orders a group must have for a case to have one of its own."""

_ANY_TOKEN = "token"  # noqa: S105
"""Stands for one that is got by logging in."""


class RunCost:
    """What the ``chosen`` clauses of a contract take.

    ``limit`` is the most refundable orders that the run may lease, ``cases`` are those of the clauses, ``every``
    has all by id. ``left_out`` is what would bring back orders that were left out on purpose, "" if none were.
    """

    def __init__(
        self, settings: Settings, contract: Contract, profile: Profile, chosen: Collection[str], left_out: str = ""
    ) -> None:
        self.settings = settings
        self.contract = contract
        self.profile = profile
        self._tokens = frozenset(settings.tokens) | ({"token"} if settings.username else frozenset())
        self.limit = order_sources.most_orders(settings, profile)
        self.chosen = [clause for clause in contract.clauses if clause in chosen]
        self.every = all_cases(contract)
        self.cases = [case for case in self.every.values() if case.clause in chosen]
        self.left_out = left_out

    # -- what the settings have ---------------------------------------------------------------------

    def listed(self, group: str) -> tuple[str, ...]:
        """Return the orders of a group that stand in the settings."""
        return tuple(self.settings.orders.get(group, ()))

    @cached_property
    def free(self) -> Mapping[str, int]:
        """How many of the listed orders of each group a run can still lease."""
        listed = {group: self.listed(group) for group in GROUPS}
        counts = {group: len(orders) for group, orders in listed.items()}
        if not self.settings.ledger or not _exists(self.settings.ledger):
            return counts
        with closing(open_ledger(self.settings.ledger, self.settings.base_url, "plan")) as ledger:
            return counts | {group: len(ledger.free(listed[group])) for group in REFUNDABLE_GROUPS}

    def _available(self, group: str) -> int:
        """Return how many orders of a group the run finds, as far as that can be told."""
        if not self.listed(group) and group in order_sources.offered(self.settings):
            return order_sources.wanted(group, self.settings, self.profile)
        return self.free[group]

    def lacks(self, case: Case) -> tuple[str, ...]:
        """Return the settings without which a case cannot be sent; none if it can."""
        group = "refundable" if case.group == SPENT else case.group
        credential = case.draft.credential
        lacks = [] if credential in self._tokens else [f"auth.{credential}"]
        if group == "refundable" and not self.limit:
            lacks.append("target.max_orders")
        elif not self._available(group):
            lacks.append(self.left_out or f"orders.{group}")
        return tuple(lacks)

    @cached_property
    def sent(self) -> list[Case]:
        """The chosen cases for which nothing is lacking."""
        return [case for case in self.cases if not self.lacks(case)]

    # -- requests -----------------------------------------------------------------------------------

    def requests(self) -> int:
        """Count the requests to a conformant target."""
        begun = len(self._begins) or 1
        alone = [case for case in self._alone if case.id not in self._joints]
        single = len({self._request(case) for case in alone}) + sum(map(self._more, alone))
        several = sum(price.requests for price in self._scenarios.values())
        return begun + single + self._accepted() + several + self._explored()

    def _more(self, case: Case) -> int:
        """Count the requests for a case besides its first: several at once, or one that follows."""
        if case.id in self._raced:
            return SIMULTANEOUS - 1
        return int(case.group == AGAIN_REFUNDABLE)

    def _accepted(self) -> int:
        """Count the requests that must be accepted, with those that follow."""
        wholes = {joint.joined.case.id: joint.joined for joint in self._joints.values()}
        return sum(
            SIMULTANEOUS if id_ in self._raced else 1 + (len(joined.members) > 1 or sends_again(joined.case))
            for id_, joined in wholes.items()
        )

    @cached_property
    def _raced(self) -> frozenset[str]:
        """The cases of which several are sent at once."""
        return raced_cases(self.contract, self.chosen) if self.has_refundable else frozenset()

    @cached_property
    def _begins(self) -> frozenset[str]:
        """The cases that every run begins with."""
        makers = (missing_case, plain_case, second_case)
        return frozenset(case.id for case in (make(self.contract) for make in makers) if not self.lacks(case))

    @cached_property
    def _alone(self) -> list[Case]:
        """The cases that are sent, and were not before."""
        return [
            case
            for case in self.sent
            if case.id not in self._begins
            and self._has_form(case)
            and (case.group in (SPENT, "refundable") or self._available(case.group) >= _NEEDED[case.pick])
        ]

    def _has_form(self, case: Case) -> bool:
        """Whether the token's form allows the request, as far as that can be told."""
        return case.draft.credential not in self.settings.tokens or self._authorization(case) is not None

    def _is_possible(self, case: Case) -> bool:
        return case.draft.credential in self._tokens and self._has_form(case)

    def _authorization(self, case: Case) -> Headers | None:
        token = self.settings.tokens.get(case.draft.credential, _ANY_TOKEN)
        return case.draft.authorization(self.settings.header, token)

    def _request(self, case: Case) -> tuple[object, ...]:
        """Return what tells a case's request from others: the very same one is sent once for a shared order."""
        for asked in case.situation.questions if not case.situation.wrong else ():
            if asked in self._together:
                return ("together", self._together[asked])
        draft = case.draft
        if not self._is_refused(case):
            return (case.id,)
        known = (draft.method, draft.path("0"), draft.content_type, draft.body, draft.credential)
        how = (draft.extra_headers, draft.spelling, draft.framing)
        return (shared_order_of(case), *known, *how, self._authorization(case))

    @cached_property
    def _together(self) -> Mapping[tuple[str, str], str]:
        """The request that asks each of several questions, unless a pinned answer forbids that it is accepted."""
        found: dict[tuple[str, str], str] = {}
        for whole in questions.asked_together(self.contract):
            answers = permitted.permitted(self.contract, whole.situation, self.settings.pins)
            if any(answer.success for answer in answers):
                found |= dict.fromkeys(whole.situation.questions, whole.id)
        return found

    @cached_property
    def _scenarios(self) -> Mapping[str, Price]:
        """The price of each check of several requests that is carried out."""
        chosen = {*self.chosen, *(self.contract.clauses[clause].area for clause in self.chosen)}
        proofs = {shared: self._proof(shared) for shared in NO_EFFECT.values()}
        circumstances = replace(self._circumstances, proofs=proofs)
        able = (one for one in SCENARIOS.values() if self.has_refundable or not one.needs_refundable)
        return {one.about: one.price(circumstances) for one in able if one.about in chosen}

    @cached_property
    def _circumstances(self) -> Circumstances:
        lacking = {case.id for case in self.every.values() if not self._is_possible(case)}
        lacking |= {group for group in GROUPS if not self._available(group)}
        return Circumstances(self.contract, self.profile, self.chosen, self._raced, lacking)

    def _proof(self, key: str) -> int:
        """Count the requests that a proof takes besides those that are sent anyway."""
        if key in self._proven:
            return 0
        refused = [case for case in self.every.values() if self._is_refused(case) and shared_order_of(case) == key]
        firsts = {case.clause: case for case in reversed(refused)}.values()
        left = (case for case in firsts if not self.lacks(case) and case.id not in self._begins)
        sent = {self._request(case) for case in left if self._has_form(case)}
        return 1 + (0 if key in self._shared_orders else len(sent))

    def _explored(self) -> int:
        drawn = [clause for clause in explorations(self.contract) if clause in self.chosen]
        return len(drawn) * self.profile.examples if self.has_refundable else 0

    @property
    def has_refundable(self) -> bool:
        """Whether there is an order that a request may be accepted for."""
        return not self.lacks(plain_case(self.contract))

    # -- orders -------------------------------------------------------------------------------------

    def _is_refused(self, case: Case) -> bool:
        return bool(case.situation.wrong) and case.group == "refundable"

    @cached_property
    def _shared_orders(self) -> frozenset[str]:
        """The shared orders that requests go to which must be refused."""
        sharing = [one for one in SCENARIOS.values() if one.phase == "together" and one.about in self.chosen]
        used = {one.partition for one in sharing if one.price(self._circumstances).requests}
        refused = {shared_order_of(case) for case in self._alone if self._is_refused(case)}
        return frozenset(refused | (used & {*SHARED_ORDERS.values()}))

    @cached_property
    def _joints(self) -> Mapping[str, Joint]:
        """How each request is sent that must be accepted, by case id."""
        sent = {case.id for case in self._alone}
        return {id_: joint for id_, joint in joints(self.contract, self.chosen).items() if id_ in sent}

    @cached_property
    def _proven(self) -> frozenset[str]:
        """The shared orders on which a request is accepted in the end."""
        asked = [COMBINED] if any(case.is_asked and case.group == "refundable" for case in self._alone) else []
        return self._shared_orders & {*asked, *(joint.shared_order for joint in self._joints.values())}

    def leases(self) -> tuple[int, int]:
        """Return how many refundable orders are used up: at least, and if each open question gets a yes."""
        asked = {self._request(case) for case in self._alone if case.is_asked}
        own = {
            joint.joined.case.id
            for joint in self._joints.values()
            if joint.shared_order not in self._shared_orders
        }
        proven = {key for clause, key in NO_EFFECT.items() if clause in self.chosen}
        several = sum(price.orders for price in self._scenarios.values())
        least = 1 + len(self._shared_orders | proven) + len(own) + several
        taken = (
            COMBINED in {joint.shared_order for joint in self._joints.values()}
            or COMBINED not in self._shared_orders
        )
        texts = int(taken and any(case.is_asked and case.group == "refundable" for case in self._alone))
        return least + texts, least + len(asked)


def _exists(url: str) -> bool:
    """Whether there may be a ledger to look at: a plan makes no file."""
    path = url.removeprefix("sqlite:///")
    return url != MEMORY and (path == url or Path(path).exists())
