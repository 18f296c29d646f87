"""Whole runs over TLS, as every staging server has it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from field_fronts import Certified, behind, certified, nginx_front, tls_front

from command_runs import Call, Ended, call
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("tls"))


@contextmanager
def front(name: str, base_url: str, shown: Certified, folder: Path) -> Iterator[str]:
    if name == "nginx":
        (folder / "nginx").mkdir()
        with nginx_front(base_url, shown, folder / "nginx") as url:
            yield url
        return
    with tls_front(base_url, shown, closing=0.05 if name == "late close" else None) as url:
        yield url


CI: tuple[str, ...] = ()
IN_FLIGHT = ("--in-flight", "8")
NIGHTLY = ("--profile", "nightly", "--seed", "1")  # which has all that ci has


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("ssl", CI, id="ssl-ci"),
        pytest.param("late close", CI, id="late-close-ci"),
        pytest.param("late close", IN_FLIGHT, id="late-close-in-flight"),
        pytest.param("nginx", IN_FLIGHT, id="nginx-in-flight"),
        pytest.param("nginx", NIGHTLY, id="nginx-nightly"),
    ],
)
def test_a_conformant_server_is_conformant(
    name: str, words: tuple[str, ...], shown: Certified, tmp_path: Path
) -> None:
    with running(MockSettings(refundable=200)) as mock, front(name, mock.base_url, shown, tmp_path) as url:
        settings = behind(mock.target_toml(), url, shown.authority)
        ended = call(tmp_path / "run", Call(("run", "--target", "target.toml", *words), {"target.toml": settings}))
    made = json.loads((ended.report / "conformance.json").read_text(encoding="utf-8"))
    assert (ended.status, made["verdict"]) == (0, "conformant"), ended.out + ended.err
    assert {row["result"] for row in made["clauses"]} == {"held"}


def ended_with(shown: Certified, tmp_path: Path, authority: Path | None, **environment: str) -> Ended:
    """Run a few clauses with a certificate authority of one's own, or with those of the environment."""
    with running() as mock, tls_front(mock.base_url, shown) as url:
        settings = behind(mock.target_toml(), url, authority)
        words = ("run", "--target", "target.toml", "route")
        return call(tmp_path / "run", Call(words, {"target.toml": settings}, environment))


def test_an_unknown_authority_names_the_setting(shown: Certified, tmp_path: Path) -> None:
    ended = ended_with(shown, tmp_path, None)
    assert ended.status == 3
    assert "target.ca_bundle" in ended.out + ended.err
    assert "certificate verify failed" in ended.out + ended.err


def test_another_authority_is_named(shown: Certified, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = certified(tmp_path / "other").authority
    ended = ended_with(shown, tmp_path, other)
    assert ended.status == 3
    assert str(other) in ended.out + ended.err


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_a_bundle_without_certificates_is_a_wrong_setting(
    shown: Certified, tmp_path: Path, text: str | None
) -> None:
    bundle = tmp_path / "wrong.pem"
    if text is not None:
        bundle.write_text(text)
    ended = ended_with(shown, tmp_path, bundle)
    assert ended.status == 2
    assert "target.ca_bundle" in ended.err
    assert str(bundle) in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_authorities_of_the_environment_are_trusted(shown: Certified, tmp_path: Path, name: str) -> None:
    assert ended_with(shown, tmp_path, None, **{name: str(shown.authority)}).status == 0


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_wrong_authorities_of_the_environment_are_named(shown: Certified, tmp_path: Path, name: str) -> None:
    ended = ended_with(shown, tmp_path, None, **{name: str(tmp_path / "missing.pem")})
    assert ended.status == 2
    assert name in ended.err
