"""Targets that are lawful, but for one kind of request or only for some time."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hostile_answers import (
    OVERSIZED,
    answering,
    hearing_and_closing,
    message,
    resetting,
    silent,
)
from hostile_front import After, Turns, fronted
from hostile_runs import Job, SuiteRun, assert_sound, marked, run_suite, side_by_side
from hostile_server import RawServer, Received, Serve

from refund_conformance.mock.settings import MockSettings

Runs = Callable[[str], SuiteRun]

TIMEOUT = "timeout = 1.0\n"
AFTER = 60
"""Requests after which a target dies."""


def plain_text(request: Received) -> bool:
    return request.header("Content-Type") == "text/plain"


def array(request: Received) -> bool:
    return request.body.startswith(b"[")


def number_for_email(request: Received) -> bool:
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and isinstance(document.get("email"), int)


def unauthorized(request: Received) -> bool:
    return not request.header("AuthorizationJWT")


def settings(toml: str, more: str = "") -> str:
    """Return target settings with a short time for an answer."""
    return toml.replace("[auth]", f"{TIMEOUT}{more}\n[auth]", 1)


def turning(turns: Turns, make: Callable[[], Serve]) -> Job:
    """Return the job of a run against a target that turns hostile for some requests."""

    def job(directory: Path) -> SuiteRun:
        with fronted(turns, make()) as (_, toml):
            return run_suite(directory, settings(toml))

    return job


def dying(make: Callable[[], Serve], *more: str) -> Job:
    """Return the job of a run against a target that turns hostile for good; ``more`` is for the command line."""

    def job(directory: Path) -> SuiteRun:
        with fronted(After(AFTER), make()) as (server, toml):
            return _counted(server, run_suite(directory, settings(toml), *more))

    return job


def gone(directory: Path) -> SuiteRun:
    """Run against a target that ends and refuses connections from then on."""
    servers: list[RawServer] = []
    with fronted(After(AFTER, lambda: servers[0].refuse()), resetting) as (server, toml):
        servers.append(server)
        return _counted(server, run_suite(directory, settings(toml)))


def slow(directory: Path) -> SuiteRun:
    """Run for four seconds against a target that is lawful and slow."""
    with fronted(lambda request: False, silent, mock=MockSettings(delay=0.2)) as (_, toml):
        return run_suite(directory, settings(toml, "max_seconds = 4"))


def _counted(server: RawServer, run: SuiteRun) -> SuiteRun:
    return replace(run, connections=server.connections, received=server.received)


def refusal(status: str, headers: bytes = b"") -> Callable[[], Serve]:
    return lambda: answering(message(b"", status, headers))


ANSWERS = "server.answers"
TURNING: Mapping[str, tuple[Job, str]] = {
    "text-is-dropped": (turning(plain_text, lambda: hearing_and_closing), ANSWERS),
    "text-is-met-with-silence": (turning(plain_text, lambda: silent), ANSWERS),
    "arrays-are-answered-without-end": (turning(array, OVERSIZED["endless-body"]), ANSWERS),
    "arrays-are-answered-with-a-bomb": (turning(array, OVERSIZED["gzip-bomb"]), ANSWERS),
    "a-number-for-an-email-is-a-crash": (turning(number_for_email, refusal("500 Oh")), "server.no-5xx"),
    "strangers-are-dropped": (turning(unauthorized, lambda: hearing_and_closing), ANSWERS),
    "strangers-are-a-crash": (turning(unauthorized, refusal("500 Internal Server Error")), "server.no-5xx"),
}
DYING: Mapping[str, Job] = {
    "is-gone": gone,
    "resets": dying(lambda: resetting),
    "is-silent": dying(lambda: silent),
    "is-overrun": dying(refusal("503 Service Unavailable", b"Retry-After: 1\r\n")),
    "refuses-our-token": dying(
        lambda: answering(message(b'{"errors": [{"error": 1007, "message": "Invalid JWT Token"}]}', "401 No"))
    ),
    "is-slow": slow,
}
DEFECTS: dict[str, str] = {}


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Start the runs of all tests that were chosen."""
    jobs = {**DYING, **{name: job for name, (job, _) in TURNING.items()}}
    with side_by_side(jobs, request, tmp_path_factory.mktemp("fronts")) as started:
        yield started


@pytest.mark.parametrize("hostile", marked(TURNING, DEFECTS))
def test_target_that_is_hostile_to_one_kind_of_request(hostile: str, runs: Runs) -> None:
    run = runs(hostile)
    assert_sound(run)
    assert run.status == 1
    assert TURNING[hostile][1] in run.violated


@pytest.mark.parametrize("hostile", marked(DYING, DEFECTS))
def test_target_that_dies_midway(hostile: str, runs: Runs) -> None:
    run = runs(hostile)
    assert_sound(run)
    assert run.status == 3
    assert run.conformance["verdict"] == "incomplete"
    assert any(clause["result"] == "held" for clause in run.conformance["clauses"])
