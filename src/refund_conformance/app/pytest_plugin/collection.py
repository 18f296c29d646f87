"""Which tests a run has, and in what order: cases become parameters, and each test belongs to a partition."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import chain

import pytest

from refund_conformance.app.budget import Check, affordable
from refund_conformance.cases import all_cases, explorations
from refund_conformance.cases.case import Case
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import UsageError
from refund_conformance.contract.model import Contract
from refund_conformance.engine.partitions import PARTITIONS, Joint, joints, partition_of, partition_of_drawn
from refund_conformance.engine.registry import PHASES, SCENARIOS, Circumstances, Scenario
from refund_conformance.sut.profile import Profile


class Selection:
    """A pytest plugin that collects the tests of the ``chosen`` clauses.

    ``shard`` is (index from 0, count) of the part to run.
    ``is_part`` tells, once they are collected, that pytest was given a part of the suites; ``clauses_of_shard``
    are those that the kept tests check.
    """

    def __init__(self, contract: Contract, chosen: Collection[str], shard: tuple[int, int]) -> None:
        self._contract = contract
        self._chosen = set(chosen)
        self._shard = shard
        self._cases = all_cases(contract)
        self.is_part = False
        self.clauses_of_shard: frozenset[str] = frozenset()

    @pytest.hookimpl
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give a test the cases of the clauses, or areas, that it is marked with."""
        mark = metafunc.definition.get_closest_marker("clause")
        if mark is None:
            return
        if "explored" in metafunc.fixturenames:
            drawn = [clause for clause in explorations(self._contract) if _named(mark, clause, self._contract)]
            metafunc.parametrize("explored", drawn, ids=[clause.replace(".", "-") for clause in drawn])
        elif "scenario" in metafunc.fixturenames:
            metafunc.parametrize("scenario", [SCENARIOS[name] for name in mark.args], ids=str)
        elif "case" in metafunc.fixturenames:
            cases = [case for case in self._cases.values() if _named(mark, case.clause, self._contract)]
            many = len({case.clause for case in cases}) > 1
            ids = [case.id.replace("/", "-") if many else case.slug for case in cases]
            metafunc.parametrize("case", cases, ids=ids)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Check that clauses and tests cover each other, keep what was chosen, and put it into the run's order."""
        ours = [item for item in items if item.get_closest_marker("clause")]
        if not ours:
            return
        self._check_coverage(ours)
        others = [item for item in items if item not in set(ours)]
        index, count = self._shard
        mine = set(PARTITIONS[index::count])
        kept = [item for item in ours if self.partition(item) in mine and self._chosen & set(self.clauses(item))]
        dropped = [item for item in ours if item not in set(kept)]
        self.clauses_of_shard = frozenset(chain.from_iterable(map(self.clauses, kept))) & self._chosen
        kept.sort(key=lambda item: PHASES.index(_phase(item)))
        items[:] = others + kept
        if dropped:
            session.config.hook.pytest_deselected(items=dropped)

    @cached_property
    def _shared(self) -> Mapping[str, Joint]:
        return joints(self._contract, self._chosen)

    def partition(self, item: pytest.Item) -> str:
        """Return the partition of a test."""
        case, scenario = case_of(item), _scenario_of(item)
        if case is not None:
            return partition_of(case, self._shared)
        if scenario is not None:
            return scenario.partition
        return next((partition_of_drawn(self._contract, clause) for clause in self.clauses(item)), "")

    def left_out(
        self, items: Sequence[pytest.Item], profile: Profile, requests: int, orders: int
    ) -> set[pytest.Item]:
        """Return the tests that so many requests and refundable orders do not suffice for."""
        ours = [item for item in items if item.get_closest_marker("clause")]
        checks = [Check(self.clauses(item)[0], case_of(item), _scenario_of(item)) for item in ours]
        circumstances = Circumstances(self._contract, profile, self._chosen)
        kept = affordable(checks, self._shared, circumstances, requests, orders)
        return {item for item, is_kept in zip(ours, kept, strict=True) if not is_kept}

    def clauses(self, item: pytest.Item) -> list[str]:
        """Return the clauses that a test checks."""
        case = case_of(item)
        if case is not None:
            return [case.clause]
        explored = _parameter(item, "explored")
        if isinstance(explored, str):
            return [explored]
        mark = item.get_closest_marker("clause")
        assert mark is not None  # noqa: S101
        return [clause for clause in self._contract.clauses if _named(mark, clause, self._contract)]

    def _check_coverage(self, items: list[pytest.Item]) -> None:
        for item in items:
            if not self.clauses(item):
                raise pytest.UsageError(f"{item.nodeid} checks no clause of the contract")
        for case in self._cases.values():
            if case.clause not in self._contract.clauses:
                raise pytest.UsageError(f"case {case.id} has no clause in the contract")
        files = {item.path.resolve() for item in items}
        self.is_part = not {path.resolve() for path in folder("suites").glob("test_*.py")} <= files
        if self.is_part:
            return
        covered = {clause for item in items for clause in self.clauses(item)}
        for clause in self._contract.clauses:
            if clause not in covered:
                raise pytest.UsageError(f"clause {clause} has no case in suites/")


def parse_shard(text: str) -> tuple[int, int]:
    """Return (index from 0, count) of INDEX/COUNT; raise UsageError if that is not what the text is."""
    first, _, second = text.partition("/")
    if first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second):
        if int(second) <= len(PARTITIONS):
            return int(first) - 1, int(second)
        raise UsageError(
            f"--shard {text}", "has too many parts", f"A run has {len(PARTITIONS)} parts to share out."
        )
    raise UsageError(f"--shard {text}", "is not INDEX/COUNT", "Write it like 2/5.")


def _named(mark: pytest.Mark, clause: str, contract: Contract) -> bool:
    """Whether a mark names a clause: by its id, its area, or as a clause of any field."""
    area = contract.clauses[clause].area if clause in contract.clauses else clause.partition(".")[0]
    return any(name in (clause, area) or (name == "<field>" and area in contract.fields) for name in mark.args)


def case_of(item: pytest.Item) -> Case | None:
    """Return the case that a test is of, None if it is of no single one."""
    case = _parameter(item, "case")
    return case if isinstance(case, Case) else None


def _scenario_of(item: pytest.Item) -> Scenario | None:
    """Return the check of several requests that a test is of."""
    scenario = _parameter(item, "scenario")
    return scenario if isinstance(scenario, Scenario) else None


def _parameter(item: pytest.Item, name: str) -> object:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get(name) if callspec else None


def _phase(item: pytest.Item) -> str:
    case = case_of(item)
    if case is not None:
        if case.is_asked:
            return "asked"
        return "refused" if case.situation.wrong else "accepted"
    scenario = _scenario_of(item)
    return scenario.phase if scenario else "drawn"
