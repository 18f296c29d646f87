"""The mock as a service: limits, logs without secrets, a graceful stop, and no traces in answers."""

import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mock_process import process_mock
from mock_wire import Reply, Wire, many_wires
from sqlalchemy import text

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock.protocol import LONGEST_HEAD
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings

pytestmark = pytest.mark.whole


def _raw(wire: Wire, data: bytes) -> bytes:
    connection = wire.fresh()
    with socket.create_connection((connection.host, connection.port or 0), timeout=10) as raw:
        raw.sendall(data)
        received = b""
        while chunk := raw.recv(65536):
            received += chunk
        return received


def test_a_long_head_is_431(wire: Wire) -> None:
    head = b"POST /v1/order/1/refund HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * LONGEST_HEAD
    assert _raw(wire, head + b"\r\nContent-Length: 0\r\n\r\n").startswith(b"HTTP/1.1 431 ")
    assert _raw(wire, head).startswith(b"HTTP/1.1 431 ")
    many = b"".join(b"X-%d: y\r\n" % number for number in range(5000))
    request = b"POST / HTTP/1.1\r\nHost: x\r\n" + many + b"Content-Length: 0\r\n\r\n"
    assert _raw(wire, request).startswith(b"HTTP/1.1 431 ")


def test_long_bodies_do_not_count_for_the_head(wire: Wire) -> None:
    order = wire.ids("not_paid")[0]
    body = b'{"email": "a@b.c", "x": "' + b"x" * 200_000 + b'"}'
    for _ in range(3):
        assert wire.refund(order, body=body).short == (400, [15030])


def test_a_failure_shows_no_trace() -> None:
    with running() as mock, Wire(mock) as wire:
        with mock.mock.store.writing() as connection:
            connection.execute(text("DROP TABLE refund_requests"))
        reply = wire.refund(wire.ids("refundable")[0])
    assert reply.status == 500
    assert b"Traceback" not in reply.body
    assert b"refund_requests" not in reply.body
    assert len(reply.body) < 100


def test_logs_are_json_lines_without_secrets(tmp_path: Path) -> None:
    with (
        process_mock(MockSettings(log=True, database=f"sqlite:///{tmp_path}/mock.db")) as mock,
        Wire(mock) as wire,
    ):
        wire.refund(wire.ids("refundable")[0])
        wire.refund(wire.ids("not_paid")[0])
        credentials = b'{"username": "merchant", "password": "merchant-password"}'
        wire.send("POST", "/v1/login_check", [("Content-Type", "application/json")], credentials)
        mock.process.send_signal(signal.SIGTERM)
        _, logged = mock.process.communicate(timeout=20)
    lines = [json.loads(line) for line in logged.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests] == [200, 400, 200]
    assert requests[1]["codes"] == [15030]
    assert wire.token() not in logged
    assert "merchant-password" not in logged
    assert "merchant@example.com" not in logged


def test_a_stop_finishes_what_is_being_answered() -> None:
    with process_mock(MockSettings(delay=0.7)) as mock, Wire(mock) as wire:
        with ThreadPoolExecutor(1) as pool:
            reply = pool.submit(wire.refund, wire.ids("refundable")[0])
            time.sleep(0.3)
            mock.process.send_signal(signal.SIGTERM)
            assert reply.result(10).status == 200
        assert mock.process.wait(10) is not None


def test_an_interrupt_ends_the_command_with_130() -> None:
    with process_mock(MockSettings()) as mock:
        mock.process.send_signal(signal.SIGINT)
        assert mock.process.wait(10) == 130


def test_an_accepted_request_survives_kill_9(tmp_path: Path) -> None:
    settings = MockSettings(database=f"sqlite:///{tmp_path}/mock.db")
    accepted: list[str] = []
    with process_mock(settings) as mock, Wire(mock) as wire:

        def ask() -> None:
            try:
                for order in wire.ids("refundable"):
                    if wire.refund(order).status == 200:
                        accepted.append(order)
            except OSError:
                return

        asking = threading.Thread(target=ask)
        asking.start()
        while len(accepted) < 20:
            time.sleep(0.001)
        mock.kill()
        asking.join(10)
    with process_mock(settings) as mock, Wire(mock) as again:
        # The token of the first process is good in the second: its key was kept as well.
        headers = again.headers(wire.token())
        for order in accepted:
            assert again.refund(order, headers=headers).short == (400, [15050])


@pytest.mark.parametrize(
    "settings",
    [
        MockSettings(workers=0),
        MockSettings(workers=2),
        MockSettings(workers=2, database="sqlite:///x", rate_limit=5),
    ],
)
def test_workers_need_a_shared_database_and_no_account_of_their_own(settings: MockSettings) -> None:
    with pytest.raises(UsageError), running(settings):
        pass


def together(wires: list[Wire], order: str) -> list[Reply]:
    """Ask for a refund of one order over all wires at the same time."""
    barrier = threading.Barrier(len(wires))

    def ask(wire: Wire) -> Reply:
        barrier.wait(30)
        return wire.refund(order)

    with ThreadPoolExecutor(len(wires)) as pool:
        return list(pool.map(ask, wires))


def test_of_a_thousand_requests_one_is_accepted_by_two_workers_on_a_file(tmp_path: Path) -> None:
    settings = MockSettings(workers=2, database=f"sqlite:///{tmp_path}/mock.db")
    with process_mock(settings) as mock, many_wires(mock, 100) as wires:
        order, *_ = wires[0].ids("refundable")
        found = [reply.short for _ in range(10) for reply in together(wires, order)]
    assert sorted(found) == [(200, [])] + [(400, [15050])] * 999
