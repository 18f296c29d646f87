"""The requests of a run, shared by its processes through the ledger."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from refund_conformance.sut.ledger import MEMORY, open_ledger
from refund_conformance.sut.limits import PART, Allowance

TARGET = "http://127.0.0.1:1"


def spent(allowance: Allowance, most: int = 10_000) -> int:
    """Send one request after another until none is allowed any more; return how many there were."""
    return next((sent for sent in range(most) if not allowance.covers(sent + 1)), most)


def test_one_process_has_the_whole_limit() -> None:
    allowance = Allowance(20, open_ledger(MEMORY, TARGET, "run"))
    assert allowance.covers(20)
    assert not allowance.covers(21)
    assert allowance.covers(20)
    assert allowance.limit == 20


def test_nothing_is_allowed_of_nothing() -> None:
    assert not Allowance(0, open_ledger(MEMORY, TARGET, "run")).covers(1)


@pytest.mark.parametrize("processes", [2, 3, 8])
def test_processes_share_the_limit_and_use_all_of_it(processes: int, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledgers = [open_ledger(url, TARGET, "run") for _ in range(processes)]
    allowances = [Allowance(400, ledger, processes) for ledger in ledgers]
    sent = [0] * processes
    while any(allowances[place].covers(sent[place] + 1) for place in range(processes)):
        for place in range(processes):
            sent[place] += allowances[place].covers(sent[place] + 1)
    assert sum(sent) == 400
    assert min(sent) > 0
    for ledger in ledgers:
        ledger.close()


def test_a_process_takes_a_part_at_a_time_so_that_others_find_some() -> None:
    ledger = open_ledger(MEMORY, TARGET, "run")
    first, second = Allowance(400, ledger, 2), Allowance(400, ledger, 2)
    assert first.covers(1)
    assert ledger.allow(1, 400) == 400 - 400 // (PART * 2)
    assert not second.covers(1)
    assert first.covers(400 // (PART * 2))
    assert not first.covers(400 // (PART * 2) + 1)


def test_a_process_that_is_done_leaves_most_to_the_others() -> None:
    ledger = open_ledger(MEMORY, TARGET, "run")
    assert Allowance(400, ledger, 3).covers(3)
    assert spent(Allowance(400, ledger, 3)) == 400 - 400 // (PART * 3)


def test_more_than_a_part_is_granted_where_it_is_asked_for() -> None:
    allowance = Allowance(100, open_ledger(MEMORY, TARGET, "run"), 4)
    assert allowance.covers(90)
    assert not allowance.covers(101)


def test_threads_of_a_process_are_granted_no_more_than_the_limit() -> None:
    allowance = Allowance(50, open_ledger(MEMORY, TARGET, "run"), 2)
    with ThreadPoolExecutor(8) as pool:
        allowed = list(pool.map(allowance.covers, range(1, 101)))
    assert allowed == [True] * 50 + [False] * 50


def test_each_run_has_its_own_limit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    first, second = open_ledger(url, TARGET, "first"), open_ledger(url, TARGET, "second")
    assert spent(Allowance(10, first)) == spent(Allowance(10, second)) == 10
    first.close()
    second.close()
