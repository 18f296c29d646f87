"""Requests that tell causes apart have one feature each, and nothing wrong."""

import json

import pytest

from engine_stage import CASES, CONTRACT
from refund_conformance.cases import probes as probing
from refund_conformance.cases.payloads import fields

PROBES = [probe for some in probing.probes(CONTRACT).values() for probe in some]


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.case.id.replace("/", "-"))
def test_a_probe_is_valid_and_differs_in_one_field(probe: probing.Probe) -> None:
    body = json.loads(probe.case.draft.body)
    plain = fields.plain(CONTRACT)
    assert probe.case.situation.wrong == ()
    assert fields.invalid_fields(CONTRACT, body) == {}
    assert [name for name in plain if body[name] != plain[name]] == [probe.case.area]


def test_probes_are_few_and_no_listed_cases() -> None:
    assert {clause: len(some) <= probing.MOST for clause, some in probing.probes(CONTRACT).items()} == {
        "description.unicode": True,
        "email.accepts": True,
    }
    assert not {probe.case.id for probe in PROBES} & CASES.keys()


def test_a_wider_feature_is_one_of_the_same_clause() -> None:
    for some in probing.probes(CONTRACT).values():
        features = {probe.feature for probe in some}
        assert {probe.wider for probe in some} <= {"", *features}
