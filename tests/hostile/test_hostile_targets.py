"""Hostile targets: each run ends in time, soundly, without the verdict conformant and without a word to others."""

import datetime
import ipaddress
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hostile_answers import (
    BROKEN,
    CLOSED,
    CUT,
    GATEWAY,
    HEAVY,
    LATE,
    OVERSIZED,
    WRONG,
    answering,
    message,
    mirrored_token,
    redirecting,
    silent,
)
from hostile_runs import (
    CommandLine,
    Job,
    SuiteRun,
    assert_sound,
    command,
    made_up_target,
    marked,
    plain_pytest,
    run_suite,
    side_by_side,
)
from hostile_server import HOST, Serve, refusing, serving

Runs = Callable[[str], SuiteRun]

FEW = 6
"""Connections that a probe makes at most."""

RUN = frozenset(
    {
        "429-for-ever",
        "reset",
        "silence",
        "drip-in-the-body",
        "giant-header",
        "short-body",
        "random-bytes",
        "negative-length",
        "endless-body",
        "gzip-bomb",
        "redirect-loop",
        "invalid-utf-8",
        "number-of-20000-digits",
        "status-999",
        "answer-nobody-asked-for",
        "errors-20000-of-a-field",
        "largest-body",
    }
)
"""The servers that a whole run is made against: some of each kind. test_hostile_wire asks every one of them once;
what a run does next depends on the kind alone."""


def against(make: Callable[[], Serve], *more: str, by: CommandLine = command) -> Job:
    """Return the job of a run against a server; ``more`` is for the command line."""

    def job(directory: Path) -> SuiteRun:
        with serving(make()) as server:
            run = run_suite(directory, made_up_target(server.url), *more, by=by)
            return replace(run, connections=server.connections, received=server.received)

    return job


def within_a_second(make: Callable[[], Serve]) -> Job:
    """Return the job of a run that may take a second; its start, and a check that is under way, take more."""

    def job(directory: Path) -> SuiteRun:
        with serving(make()) as server:
            target = made_up_target(server.url, timeout=2, more="max_seconds = 1")
            return run_suite(directory, target)

    return job


def refused(directory: Path) -> SuiteRun:
    with refusing() as url:
        return run_suite(directory, made_up_target(url))


def at(url: str) -> Job:
    return lambda directory: run_suite(directory, made_up_target(url, more="allow_writes = true"))


def redirected_elsewhere(directory: Path) -> SuiteRun:
    with serving(answering(message(b"{}"))) as other:
        location = f"http://localhost:{other.port}/v1/order/{{}}/refund"
        with serving(redirecting(location)) as server:
            run = run_suite(directory, made_up_target(server.url))
            return replace(run, elsewhere=run.elsewhere + other.connections, received=server.received)


def certified_by_nobody(directory: Path) -> SuiteRun:
    directory.mkdir()
    with serving(answering(message(b"{}")), _tls(directory)) as server:
        run = run_suite(directory / "run", made_up_target(server.url))
        return replace(run, connections=server.connections, received=server.received)


def no_tls_at_all(make: Callable[[], Serve]) -> Job:
    def job(directory: Path) -> SuiteRun:
        with serving(make()) as server:
            run = run_suite(directory, made_up_target(server.url.replace("http:", "https:")))
            return replace(run, connections=server.connections)

    return job


def _tls(directory: Path) -> ssl.SSLContext:
    """Return the context of a server whose certificate is right but for who signed it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = directory / "server.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


NEVER_REACHED: Mapping[str, Job] = {
    # The longest first, so that the others run beside them.
    **{name: against(make) for name, make in GATEWAY.items() if name in RUN},
    **{
        name: against(make)
        for name, make in {**CLOSED, **LATE, **BROKEN, **CUT, **OVERSIZED}.items()
        if name in RUN
    },
    "refused": refused,
    "no-such-host": at("http://no-such-host.invalid"),
    "no-host-name": at("http://no..host.invalid"),
    "unknown-certificate": certified_by_nobody,
    "silence-behind-https": no_tls_at_all(lambda: silent),
    "mirror-reason": against(lambda: mirrored_token("reason")),
}
JUDGED: Mapping[str, Job] = {
    "redirect-to-another-host": redirected_elsewhere,
    **{name: against(make) for name, make in WRONG.items() if name in RUN},
    "mirror-status-line": against(lambda: mirrored_token("status-line")),
    "mirror-error": against(lambda: mirrored_token("error")),
    "mirror-header": against(lambda: mirrored_token("header")),
    "mirror-list-by-pytest": against(lambda: mirrored_token("list"), by=plain_pytest),
    "escape-sequences-by-pytest": against(WRONG["escape-sequences"], by=plain_pytest),
    **{name: within_a_second(make) for name, make in HEAVY.items() if name in RUN},
}
JOBS = {**NEVER_REACHED, **JUDGED}
DEFECTS: dict[str, str] = {}


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Start the runs of all tests that were chosen."""
    with side_by_side(JOBS, request, tmp_path_factory.mktemp("targets")) as started:
        yield started


@pytest.mark.parametrize("hostile", marked(NEVER_REACHED, DEFECTS))
def test_target_that_is_inconclusive(hostile: str, runs: Runs) -> None:
    run = runs(hostile)
    assert_sound(run)
    assert run.status == 3
    assert run.violated == set()
    assert run.connections <= FEW


@pytest.mark.parametrize("hostile", marked(JUDGED, DEFECTS))
def test_target_that_answers_wrongly(hostile: str, runs: Runs) -> None:
    assert_sound(runs(hostile))
