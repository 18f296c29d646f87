"""Tokens: those of the settings, one of our own for username and password, and no trace of any in what is kept."""

import base64
import json
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import TargetError
from refund_conformance.engine.context import context_of
from refund_conformance.engine.run import Run
from refund_conformance.mock.call import Call
from refund_conformance.mock.samples import MERCHANT, PASSWORDS
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.ledger import MEMORY, open_ledger
from refund_conformance.sut.profile import PROFILES
from refund_conformance.sut.settings import Settings
from refund_conformance.sut.tokens import EARLY, OWN, Tokens, login
from stand_in import Asked, Told, standing_in

CONTRACT = contracts.load()


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings()) as mock:
        yield mock


def by_password(mock: RunningMock, password: str = PASSWORDS[MERCHANT], username: str = MERCHANT) -> Settings:
    """Return the mock's settings without our own token, but with what is needed to log in."""
    data = tomllib.loads(mock.target_toml())
    del data["auth"]["token"]
    data["auth"] |= {"username": username, "password": password}
    return target_settings.parse(data, "settings", CONTRACT)


def jwt(expires_in: float | None, **claims: Any) -> str:
    """Return a token that tells when its life is over; nobody has signed it."""
    told = claims if expires_in is None else {**claims, "exp": time.time() + expires_in}
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, told)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2lnbmVk"])


# ---- logging in


def test_a_login_gets_a_token_that_the_target_takes(mock: RunningMock) -> None:
    token = login(by_password(mock), CONTRACT.operation)["token"]
    assert mock.mock.tokens.read(token) == MERCHANT


@pytest.mark.parametrize(("username", "password"), [(MERCHANT, "wrong"), ("nobody", PASSWORDS[MERCHANT])])
def test_a_login_that_is_refused_ends_the_run_and_tells_no_password(
    username: str, password: str, mock: RunningMock
) -> None:
    settings = by_password(mock, password, username)
    with pytest.raises(TargetError) as problem:
        login(settings, CONTRACT.operation)
    told = str(problem.value)
    assert told.startswith(f"login at {mock.base_url}/v1/login_check: was answered with 401. ")
    assert "auth.username and auth.password" in told
    assert password not in told
    assert problem.value.exit_status == 3


def test_a_token_of_the_settings_is_taken_as_it_is() -> None:
    settings = Settings("http://127.0.0.1:1", tokens={OWN: "ours"}, username="u", password="p")
    tokens = Tokens(settings, CONTRACT.operation)
    assert tokens.get(OWN) == "ours"
    assert tokens.values() == ("ours",)


def test_a_login_that_nobody_answers_ends_the_run() -> None:
    settings = Settings("http://127.0.0.1:1", username="u", password="p")
    with pytest.raises(TargetError, match="got no answer"):
        Tokens(settings, CONTRACT.operation)


class Answering:
    """A server that gives each login the next of its answers, the last one for ever; the first ones as 503."""

    def __init__(self, *bodies: bytes, busy: int = 0) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.settings = Settings("http://127.0.0.1:9", username="u", password="p")
        self._left = list(bodies)
        self._busy = busy
        self._stack = ExitStack()

    def __enter__(self) -> "Answering":
        url = self._stack.enter_context(standing_in(self._answer))
        self.settings = replace(self.settings, base_url=url)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _answer(self, asked: Asked) -> Told:
        self.asked.append(asked.document)
        body = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        return Told(503 if len(self.asked) <= self._busy else 200, body)


def telling(token: object) -> bytes:
    return json.dumps({"token": token}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"null",
        b"{}",
        b'{"token": null}',
        b'{"token": ""}',
        b'{"token": 7}',
        b'{"token": ["a"]}',
        b'{"token": "two words"}',
        b'{"token": "a\\r\\nInjected: header"}',
        b'{"token": "\\u00fcber"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"token": ' + b"9" * 20_000 + b"}",
    ],
)
def test_an_answer_without_a_token_ends_the_run(body: bytes) -> None:
    with Answering(body) as server, pytest.raises(TargetError, match="was answered without a token"):
        login(server.settings, CONTRACT.operation)


def test_a_login_that_a_gateway_answered_is_sent_again() -> None:
    with Answering(telling("t"), busy=2) as server:
        assert login(server.settings, CONTRACT.operation) == {"token": "t"}
    assert len(server.asked) == 3
    with Answering(telling("t"), busy=9) as server, pytest.raises(TargetError, match="was answered with 503"):
        login(server.settings, CONTRACT.operation)


