"""What is sent: every case, made from the contract and the request schema."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from hypothesis.strategies import SearchStrategy

from refund_conformance.cases import bodies, combinations, orders, questions, requests
from refund_conformance.cases.case import Case, plain_case
from refund_conformance.cases.valid import valid_cases
from refund_conformance.contract.model import Contract

_SOURCES: tuple[Callable[[Contract], Iterator[Case]], ...] = (
    requests.route_cases,
    requests.auth_cases,
    requests.auth_code_cases,
    requests.content_type_cases,
    requests.spelling_cases,
    requests.json_cases,
    bodies.broken_cases,
    valid_cases,
    bodies.several_fields_cases,
    bodies.named_cases,
    orders.order_cases,
    orders.caller_cases,
    questions.question_cases,
    questions.limit_cases,
    questions.framing_cases,
    combinations.combined_cases,
)


def explorations(contract: Contract) -> dict[str, SearchStrategy[Case]]:
    """Return the strategies that draw further cases, by clause."""
    return {
        **requests.explored_requests(contract),
        **bodies.explored_bodies(contract),
        **combinations.explored_combinations(contract),
    }


@lru_cache(4)
def all_cases(contract: Contract) -> Mapping[str, Case]:
    """Return every listed case by id, in a fixed order; the plain case comes first."""
    found = {case.id: case for case in (plain_case(contract),)}
    for source in _SOURCES:
        for case in source(contract):
            if case.id in found:
                raise ValueError(f"two cases are called {case.id}")
            found[case.id] = case
    return MappingProxyType(found)


def incomplete_case(contract: Contract) -> Case:
    """Return the first case of a body that lacks a required field, and has nothing else wrong."""
    return next(case for case in all_cases(contract).values() if case.clause.endswith(".required"))
