"""Failures are grouped by cause: one for one fault, two for two, each violated clause in exactly one."""

import json
from collections import Counter
from itertools import chain
from typing import Any

import pytest
from report_story import Story, finding

from refund_conformance.cases import all_cases
from refund_conformance.contract import model as contracts
from refund_conformance.report import attribution, causes, likeness
from refund_conformance.report.boundaries import UNITS, boundary
from refund_conformance.report.cause_words import texts, titles
from refund_conformance.report.likeness import Signature, Signatures, as_data, from_data

CONTRACT = contracts.load()
CASES = all_cases(CONTRACT)
NO_BODY = "401 without an error code; the body is not JSON: it is empty"


def _found(story: Story) -> list[dict[str, Any]]:
    start = {"event": "start", "strict": story.strict}
    events = [start, *story.events]
    return causes.find(CONTRACT, events, attribution.draw(CONTRACT, events))


def _without_body(story: Story) -> Story:
    for case in CASES.values():
        if case.clause in ("auth.missing", "auth.malformed", "auth.forged", "auth.expired"):
            shape = finding("errors.shape", NO_BODY, kind="shape", also=[case.clause])
            story.case(case.id, "violated", shape, title=case.title)
    return story


def test_answers_without_a_body_are_one_cause() -> None:
    [cause] = _found(_without_body(Story()))
    assert cause["title"] == "A 401 answer has no error body"
    assert {"auth.missing", "auth.expired", "errors.shape"} <= set(cause["clauses"])
    assert len(cause["cases"]) > 20


def test_two_faults_are_two_causes() -> None:
    story = _without_body(Story())
    mail = CASES["email.format/two-at"]
    story.case(
        mail.id, "violated", finding("email.format", expected="400 with one 15010 for email"), title=mail.title
    )
    found = _found(story)
    assert [cause["title"] for cause in found][1:] == ["An email of a wrong format is accepted"]
    assert found[1]["clauses"] == ["email.format"]


def test_every_violated_clause_is_in_exactly_one_cause() -> None:
    story = _without_body(Story())
    for clause in ("order.zero-price", "route.method", "json.malformed", "server.steady", "order.lifecycle"):
        story.case(f"{clause}/x", "violated", finding(clause))
    events = [{"event": "start"}, *story.events]
    violated = {row.clause.id for row in attribution.draw(CONTRACT, events).with_result("violated")}
    counts = Counter(chain.from_iterable(cause["clauses"] for cause in _found(story)))
    assert counts == dict.fromkeys(violated, 1)


@pytest.mark.parametrize("strict", [True, False])
def test_nothing_is_said_where_nothing_is_violated(strict: bool) -> None:
    story = Story(strict=strict).everything_held(but=("auth.codes",))
    advice = finding("auth.codes", "401 with 1007", kind="advice", expected="401 with 1008")
    story.case("auth.codes/missing", "warned", advice)
    assert [cause["clauses"] for cause in _found(story)] == ([["auth.codes"]] if strict else [])


def test_one_crash_for_one_trait_is_one_cause_and_two_crashes_are_two() -> None:
    def crash(*ids: str) -> Story:
        story = Story().everything_held(but=tuple({CASES[id_].clause for id_ in ids}))
        for id_ in ids:
            found = finding("server.no-5xx", "500 without an error code", kind="crash", also=[CASES[id_].clause])
            story.case(id_, "violated", found, title=CASES[id_].title)
        return story

    [deep] = _found(crash("json.structure/deep-array", "json.malformed/deep-unclosed"))
    assert "nested" in deep["title"]
    assert len(_found(crash("description.null/null", "route.order-id/sql"))) == 2


# -- how long a field may be ---------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["characters", "bytes", "UTF-16 units"])
def test_the_unit_of_a_limit_is_found(unit: str) -> None:
    sent = []
    for case in CASES.values():
        if case.area == "description" and case.clause.partition(".")[2] in ("max-length", "unicode"):
            try:
                text = json.loads(case.draft.body)["description"]
            except ValueError:
                continue
            answer = "success" if UNITS[unit](text) <= 500 else "error"
            sent.append({"case": case.id, "answer": answer})
    found = boundary(CONTRACT, "description", CASES, sent)
    assert (found.unit if found else "characters") == unit


def test_another_limit_in_characters_is_told_with_its_ends() -> None:
    lengths = {"description.max-length/shortest": 1, "description.max-length/at-limit-ascii": 500}
    sent = [
        {"case": case.id, "answer": "success" if lengths.get(case.id) == 1 else "error"}
        for case in CASES.values()
        if case.area == "description"
    ]
    found = boundary(CONTRACT, "description", CASES, sent)
    assert found is not None
    assert found.unit == "characters"
    assert found.sentence.startswith(f"A text of {found.refused} characters as description is refused")
    assert found.refused is not None
    assert 1 < found.refused < 500


# -- likeness ------------------------------------------------------------------------------------------


def _signature(name: str, *failing: tuple[str, str, str]) -> Signature:
    return Signature(name, "auth.missing", name, f"{name}.", frozenset({"auth.missing"}), frozenset(failing))


def test_the_same_failures_are_nearest_and_others_are_not_near() -> None:
    one, other = ("auth.missing/a", "accepted", "200"), ("email.null/b", "crash", "500")
    known = Signatures([_signature("same", one), _signature("both", one, other), _signature("else", other)])
    near = known.near(frozenset({one}))
    assert [like.signature.name for like in near] == ["same", "both"]
    assert near[0].nearness == pytest.approx(1)
    assert known.near(frozenset({one}), without="same")[0].signature.name == "both"


def test_signatures_survive_their_file() -> None:
    kept = [_signature("one", ("auth.missing/a", "accepted", "200: yes"), ("order.race", "crash", "500"))]
    assert list(from_data(json.loads(json.dumps(as_data(kept))), {"one": "one"})) == kept


def test_the_package_carries_signatures_with_titles() -> None:
    known = likeness.known(titles()).known
    assert len(known) > 400
    assert {signature.clause for signature in known} <= CONTRACT.clauses.keys()
    assert set(texts()["places"]) <= set(CONTRACT.areas)
    assert set(texts()["subjects"]) >= {case.clause for case in CASES.values()} - {
        "errors.alone",
        "server.no-5xx",
    } - {"server.answers"}
