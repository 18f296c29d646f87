"""A database that is locked, workers that die, and a reset in the middle of everything."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from mock_process import process_mock
from mock_wire import Wire

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock import database, workers
from refund_conformance.mock.listening import listen
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings

pytestmark = pytest.mark.whole


@contextmanager
def locked(path: Path, how: str = "IMMEDIATE") -> Iterator[None]:
    """Hold the file's write lock, or all of it."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(f"BEGIN {how}")
    try:
        yield
    finally:
        other.rollback()
        other.close()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.5)
    return tmp_path / "mock.db"


@pytest.fixture
def wire(file: Path) -> Iterator[Wire]:
    with running(MockSettings(database=f"sqlite:///{file}")) as mock, Wire(mock) as wire:
        yield wire


def test_a_locked_database_is_503_after_seconds(wire: Wire, file: Path) -> None:
    order = wire.ids("refundable")[0]
    with locked(file):
        started = time.monotonic()
        for reply in (wire.refund(order), wire.ask("POST", "/_mock/reset"), wire.ask("POST", "/_mock/orders")):
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            assert b"sqlite" not in reply.body.lower()
        assert time.monotonic() < started + 8
        assert wire.refund(wire.ids("not_paid")[0]).short == (400, [15030])
    assert wire.refund(order).status == 200
    told = wire.ask("GET", "/_mock/requests?check=database").json["requests"]
    assert [entry["status"] for entry in told] == [503] * 3


def test_one_that_waits_for_the_database_keeps_nobody_waiting(file: Path) -> None:
    settings = MockSettings(database=f"sqlite:///{file}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "WAIT_SECONDS", 5)
        with running(settings) as mock, Wire(mock) as waiting, Wire(mock) as wire:
            with locked(file):
                blocked = threading.Thread(target=waiting.ask, args=("POST", "/_mock/reset"))
                blocked.start()
                time.sleep(0.2)
                started = time.monotonic()
                assert wire.refund(wire.ids("not_paid")[0]).short == (400, [15030])
                assert wire.ask("GET", "/_mock/settings").status == 200
                assert time.monotonic() < started + 3
                assert blocked.is_alive()
            blocked.join(10)


def test_a_statement_that_is_wrong_is_no_trouble_of_the_database() -> None:
    def raised(statement: str) -> sqlite3.Error:
        try:
            sqlite3.connect(":memory:").execute(statement)
        except sqlite3.Error as problem:
            return problem
        raise AssertionError(statement)

    assert not database.is_trouble(raised("SELECT * FROM nothing"))
    assert not database.is_trouble(ValueError())
    assert database.is_trouble(raised("ATTACH '/nowhere/at/all' AS other"))


def test_no_reader_meets_a_reset_half_done(tmp_path: Path) -> None:
    settings = MockSettings(database=f"sqlite:///{tmp_path}/mock.db", workers=2)
    with process_mock(settings) as mock, Wire(mock) as resetting, Wire(mock) as wire:
        over = threading.Event()

        def reset() -> None:
            for _ in range(20):
                assert resetting.ask("POST", "/_mock/reset").status == 200
            over.set()

        thread = threading.Thread(target=reset)
        thread.start()
        order, found = wire.ids("not_paid")[0], set()
        while not over.is_set():
            found.add(str(wire.refund(order).short))
        thread.join(30)
    assert found == {"(400, [15030])"}


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    with (
        process_mock(MockSettings(database=f"sqlite:///{tmp_path}/mock.db", workers=2)) as mock,
        Wire(mock) as wire,
    ):
        assert wire.refund(wire.ids("not_paid")[0]).status == 400
        mock.kill()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(OSError):
                wire.connection.close()
                wire.ask("GET", "/healthz")
                time.sleep(0.05)
                continue
            return
    raise AssertionError("somebody still answers")


def test_workers_that_keep_dying_end_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(7)"])

    monkeypatch.setattr(workers, "_start", start)
    monkeypatch.setattr(workers, "MOST_DEATHS", 4)
    settings = MockSettings(database=f"sqlite:///{tmp_path}/mock.db", workers=2)
    with (
        listen(settings) as listener,
        pytest.raises(workers.WorkersError, match=r"4 died .* exit status 7") as raised,
    ):
        workers.serve_in_workers(settings, listener)
    assert raised.value.exit_status not in (0, 2)


def test_a_worker_that_dies_now_and_then_is_replaced(tmp_path: Path) -> None:
    settings = MockSettings(database=f"sqlite:///{tmp_path}/mock.db", workers=2)
    with process_mock(settings) as mock, Wire(mock) as wire:
        assert wire.ask("GET", "/healthz").status == 200
        children = Path(f"/proc/{mock.process.pid}/task/{mock.process.pid}/children")
        if not children.exists():
            pytest.skip("this system does not list a process's children")
        os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
        deadline = time.monotonic() + 30
        while len(children.read_text().split()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        wire.connection.close()
        assert wire.refund(wire.ids("not_paid")[0]).status == 400


def test_a_database_that_is_none_ends_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database, but long enough to be read as one\n" * 100)
    settings = MockSettings(database=f"sqlite:///{tmp_path}/text.db")
    with pytest.raises(UsageError, match="the database: does not answer"), running(settings):
        pass
