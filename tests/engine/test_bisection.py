"""A refused request that had an effect is found among those that shared its order; the innocent are not named."""

import re
from collections import Counter, deque
from dataclasses import replace

import pytest

from engine_stage import ACCEPTED, CASES, Answer, MockRun, mock_run, refused, stage
from refund_conformance.cases.case import Case
from refund_conformance.engine.bisection import NO_EFFECT, find_side_effect
from refund_conformance.oracle.finding import Kind
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import SharedOrder
from refund_conformance.transport.exchange import Request

FIELDS = [
    "description.type/integer-0",
    "description.null/null",
    "description.max-length/over-501",
    "email.type/integer-123",
    "email.null/null",
    "email.empty/empty",
    "email.format/no-at",
    "email.required/absent",
]
AUTH = [
    "auth.missing/no-header",
    "auth.malformed/empty",
    "auth.forged/payload-changed",
    "auth.expired/expired-token",
]
BODIES = [
    "content-type.other/text-plain",
    "json.malformed/truncated",
    "json.encoding/overlong",
    "json.structure/false",
]


def searched(made: MockRun, ids: list[str]) -> Result | None:
    """Look for the guilty one among cases, as if each had been refused on one order."""
    shared = SharedOrder(made.orders.lease(), deque(CASES[id_] for id_ in ids))
    return find_side_effect(made.executor, shared)


def test_the_effect_of_a_group_is_that_which_is_known_already() -> None:
    refusals: Counter[str] = Counter()

    def script(request: Request) -> Answer:
        refusals[request.target] += 1
        last = b"refunds" in request.body
        return (refused(15050) if refusals[request.target] > 2 else ACCEPTED) if last else refused(15010)

    ids = ["auth.missing/standard-header", "email.required/absent"]
    bodies = [replace(CASES[id_].draft, body=b"{}") for id_ in ids]
    cases = deque(replace(CASES[id_], draft=draft) for id_, draft in zip(ids, bodies, strict=True))
    for known in ((), ("auth.no-effect",)):
        made = stage(script)
        made.executor.violated.update(known)
        result = find_side_effect(made.executor, SharedOrder("730001", cases))
        assert result is not None
        assert result.clause == (known[0] if known else "fields.no-effect")
        refusals.clear()


def test_a_request_that_is_accepted_in_the_search_is_no_refused_one_with_an_effect() -> None:
    with mock_run() as made:
        assert searched(made, ["description.unicode/asks-nul-character"]) is None
        notes = [event["text"] for event in made.kept("note")]
    assert len(notes) == 1
    assert "was not refundable, though no request of ours made it so" in notes[0]


@pytest.mark.parametrize("patience", [2, 3, 5])
def test_an_effect_that_only_several_requests_have_is_that_of_the_smallest_group_found(patience: int) -> None:
    refusals: Counter[str] = Counter()
    accepted: set[str] = set()

    def script(request: Request) -> Answer:
        if request.target in accepted or refusals[request.target] >= patience:
            return refused(15050)
        if b'"refunds@example.com"' in request.body and b"null" not in request.body:
            accepted.add(request.target)
            return ACCEPTED
        refusals[request.target] += 1
        return refused(15010)

    made = stage(script)
    ids = [id_ for id_ in CASES if id_.startswith("email.") and CASES[id_].situation.wrong][:12]
    result = find_side_effect(made.executor, SharedOrder("730001", deque(CASES[id_] for id_ in ids)))
    assert result is not None
    assert result.clause == "fields.no-effect"
    (finding,) = result.findings
    found = re.search(r"one of (\d+) requests", finding.actual)
    assert found
    assert patience <= int(found[1]) < 2 * patience


@pytest.mark.parametrize(
    ("fault", "id_", "clause"),
    [
        ("fields-with-effect", "errors.alone/unconfigured-json-all-fields-refundable", "fields.no-effect"),
        ("auth-missing-with-effect", "auth.first/missing-other-all-fields-not-paid", "auth.no-effect"),
    ],
)
def test_the_effect_of_several_wrong_parts_is_that_of_the_first_with_a_clause_about_it(
    fault: str, id_: str, clause: str
) -> None:
    assert guilty(fault, [id_]).clause == clause


