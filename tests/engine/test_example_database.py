"""Payloads that failed are kept in a directory or in Redis, and a later run tries them first."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from redis import Redis

from engine_stage import Stage, on_mock, plain, refused, stage
from refund_conformance.cases import explorations
from refund_conformance.cases.generation import draw
from refund_conformance.contract.errors import SettingsError
from refund_conformance.contract.model import load
from refund_conformance.engine.example_database import EXPIRY_DAYS, database
from refund_conformance.engine.fuzzing import explore
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.transport.exchange import Request, Response

DEMANDED = os.environ.get("REFUND_CONFORMANCE_REQUIRE_SERVICES") == "1"
LONG = "description.max-length"
STRATEGY = explorations(load())[LONG]


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    """The URL of a Redis server of its own, which listens on a socket in a folder and keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        if DEMANDED:
            pytest.fail("REFUND_CONFORMANCE_REQUIRE_SERVICES is 1, and there is no redis-server")
        pytest.skip("there is no redis-server")
    with TemporaryDirectory(prefix="redis-") as folder:
        socket = Path(folder) / "socket"
        words = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            said: list[str] = []
            while "eady to accept connections" not in "".join(said[-1:]):
                said.append(server.stdout.readline())
                assert said[-1], "".join(said)
            yield f"unix://{socket}"
            server.terminate()
            server.stdout.read()


@pytest.fixture(params=["directory", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for examples that is empty."""
    if request.param == "directory":
        return str(tmp_path / "examples")
    url = str(request.getfixturevalue("redis"))
    with Redis.from_url(url) as client:
        client.flushall()
    return url


# ---- the place


def test_without_a_place_there_is_no_database() -> None:
    assert database(None, LONG) is None


def test_what_is_kept_is_there_for_the_next_one(place: str) -> None:
    first, second = database(place, LONG), database(place, LONG)
    assert first is not None
    assert second is not None
    first.save(b"key", b"payload")
    assert list(second.fetch(b"key")) == [b"payload"]
    second.delete(b"key", b"payload")
    assert list(first.fetch(b"key")) == []


def test_each_clause_has_its_own_part(place: str) -> None:
    one, other = database(place, LONG), database(place, "email.type")
    assert one is not None
    assert other is not None
    one.save(b"key", b"payload")
    assert list(other.fetch(b"key")) == []


def test_a_directory_is_made_when_there_is_something_to_keep(tmp_path: Path) -> None:
    kept = database(str(tmp_path / "examples"), LONG)
    assert kept is not None
    assert not (tmp_path / "examples").exists()
    kept.save(b"key", b"payload")
    assert (tmp_path / "examples" / LONG).is_dir()


def test_redis_forgets_what_was_not_seen_for_long(redis: str) -> None:
    kept = database(redis, LONG)
    assert kept is not None
    kept.save(b"key", b"payload")
    with Redis.from_url(redis) as client:
        (name,) = client.scan_iter(f"refund-conformance:{LONG}:*")
        assert 0 < client.ttl(name) <= EXPIRY_DAYS * 24 * 3600


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://127.0.0.1:port/0", "nonsense://here"])
def test_a_redis_that_cannot_be_reached_is_told_of(url: str) -> None:
    with pytest.raises(SettingsError, match=r"target\.examples: cannot be used .* Name a directory") as problem:
        database(url, LONG)
    assert problem.value.exit_status == 2


def test_without_the_package_for_redis_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(SettingsError, match=r"Install refund-conformance\[redis\]"):
        database("redis://127.0.0.1:1/0", LONG)


def test_a_run_that_cannot_reach_it_does_not_begin() -> None:
    def elsewhere(target: dict[str, dict[str, str]]) -> None:
        target["target"]["examples"] = "redis://user:password@127.0.0.1:1/0"

    with running(MockSettings()) as mock, on_mock(mock, elsewhere, begun=False) as made:
        with pytest.raises(SettingsError) as problem:
            made.run.begin()
        assert made.kept("exchange") == []
        assert "password" not in f"{problem.value}{made.settings}"


# ---- explorations


def too_long_fails(request: Request) -> Response:
    return plain(500) if len(request.body) > 2000 else refused(15010, field="description")


def explored(made: Stage, place: str, examples: int) -> Result | None:
    return explore(made.runner, STRATEGY, draw(STRATEGY, examples, 0), 0, database(place, LONG))


def test_what_failed_is_tried_first_by_a_run_that_draws_nothing(place: str) -> None:
    first = stage(too_long_fails)
    failing = explored(first, place, 200)
    assert failing is not None
    assert failing.outcome is Outcome.VIOLATED
    second = stage(too_long_fails)
    again = explored(second, place, 0)
    assert again is not None
    assert again.outcome is Outcome.VIOLATED
    assert len(second.client.requests[0].body) > 2000
    assert len(second.client.requests) < len(first.client.requests)


def test_what_fails_no_more_is_seen_to_hold(place: str) -> None:
    explored(stage(too_long_fails), place, 200)
    mended = stage(refused(15010, field="description"))
    result = explored(mended, place, 0)
    assert result is not None
    assert result.outcome is Outcome.HELD
    assert len(mended.client.requests[0].body) > 2000


def test_what_held_is_not_kept(place: str) -> None:
    explored(stage(refused(15010, field="description")), place, 20)
    made = stage(too_long_fails)
    assert explored(made, place, 0) is None
    assert made.client.requests == []
