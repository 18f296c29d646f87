"""A server that looks and then writes without a lock is named; its twin, which has a unique index, never is."""

import json
from pathlib import Path

import pytest
from field_workers import workers

from refund_conformance.app.run_command import Choice, arguments
from refund_conformance.report import summary

MOST_ORDERS = 10


def judged(target_toml: str, folder: Path) -> tuple[str, int]:
    """Run the suite's order.race on a target; return the clause's result and the orders that it took."""
    target = folder / "target.toml"
    target.write_text(target_toml, encoding="utf-8")
    pytest.main([*arguments(Choice(target=target, report=folder / "report", clauses=("order.race",))), "-qq"])
    told = json.loads((folder / "report" / summary.FILE).read_text(encoding="utf-8"))
    (clause,) = (row for row in told["clauses"] if row["id"] == "order.race")
    return clause["result"], told["orders"]["refundable"]


@pytest.mark.parametrize("gap", [0, 200])
@pytest.mark.parametrize("count", [2, 4])
def test_two_acceptances_are_seen_without_a_pause_between_look_and_write(
    count: int, gap: int, tmp_path: Path
) -> None:
    with workers(count, gap) as target:
        result, orders = judged(target, tmp_path)
    assert result == "violated"
    assert orders <= MOST_ORDERS


def test_the_twin_with_a_unique_index_holds(tmp_path: Path) -> None:
    with workers(once=True) as target:
        result, orders = judged(target, tmp_path)
    assert result == "held"
    assert orders <= MOST_ORDERS
