"""What a run says follows from its record alone: made again from its events, its report is the same."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest

from refund_conformance.contract import model as contracts
from refund_conformance.mock.settings import MockSettings
from refund_conformance.report import render, summary
from refund_conformance.report.events import EventFile
from whole_runs import Plan, Whole, under_way

CONTRACT = contracts.load()

FAULTY = MockSettings(faults=("desc-counted-in-bytes",), refundable=60)

RUNS = {
    "conformant": (Plan(), 0),
    "violated": (Plan(mock=FAULTY, clauses=("description", "order")), 1),
    "partial": (Plan(clauses=("auth", "json.malformed")), 0),
    "in-flight": (Plan(mock=FAULTY, clauses=("description", "order"), in_flight=8), 1),
    "incomplete": (Plan(pytest_args=("-x",), mock=MockSettings(faults=("errors-page",), refundable=60)), 1),
}


@pytest.fixture(scope="module")
def wholes() -> Iterator[Mapping[str, Future[list[Whole]]]]:
    with under_way({name: plan for name, (plan, _) in RUNS.items()}) as started:
        yield started


def made_again(whole: Whole, directory: Path) -> bytes:
    """Return the verdict that is made from a run's events."""
    file = EventFile(directory)
    for event in whole.events:
        file.write(event)
    file.close()
    made = render.render(directory)
    assert made.exit_status == whole.status
    return (directory / summary.FILE).read_bytes()


@pytest.mark.parametrize("name", RUNS)
def test_a_report_made_again_is_byte_for_byte_that_of_the_run(
    name: str, wholes: Mapping[str, Future[list[Whole]]], tmp_path: Path
) -> None:
    (whole,) = wholes[name].result()
    assert whole.status == RUNS[name][1]
    assert made_again(whole, tmp_path / "latest") == whole.conformance_bytes
    data = json.loads(whole.conformance_bytes)
    assert data["verdict"] == {"in-flight": "violated", "incomplete": "violated"}.get(name, name)
