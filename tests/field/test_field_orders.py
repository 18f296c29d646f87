"""Orders that earlier runs used up are never a violation, and the run says how many are left."""

import re
from pathlib import Path

import pytest
from field_runs import judged

from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings


def night(
    mock: RunningMock, folder: Path, number: int, *, ledger: str = "", fresh: bool = False
) -> tuple[int, str, str]:
    """Run the suite on one list, each time from a fresh folder, as a checkout in CI is."""
    more = f'ledger = "{ledger}"\n' if ledger else ""
    more += "fresh = true\n" if fresh else ""
    settings = mock.target_toml().replace("[orders]\n", f"[orders]\n{more}")
    done = judged(folder / f"night-{number}", settings)
    assert fresh or done.with_result("violated") == set(), done.reasons
    return (*done.verdict, done.reasons)


def test_night_after_night_without_a_ledger_a_correct_server_is_never_red(tmp_path: Path) -> None:
    with running(MockSettings(refundable=24)) as mock:
        nights = [night(mock, tmp_path, number) for number in range(5)]
    assert nights[0][1] == "conformant"
    assert {status for status, _, _ in nights[1:]} <= {0, 3}
    assert nights[-1][:2] == (3, "incomplete")
    assert "24 of 24 listed orders are used" in nights[-1][2]


def test_with_a_ledger_no_used_order_is_asked_for(tmp_path: Path) -> None:
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with running(MockSettings(refundable=18)) as mock:
        nights = [night(mock, tmp_path, number, ledger=ledger) for number in range(3)]
        answers = mock.mock.journal.entries()
    assert nights[0][:2] == (0, "conformant")
    assert nights[2][0] == 3
    assert not re.search(r"refused \(400 with 15050\)", "".join(text for *_, text in nights))
    assert answers


def test_orders_that_are_known_to_be_fresh_are_a_violation_if_they_are_refused(tmp_path: Path) -> None:
    with running(MockSettings(refundable=60)) as mock:
        for order in mock.mock.samples.groups["refundable"]:
            assert mock.mock.store.create_refund_request(order, "else@example.com", None)
        status, verdict, _ = night(mock, tmp_path, 0, fresh=True)
    assert (status, verdict) == (1, "violated")


@pytest.mark.parametrize("used", [1, 13, 39])
def test_a_list_that_is_partly_used_is_judged_all_the_same(tmp_path: Path, used: int) -> None:
    with running(MockSettings(refundable=60)) as mock:
        for order in mock.mock.samples.groups["refundable"][:used]:
            assert mock.mock.store.create_refund_request(order, "else@example.com", None)
        status, verdict, reasons = night(mock, tmp_path, 0)
    assert (status, verdict) == (0, "conformant"), reasons