def test_a_login_sends_username_and_password_as_json() -> None:
    with Answering(telling("t")) as server:
        assert login(server.settings, CONTRACT.operation) == {"token": "t"}
    assert server.asked == [{"username": "u", "password": "p"}]


# ---- renewing


def test_a_token_is_renewed_shortly_before_its_end() -> None:
    fresh = jwt(3600, n=2)
    with Answering(telling(jwt(EARLY / 2, n=1)), telling(fresh)) as server:
        tokens = Tokens(server.settings, CONTRACT.operation)
        assert [tokens.get(OWN), tokens.get(OWN)] == [fresh, fresh]
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "token",
    [
        "opaque",
        "a.b.c",
        "a..c",
        ".",
        jwt(None),
        jwt(None, exp="soon"),
        jwt(None, exp=None),
        jwt(3600),
        "e30.W10.c",
    ],
    ids=[str(number) for number in range(9)],
)
def test_a_token_that_tells_of_no_near_end_is_kept(token: str) -> None:
    with Answering(telling(token)) as server:
        tokens = Tokens(server.settings, CONTRACT.operation)
        assert [tokens.get(OWN), tokens.get(OWN)] == [token, token]
        assert not tokens.is_over(OWN)
    assert len(server.asked) == 1


def test_a_token_that_was_renewed_by_another_thread_is_not_renewed_again() -> None:
    with Answering(telling("first"), telling("second"), telling("third")) as server:
        tokens = Tokens(server.settings, CONTRACT.operation)
        assert tokens.renew("first") == "second"
        assert tokens.renew("first") == "second"
    assert len(server.asked) == 2


def test_a_token_of_the_settings_cannot_be_renewed_without_a_password() -> None:
    tokens = Tokens(Settings("http://127.0.0.1:1", tokens={OWN: jwt(-5)}), CONTRACT.operation)
    assert not tokens.renewable
    assert tokens.is_over(OWN)
    assert tokens.get(OWN) == tokens.values()[0]


def test_a_token_that_is_not_set_is_empty() -> None:
    tokens = Tokens(Settings("http://127.0.0.1:1", tokens={OWN: "ours"}), CONTRACT.operation)
    assert tokens.get("expired_token") == ""
    assert tokens.names() == {OWN}


# ---- a run with a token of its own


def test_a_run_that_logs_in_keeps_no_trace_of_token_or_password(mock: RunningMock) -> None:
    settings = by_password(mock)
    events: list[dict[str, Any]] = []
    ledger = open_ledger(MEMORY, settings.base_url, "run")
    run = Run(context_of(CONTRACT, settings, PROFILES["ci"], 0, events.append, ledger, CONTRACT.clauses))
    run.begin()
    tokens = run.runner.executor.client.tokens.values()
    run.close()
    kept = json.dumps(events)
    assert [event["outcome"] for event in events if event["event"] == "case"] == ["held"] * 3
    assert len(tokens) == 5  # with the one that gets another
    for secret in (*tokens, *(part for token in tokens for part in token.split(".")), PASSWORDS[MERCHANT]):
        assert secret not in kept


def test_a_token_that_the_target_revokes_midway_is_renewed(mock: RunningMock) -> None:
    settings, endpoint = by_password(mock), mock.mock.endpoint
    ledger = open_ledger(MEMORY, mock.base_url, "run")
    run = Run(context_of(CONTRACT, settings, PROFILES["ci"], 0, lambda event: None, ledger, CONTRACT.clauses))
    executor = run.runner.executor
    revoked, checks = executor.client.tokens.get(OWN), endpoint.checks

    def authorize(call: Call) -> None:
        if revoked.encode() in dict(call.received.headers).get(b"authorizationjwt", b""):
            raise endpoint.refusal(1007, "revoked")
        checks["authorization"](call)

    # A token is known by the second in which it was issued.
    mock.mock.tokens.keys.rotate()
    endpoint.checks = {**checks, "authorization": authorize}
    sent = executor.send(*executor.control_case(exists=False))
    endpoint.checks = checks
    run.close()
    assert not sent.wrong
    assert executor.client.tokens.get(OWN) != revoked
