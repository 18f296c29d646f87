"""A gate lets so many in at once, and those that someone waits for before the others."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from refund_conformance.transport.concurrency_limit import Gate

PATIENCE = 30
"""Seconds after which a test that hangs fails."""


class Visitors:
    """Threads that pass a gate, each until it is told to leave."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._pool = ThreadPoolExecutor(16)
        self._leave: dict[str, threading.Event] = {}
        self.entered: list[str] = []
        self._changed = threading.Condition()

    def come(self, name: str, *, urgent: bool = True) -> "Future[None]":
        self._leave[name] = threading.Event()
        return self._pool.submit(self._visit, name, urgent)

    def _visit(self, name: str, urgent: bool) -> None:
        with self._gate.passing(urgent=urgent):
            with self._changed:
                self.entered.append(name)
                self._changed.notify_all()
            assert self._leave[name].wait(PATIENCE)

    def leave(self, name: str) -> None:
        self._leave[name].set()

    def wait_until_entered(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.entered) >= number, PATIENCE), self.entered


def wait_until_urgent(gate: Gate, number: int) -> None:
    """Wait until so many wait at the gate that are urgent."""
    with gate._changed:
        for _ in range(PATIENCE * 1000):
            if gate._urgent == number:
                return
            gate._changed.wait(0.001)
    raise AssertionError(f"{gate._urgent} wait where {number} should")


@pytest.mark.parametrize("width", [1, 2, 5])
def test_so_many_are_in_at_once_and_no_more(width: int) -> None:
    gate = Gate(width)
    inside, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(width, timeout=PATIENCE)

    def visit(number: int) -> None:
        nonlocal inside, most
        with gate.passing(urgent=bool(number % 2)):
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait()  # nobody leaves before the gate is full
            with lock:
                inside -= 1

    with ThreadPoolExecutor(4 * width) as pool:
        list(pool.map(visit, range(4 * width)))
    assert (inside, most) == (0, width)


def test_those_that_someone_waits_for_go_first() -> None:
    gate = Gate(1)
    visitors = Visitors(gate)
    visits = [visitors.come("inside")]
    visitors.wait_until_entered(1)
    visits.append(visitors.come("ahead", urgent=False))
    visits.append(visitors.come("urgent"))
    wait_until_urgent(gate, 1)
    visitors.leave("inside")
    visitors.wait_until_entered(2)
    visitors.leave("urgent")
    visitors.wait_until_entered(3)
    visitors.leave("ahead")
    for visit in visits:
        visit.result(PATIENCE)
    assert visitors.entered == ["inside", "urgent", "ahead"]


def test_who_fails_inside_makes_room_all_the_same() -> None:
    gate = Gate(1)
    for urgent in (True, False, True):
        with pytest.raises(ValueError, match="inside"), gate.passing(urgent=urgent):
            raise ValueError("inside")
    with gate.passing(urgent=False):
        assert gate._free == 0
    assert (gate._free, gate._urgent) == (1, 0)