def guilty(fault: str, ids: list[str]) -> Result:
    with mock_run(fault) as made:
        result = searched(made, ids)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("fault", "key", "ids", "after"),
    [
        ("fields-email-with-effect", "fields", FIELDS, {CASES[id_].slug for id_ in FIELDS if "email" in id_}),
        ("fields-description-with-effect", "fields", FIELDS, {"integer-0", "null", "over-501"}),
        ("auth-missing-with-effect", "auth", AUTH, {"no-header", "empty"}),
        ("auth-expired-with-effect", "auth", AUTH, {"expired-token"}),
        ("content-type-with-effect", "json", BODIES, {"text-plain"}),
        ("json-structure-with-effect", "json", BODIES, {"false"}),
    ],
)
def test_the_guilty_request_is_named(fault: str, key: str, ids: list[str], after: set[str]) -> None:
    result = guilty(fault, ids)
    clause, _, slug = result.case.partition("/after-")
    assert clause == result.clause
    assert NO_EFFECT[clause] == key
    assert slug in after
    (finding,) = result.findings
    assert (result.outcome, finding.kind, finding.clause) == (Outcome.VIOLATED, Kind.EFFECT, clause)
    assert "400 with 15050 after " in finding.actual


def test_the_evidence_is_the_guilty_request_and_the_valid_one_after_it() -> None:
    with mock_run("auth-expired-with-effect") as made:
        result = searched(made, AUTH)
        assert result is not None
        by_number = {event["number"]: event for event in made.kept("exchange")}
    first, second = (by_number[number] for number in result.exchanges)
    assert first["response"]["status"] == 401
    assert second["response"]["status"] == 400
    assert first["request"]["target"] == second["request"]["target"]


def test_elsewhere_the_effect_is_the_guilty_cases_own_matter() -> None:
    result = guilty("method-refused-with-effect", ["route.method/get", "route.unknown-url/misspelt"])
    assert result.clause == "route.method"
    assert result.case == "route.method/after-get"


def test_the_search_is_short() -> None:
    everything = [
        case.id for case in CASES.values() if case.clause.startswith("email.") and case.situation.invalid
    ]
    with mock_run("fields-email-with-effect", refundable=60) as made:
        before = len(made.leased())
        assert searched(made, everything) is not None
        assert len(made.leased()) - before <= 10


def test_where_nobody_is_guilty_nobody_is_named() -> None:
    with mock_run() as made:
        order = made.orders.lease()
        assert find_side_effect(made.executor, SharedOrder(order, deque(CASES[id_] for id_ in FIELDS))) is None
        assert made.notes == [f"Order {order} was not refundable, though no request of ours made it so."]


def test_orders_that_are_refused_anyway_make_nobody_guilty() -> None:
    with mock_run(refundable=20) as made:
        made.use_up(str(730002 + number) for number in range(19))
        assert searched(made, FIELDS) is None
        assert len(made.notes) == 1


def test_orders_that_are_refused_by_turns_make_nobody_guilty() -> None:
    with mock_run(refundable=30, fresh=False) as made:
        made.use_up(str(730001 + number) for number in range(3, 30, 2))
        assert searched(made, FIELDS) is None
        assert len(made.notes) == 1


def test_without_orders_for_the_search_nobody_is_named() -> None:
    with mock_run("fields-email-with-effect", refundable=3) as made:
        assert searched(made, FIELDS) is None
        (note,) = made.notes
    assert note.startswith("An effect of a refused request on order 730002: ")
    assert "list more of them" in note


def test_orders_that_the_search_uses_up_are_known_as_spent() -> None:
    with mock_run() as made:
        spent = len(made.orders.accepted)
        searched(made, BODIES)
        assert len(made.orders.accepted) > spent
        assert set(made.orders.accepted) <= set(made.leased())


def test_names_of_results_stay_short() -> None:
    long = Case(f"email.format/{'x' * 200}", "Long.", CASES[FIELDS[0]].situation, CASES[FIELDS[0]].draft)
    with mock_run("fields-with-effect") as made:
        result = find_side_effect(made.executor, SharedOrder(made.orders.lease(), deque([long])))
    assert result is not None
    assert len(result.case) <= 120
