"""One run in one process: it begins with a probe, keeps to its bounds, and is over once the target is."""

import socket
import tomllib
from collections.abc import Iterator

import pytest

from engine_stage import CASES, CONTRACT, Event, mock_run, on_mock
from refund_conformance.contract.errors import TargetError
from refund_conformance.engine.context import context_of
from refund_conformance.engine.run import Run
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.ledger import MEMORY, open_ledger
from refund_conformance.sut.profile import PROFILES

NO_EMAIL = CASES["email.required/absent"]


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings(refundable=200)) as mock:
        yield mock


def run_against(
    mock: RunningMock, base_url: str = "", token: str = "", **target: object
) -> tuple[Run, list[Event]]:
    data = tomllib.loads(mock.target_toml())
    data["target"] |= {"base_url": base_url or mock.base_url, **target}
    data["auth"]["token"] = token or data["auth"]["token"]
    settings = target_settings.parse(data, "settings", CONTRACT)
    events: list[Event] = []
    ledger = open_ledger(MEMORY, settings.base_url, "run")
    return Run(context_of(CONTRACT, settings, PROFILES["ci"], 0, events.append, ledger, CONTRACT.clauses)), events


def sent(events: list[Event]) -> int:
    return sum(event["event"] == "exchange" for event in events)


def test_a_run_begins_with_few_requests() -> None:
    with mock_run() as made:
        kinds = [event["case"] for event in made.kept("case")]
        assert kinds == ["auth.missing/no-header", "order.refundable/plain", "order.once/second-request"]
        assert len(made.kept("exchange")) == 3
        assert made.leased() == ["730001"]


def test_a_stranger_asks_before_the_target_can_know_us() -> None:
    with mock_run() as made:
        first, second, *_ = made.kept("exchange")
    assert "AuthorizationJWT" not in {name for name, _ in first["request"]["headers"]}
    assert "AuthorizationJWT" in {name for name, _ in second["request"]["headers"]}


def test_a_target_that_cannot_be_reached_is_asked_a_handful_of_times(mock: RunningMock) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        run, events = run_against(mock, f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(TargetError, match="cannot be reached"):
            run.begin()
        run.close()
    assert 1 <= sent(events) <= 15
    assert "cannot be reached" in run.over


def test_a_token_that_is_refused_ends_the_run_at_once(mock: RunningMock) -> None:
    run, events = run_against(mock, token="nobodys.token.atall")
    with pytest.raises(TargetError, match=r"the target rejected auth\.token"):
        run.begin()
    run.close()
    assert sent(events) <= 5


def test_a_run_that_is_over_sends_nothing_more(mock: RunningMock) -> None:
    run, events = run_against(mock, token="nobodys.token.atall")
    with pytest.raises(TargetError):
        run.begin()
    before = sent(events)
    with pytest.raises(TargetError, match=r"the target rejected auth\.token"):
        run.carry_out(lambda runner: runner.examine(NO_EMAIL))
    with pytest.raises(TargetError, match=r"the target rejected auth\.token"):
        run.explore("json.malformed")
    run.close()
    assert sent(events) == before


def test_a_run_whose_time_is_over_sends_nothing_more(mock: RunningMock) -> None:
    run, events = run_against(mock, max_seconds=1e-9)
    with pytest.raises(TargetError, match=r"time limit reached; raise target\.max_seconds"):
        run.carry_out(lambda runner: runner.examine(NO_EMAIL))
    run.close()
    assert events == []
    assert run.over


def test_bounds_of_the_settings_narrow_those_of_the_profile(mock: RunningMock) -> None:
    run, events = run_against(mock, max_requests=7, max_orders=1)
    result = run.carry_out(lambda runner: [runner.examine(case) for case in CASES.values()])[-1]
    run.close()
    assert result.outcome is Outcome.UNTESTED
    assert sent(events) <= 7
    assert sum(event["event"] == "leased" and event["group"] == "refundable" for event in events) == 1


def test_bounds_of_the_settings_never_widen_those_of_the_profile(mock: RunningMock) -> None:
    with on_mock(
        mock,
        lambda target: target["target"].update(max_requests=10_000, max_orders=10_000),
        begun=False,
        orders=1,
        requests=6,
    ) as made:
        reasons = {made.runner.examine(case).reason for case in CASES.values()}
        assert len(made.leased()) - len(made.orders.used) <= 1
        assert len(made.kept("exchange")) <= 6
    assert "the run's 6 requests are used up" in reasons


def test_what_is_explored_is_told(mock: RunningMock) -> None:
    with on_mock(mock, examples=3) as made:
        result = made.run.explore("email.type")
    assert result is not None
    assert result.outcome is Outcome.HELD


def test_a_clause_that_is_violated_already_is_not_explored(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        before = len(made.kept("exchange"))
        finding = Finding("email.type", Kind.ACCEPTED, "400", "200")
        made.executor.keep(Result("email.type/x", "email.type", "T.", Outcome.VIOLATED, findings=(finding,)))
        assert made.run.explore("email.type") is None
        assert len(made.kept("exchange")) == before


def test_a_clause_that_nothing_is_drawn_for_is_not_explored(mock: RunningMock) -> None:
    with on_mock(mock, begun=False) as made:
        assert made.run.explore("order.once") is None


def test_what_is_kept_holds_no_token(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        made.runner.examine(CASES["auth.forged/payload-changed"])
        kept = repr(made.events)
        assert made.settings.tokens
        for token in made.settings.tokens.values():
            assert token not in kept
            assert not [part for part in token.split(".") if part in kept]
