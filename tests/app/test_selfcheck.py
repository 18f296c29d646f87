"""The suite is tried on faults and on lawful differences, and what it makes of each is judged."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine_stage import CONTRACT
from refund_conformance.app import signatures
from refund_conformance.app.selfcheck import OTHER_AREAS, Subject, Trial, _first_sign, _trial, subjects, trials
from refund_conformance.contract.model import PRECEDENCE
from refund_conformance.mock import variants
from refund_conformance.mock.faults import catalogue
from refund_conformance.report import likeness

SUBJECTS = subjects(CONTRACT)
FAULT = Trial(Subject("f", "auth.missing", fault="f"), 1, ("auth.missing",), 300, 20, 5, "")
LAWFUL = Trial(Subject("v", variant="v"), 0, (), 300, 20, 0, "")
ANSWER = Trial(Subject("q=a", answer=("bearer-case", "401")), 0, (), 300, 20, 0, "401")


def test_every_fault_is_tried_with_its_clause() -> None:
    tried = {subject.fault: subject.clause for subject in SUBJECTS if subject.fault}
    assert tried == {fault.name: fault.clause for fault in catalogue().values()}


def test_every_lawful_variant_and_answer_is_tried() -> None:
    assert {subject.variant for subject in SUBJECTS if subject.variant} == set(variants.catalogue())
    answers = {
        (question.id, answer)
        for question in CONTRACT.questions.values()
        if question.id != PRECEDENCE
        for answer in question.permitted
    }
    assert {subject.answer for subject in SUBJECTS if subject.answer} == answers
    assert not any(subject.clause for subject in SUBJECTS if not subject.fault)


def test_every_subject_has_a_name_of_its_own() -> None:
    assert len({subject.name for subject in SUBJECTS}) == len(SUBJECTS)


# ---- the judgement


@pytest.mark.parametrize("trial", [FAULT, LAWFUL, ANSWER])
def test_what_is_as_it_should_be_is_not_complained_of(trial: Trial) -> None:
    assert trial.complaint == ""


@pytest.mark.parametrize(
    ("trial", "complaint"),
    [
        (replace(FAULT, named=(), exit_status=0), "unseen"),
        (replace(FAULT, named=("email.null",)), "named otherwise"),
        (replace(FAULT, named=("auth.missing", "email.null", "json.malformed")), ""),
        (
            replace(FAULT, named=("auth.missing", "email.null", "json.malformed", "order.race")),
            "too wide: email, json, order",
        ),
        (replace(FAULT, named=("auth.missing", "auth.forged", "auth.first", "auth.codes")), ""),
        (replace(LAWFUL, named=("server.answers",), exit_status=1), "accused: server.answers"),
        (replace(LAWFUL, exit_status=3), "accused: exit status 3"),
        (replace(ANSWER, observed="accepted"), "observed accepted"),
        (replace(ANSWER, observed=""), "observed nothing"),
    ],
)
def test_what_is_not_is(trial: Trial, complaint: str) -> None:
    assert trial.complaint == complaint


def test_as_many_other_areas_as_may_be_named_are_few() -> None:
    assert OTHER_AREAS == 2


# ---- what is read from a report


def report(*rows: tuple[str, str], verdict: str = "violated", observed: str | None = None) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "clauses": [{"id": id_, "result": result} for id_, result in rows],
        "questions": [{"id": "bearer-case", "observed": observed}],
        "requests": 321,
        "orders": {"refundable": 24, "refund_finished": 3},
    }


def test_a_trial_names_what_was_violated_and_its_own_clause_if_that_was_warned_of() -> None:
    data = report(("auth.codes", "warned"), ("auth.first", "warned"), ("email.null", "violated"), ("a.b", "held"))
    trial = _trial(Subject("f", "auth.codes", fault="f"), data, [])
    assert trial.named == ("auth.codes", "email.null")
    assert (trial.exit_status, trial.requests, trial.orders) == (1, 321, 24)


@pytest.mark.parametrize(("verdict", "status"), [("conformant", 0), ("violated", 1), ("incomplete", 3)])
def test_a_trial_has_the_exit_status_of_its_verdict(verdict: str, status: int) -> None:
    assert _trial(LAWFUL.subject, report(verdict=verdict), []).exit_status == status


@pytest.mark.parametrize(("observed", "told"), [("401", "401"), (None, "")])
def test_a_trial_tells_what_was_observed_of_its_question(observed: str | None, told: str) -> None:
    assert _trial(ANSWER.subject, report(observed=observed), []).observed == told
    assert _trial(LAWFUL.subject, report(observed=observed), []).observed == ""


def test_the_first_sign_is_counted_in_requests() -> None:
    exchange: dict[str, Any] = {"event": "exchange"}
    other: dict[str, Any] = {"event": "case", "findings": [{"clause": "email.null"}]}
    sign: dict[str, Any] = {"event": "case", "findings": [{"clause": "a.b"}, {"clause": "auth.missing"}]}
    kept = [exchange, {"event": "note"}, exchange, other, exchange, sign, exchange, sign]
    assert _first_sign(kept, ["auth.missing"]) == 3
    assert _first_sign(kept, ["order.race"]) == 0
    assert _first_sign([], []) == 0


@pytest.mark.whole
def test_trials_go_on_when_their_processes_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refund_conformance.app.selfcheck.TRIALS", 1)
    chosen = [Subject(name, variant=name) for name in list(variants.catalogue())[:2]]
    done = list(trials(chosen, workers=1))
    assert [trial.subject for trial in done] == chosen
    assert [trial.complaint for trial in done] == ["", ""]


@pytest.mark.whole
def test_processes_of_a_selfcheck_that_is_killed_end_with_it() -> None:
    program = """
from refund_conformance.contract import model as contract
from refund_conformance.app.selfcheck import subjects, trials
for trial in trials(subjects(contract.load())[:4], 2):
    print(trial.subject.name, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline()
        killed.kill()
        killed.communicate(timeout=60)  # its processes hold the other end


def test_signatures_keep_how_a_fault_fails(tmp_path: Path) -> None:
    fault = next(iter(catalogue().values()))
    failing = frozenset({("route.unknown-url/longer", "accepted", "200 without errors")})
    trial = Trial(Subject(fault.name, fault.clause, fault=fault.name), 1, (fault.clause,), 9, 1, 2, "", failing)
    lawful = Trial(Subject("a-variant", variant="a-variant"), 0, (), 9, 1, 0, "")
    path = tmp_path / "signatures.json"
    assert signatures.write([trial, lawful], path) == 1
    [kept] = likeness.from_data(json.loads(path.read_text()), {})
    assert (kept.name, kept.clause, kept.title) == (fault.name, fault.clause, fault.story.rstrip("."))
    assert (kept.clauses, kept.failing) == (frozenset({fault.clause}), failing)
