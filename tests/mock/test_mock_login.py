"""A login tells nothing about who there is, slows down after failures, and takes no known password from afar."""

import time
import tomllib
from collections.abc import Iterator

import pytest
from mock_wire import Reply, Wire

from refund_conformance.mock import failed_logins, login, passwords
from refund_conformance.mock.banner import announcement, warning
from refund_conformance.mock.failed_logins import FailedLogins
from refund_conformance.mock.samples import MERCHANT, PASSWORDS
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings

ANYWHERE = "0.0.0.0"  # noqa: S104  (which is the point)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with running() as mock, Wire(mock) as wire:
        yield wire


def log_in(wire: Wire, name: str, password: str) -> Reply:
    return wire.ask("POST", "/v1/login_check", {"username": name, "password": password})


def test_who_there_is_costs_as_much_as_who_there_is_not(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def matches(password: str, stored: str) -> bool:
        compared.append(stored.rpartition("$")[0].rpartition("$")[0])
        return passwords.matches(password, stored)

    monkeypatch.setattr(login, "matches", matches)
    known, unknown = log_in(wire, MERCHANT, "wrong"), log_in(wire, "nobody", "wrong")
    assert (known.status, known.json) == (unknown.status, unknown.json)
    assert len(compared) == 2
    assert compared[0] == compared[1]


def test_failures_slow_a_name_down_and_no_other(wire: Wire) -> None:
    for _ in range(failed_logins.FREE):
        assert log_in(wire, MERCHANT, "wrong").status == 401
    started = time.monotonic()
    assert log_in(wire, MERCHANT, PASSWORDS[MERCHANT]).status == 200
    assert time.monotonic() >= started + failed_logins.FIRST_SECONDS
    started = time.monotonic()
    assert log_in(wire, MERCHANT, PASSWORDS[MERCHANT]).status == 200
    assert time.monotonic() < started + failed_logins.FIRST_SECONDS


def test_the_wait_doubles_up_to_a_limit_and_is_forgotten() -> None:
    failed, now, waits = FailedLogins(), 1000.0, []
    for _ in range(12):
        wait = failed.wait("name", now)
        assert wait is not None
        waits.append(wait)
        now += 100
        failed.note("name", now)
    assert waits[:6] == [0, 0, 0, 0.25, 0.5, 1.0]
    assert waits[-1] == failed_logins.MOST_SECONDS
    assert failed.wait("other", now) == 0
    assert failed.wait("name", now + failed_logins.FORGET_SECONDS + 1) == 0


def test_those_that_come_at_once_wait_for_each_other_and_too_many_are_refused() -> None:
    failed = FailedLogins()
    for _ in range(failed_logins.FREE):
        failed.note("name", 1.0)
    waits = [failed.wait("name", 1.0) for _ in range(100)]
    assert waits[:3] == [0.25, 0.5, 0.75]
    assert waits[-1] is None
    failed.forget("name")
    assert failed.wait("name", 1.0) == 0


def test_only_the_latest_names_are_remembered() -> None:
    failed = FailedLogins()
    for number in range(3000):
        for _ in range(failed_logins.FREE):
            failed.note(str(number), 1.0)
    assert failed.wait("0", 1.0) == 0
    assert failed.wait("2999", 1.0) == failed_logins.FIRST_SECONDS


def test_beyond_loopback_no_known_password_is_taken(tmp_path: object) -> None:
    settings = MockSettings(host=ANYWHERE, database=f"sqlite:///{tmp_path}/mock.db")
    with running(MockSettings(database=settings.database)) as mock, Wire(mock) as wire:
        assert log_in(wire, MERCHANT, PASSWORDS[MERCHANT]).status == 200
    with running(settings) as mock, Wire(mock) as wire:
        assert mock.base_url.startswith("http://127.0.0.1:")
        assert log_in(wire, MERCHANT, PASSWORDS[MERCHANT]).status == 401
        shown = announcement(mock.mock, mock.base_url)
        own = mock.mock.settings.password_of[MERCHANT]
        assert own in shown
        assert PASSWORDS[MERCHANT] not in shown
        assert tomllib.loads(shown)
        assert log_in(wire, MERCHANT, own).status == 200


def test_unless_told_so() -> None:
    with running(MockSettings(host=ANYWHERE, well_known_passwords=True)) as mock, Wire(mock) as wire:
        assert log_in(wire, MERCHANT, PASSWORDS[MERCHANT]).status == 200


def test_there_is_a_warning_of_what_others_reach() -> None:
    assert warning(MockSettings()) == ""
    assert "--host 0.0.0.0" in warning(MockSettings(host=ANYWHERE))
    assert "--control" not in warning(MockSettings(host=ANYWHERE))
    everything = warning(MockSettings(host=ANYWHERE, control=True, well_known_passwords=True))
    assert all(option in everything for option in ("--host", "--control", "--well-known-passwords"))
