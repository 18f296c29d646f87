"""Every promise has faults that break it, each of them does something, and the normal path has none."""

import inspect
from functools import cache

import pytest
from mock_direct import Direct
from mock_probes import PROBES
from mock_wire import Reply

from refund_conformance.contract.errors import UsageError
from refund_conformance.contract.model import load
from refund_conformance.mock import call, checks, endpoint, store
from refund_conformance.mock.faults import catalogue, chosen
from refund_conformance.mock.settings import MockSettings

CONTRACT = load()
FAULTS = catalogue()


def _answers(clause: str, *faults: str) -> list[Reply]:
    with Direct(MockSettings(faults=faults, refundable=40)) as direct:
        return list(PROBES[clause](direct))


@cache
def _plain_answers(clause: str) -> list[Reply]:
    return _answers(clause)


def test_every_clause_has_a_fault_and_no_fault_another_clause() -> None:
    assert {fault.clause for fault in FAULTS.values()} == set(CONTRACT.clauses)
    assert len(FAULTS) >= 120


@pytest.mark.whole
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_an_answer(name: str) -> None:
    clause = FAULTS[name].clause
    assert _answers(clause, name) != _plain_answers(clause)


@pytest.mark.whole
@pytest.mark.parametrize("clause", PROBES)
def test_the_plain_mock_is_steady_under_the_probes(clause: str) -> None:
    assert _answers(clause) == _plain_answers(clause)
    unanswered = clause == "json.incomplete"  # as nobody waits for an answer then
    assert all(0 < reply.status < 500 or (unanswered and not reply.status) for reply in _plain_answers(clause))


def test_stories_are_sentences_and_names_are_plain() -> None:
    for fault in FAULTS.values():
        assert fault.story.endswith("."), fault.name
        assert fault.name == fault.name.lower(), fault.name
        assert "_" not in fault.name, fault.name
    stories = [fault.story for fault in FAULTS.values()]
    assert len(set(stories)) > 0.9 * len(stories)


@pytest.mark.parametrize("module", [call, checks, endpoint, store])
def test_the_normal_path_knows_no_faults(module: object) -> None:
    assert inspect.ismodule(module)
    source = inspect.getsource(module)
    assert "mock.faults" not in source
    assert "mock.variants" not in source


def test_an_unknown_fault_is_a_usage_error_with_a_hint() -> None:
    with pytest.raises(UsageError, match="desc-counted-in-bytes"):
        chosen(["desc-counted-bytes"])


def test_faults_can_be_had_together() -> None:
    with Direct(MockSettings(faults=("errors-15010-422", "fields-first-only"))) as direct:
        reply = direct.refund(direct.ids("refundable")[0], body=b'{"description": 1}')
    assert reply.short == (422, [15010])
