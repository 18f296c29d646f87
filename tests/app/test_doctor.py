"""A doctor tells what is well and what is not, without any effect and without any secret."""

import datetime
import ipaddress
import json
import socket
import ssl
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from refund_conformance.app.cli import main
from refund_conformance.app.doctor import examine, seconds_left
from refund_conformance.app.doctor_lines import Level, Line, exit_status, span
from refund_conformance.app.settings_problems import problems
from refund_conformance.contract import model as contracts
from refund_conformance.mock.samples import MERCHANT, OTHER_MERCHANT, PASSWORDS
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.sut.ledger import open_ledger
from refund_conformance.sut.settings import NONEXISTENT_ORDER_ID
from stand_in import Asked, Told, standing_in

pytestmark = pytest.mark.whole

CONTRACT = contracts.load()
SECRET = "secret-of-ours"
HOUR, DAY = 3600, 86400
LONG = 3.5 * DAY
"""Seconds that are told as three days, however long a test takes."""

Answer = tuple[int, Any, dict[str, str]]
Script = Callable[[str, str, str], Answer]
"""Takes method, path and token; returns status, what to answer as JSON, and header fields."""


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings(token_seconds=LONG)) as mock:
        yield mock


@contextmanager
def scripted(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a server that plays a script; provide its URL."""

    def answer(asked: Asked) -> Told:
        token = asked.headers.get("authorizationjwt", "").removeprefix("Bearer ")
        status, told, headers = script(asked.method, asked.path, token)
        return Told(status, json.dumps(told).encode(), headers)

    with standing_in(answer, tls) as url:
        yield url


def refused(code: int, status: int) -> Answer:
    return status, {"errors": [{"error": code, "message": "No."}]}, {}


NOT_FOUND = refused(15060, 404)


def nowhere(method: str, path: str, token: str) -> Answer:
    """Play a target without orders, whose pages there are not."""
    return (404, "no such page", {}) if method == "GET" else NOT_FOUND


Change = Callable[[dict[str, Any]], None]


def toml(data: dict[str, Any]) -> str:
    sections = [
        f"[{name}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in members.items())
        for name, members in data.items()
    ]
    return "\n".join(sections)


def written(path: Path, data: dict[str, Any], mode: int = 0o600) -> Path:
    target = path / "target.toml"
    target.write_text(toml(data))
    target.chmod(mode)
    return target


def of_mock(mock: RunningMock, path: Path, change: Change = lambda data: None) -> Path:
    data = tomllib.loads(mock.target_toml())
    data["orders"]["ledger"] = f"sqlite:///{path / 'ledger.sqlite'}"
    change(data)
    return written(path, data)


def made_up(path: Path, url: str, **auth: str) -> Path:
    """Return settings for a server without orders."""
    ledger = f"sqlite:///{path / 'ledger.sqlite'}"
    target = {"base_url": url, "timeout": 5}
    return written(path, {"target": target, "auth": {"token": SECRET, **auth}, "orders": {"ledger": ledger}})


def lines(target: Path) -> list[Line]:
    return list(examine(target, CONTRACT))


def about(found: list[Line], what: str) -> Line:
    """Return the last line about a thing."""
    return next(line for line in reversed(found) if line.what == what)


def worse(found: list[Line]) -> list[tuple[str, str]]:
    return [(line.level.value, line.what) for line in found if line.level is not Level.OK]


def token(seconds: float, user: str = "somebody") -> str:
    """Return a token that no server has issued, with so many seconds to live."""
    return jwt.encode({"sub": user, "exp": int(time.time() + seconds)}, "a key of nobody's, long enough for this")


# ---- a target that is well


def test_a_target_that_is_well(mock: RunningMock, tmp_path: Path) -> None:
    found = lines(of_mock(mock, tmp_path))
    assert worse(found) == []
    assert exit_status(found) == 0
    assert [line.what for line in found] == [
        "settings",
        "ledger",
        "target",
        "clock",
        "auth.token",
        "auth.expired_token",
        "auth.unconfigured_token",
        "auth.other_merchant_token",
        "auth.refresh_token",
        *(f"orders.{group}" for group in mock.mock.samples.groups),
        "supply",
    ]
    assert about(found, "auth.token").text == "is accepted, and expires in 3 days"
    assert about(found, "auth.expired_token").text == "has expired, and is rejected (401, 1009)"
    assert about(found, "orders.not_paid").text == "order 610001 is in that state"
    assert about(found, "orders.foreign").text == "order 660001 is not shown, as it should be"
    assert about(found, "supply").text.startswith("200 refundable orders can be used; a ci run takes ")


def test_it_has_no_effect_and_tells_no_secret(mock: RunningMock, tmp_path: Path) -> None:
    target = of_mock(mock, tmp_path)
    mock.mock.journal.clear()
    told = "\n".join(map(str, lines(target)))
    auth = tomllib.loads(target.read_text())["auth"]
    assert not any(part in told for name, value in auth.items() if name != "header" for part in value.split("."))
    asked = {(str(entry["method"]), str(entry["path"])) for entry in mock.mock.journal.entries()}
    assert {path for method, path in asked if method == "POST"} <= {"/v1/order/990001/refund"}
    orders = mock.mock.samples.groups["refundable"]
    assert all(not mock.mock.upkeep.tell(order)["refund_requests"] for order in orders[:3])


# ---- settings


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_secrets_that_others_can_read_are_warned_of(mock: RunningMock, tmp_path: Path, mode: int) -> None:
    target = of_mock(mock, tmp_path)
    target.chmod(mode)
    line = about(lines(target), "settings")
    assert line.level is Level.WARNING
    assert f"mode {mode:o}" in line.text
    assert line.remedy.startswith("chmod 600")


def test_a_file_without_secrets_may_be_read_by_all(
    mock: RunningMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = tomllib.loads(mock.target_toml())["auth"]
    monkeypatch.setenv("OUR_TOKEN", auth["token"])
    target = of_mock(mock, tmp_path, lambda data: data.update(auth={"token": "${OUR_TOKEN}"}))
    target.chmod(0o644)
    assert worse(lines(target)) == []


def test_a_ledger_that_cannot_be_opened_is_a_problem(mock: RunningMock, tmp_path: Path) -> None:
    found = lines(of_mock(mock, tmp_path, lambda data: data["orders"].update(ledger="sqlite:////none/l.sqlite")))
    assert ("problem", "ledger") in worse(found)
    assert about(found, "ledger").remedy
    assert exit_status(found) == 2


def test_a_denied_host_is_sent_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: pytest.fail("it was looked up"))
    found = lines(made_up(tmp_path, "https://api.ecommerce.noventiq.com"))
    assert worse(found) == [("problem", "safety")]
    assert exit_status(found) == 2


def test_another_machine_that_may_not_be_written_to_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = lines(made_up(tmp_path, "https://staging.example"))
    assert worse(found) == [("warning", "safety"), ("problem", "target")]
    assert "allow_writes" in about(found, "safety").remedy
    assert "the name staging.example cannot be resolved" in about(found, "target").text
    assert exit_status(found) == 3


def test_wrong_settings_are_a_problem(tmp_path: Path) -> None:
    found = lines(written(tmp_path, {"target": {"base_url": "http://127.0.0.1"}}))
    assert worse(found) == [("problem", "settings")]
    assert exit_status(found) == 2


WRONG = """
[target]
base_uri = "x"
timeout = 0
max_seconds = inf
denied_hosts = ["", "a", ""]
[auth]
token = "Bearer abc"
username = "${UNSET_USER}"
password = "${UNSET_PASSWORD}"
expired_token = 5
[orders]
source = "magic"
hook = "ftp://x"
refundable = ["1", "2", "a/b"]
not_paid = ["2", "1"]
[questions]
"a.b" = 1
utf16-json = "yes"
precedence = "x"
[extra]
"""
NAMED = [
    *("auth.username", "auth.password", "target.base_uri", "[extra]", "auth.token", "auth.expired_token"),
    *("target.max_seconds", "target.timeout", "orders.source", "target.denied_hosts.2", "target.denied_hosts.0"),
    *("orders.refundable.2", "target", "orders.not_paid", "orders.not_paid", "orders.hook", "questions.a.b"),
    *("questions.utf16-json", "questions.precedence"),
]


def test_all_problems_of_the_settings_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "target.toml"
    path.write_text(WRONG)
    found = lines(path)
    assert {line.what for line in found} == {"settings"}
    assert sorted(line.text.removeprefix(f"{path}: ").split(": ")[0] for line in found) == sorted(NAMED)
    assert all(line.remedy for line in found)
    assert exit_status(found) == 2


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[auth]\npassword = 'x'\n[orders]\nsource = 'hook'", ["the top level", "auth", "orders.hook"]),
        ("target = 5\nauth = 5\norders = []\nquestions = 1", ["target", "auth", "orders", "questions"]),
        ("[target]\nbase_url = '${UNSET}'\n[auth]", ["target.base_url", "auth.token"]),
        ("[target]\nbase_url = 'x'\nca_bundle = 'no.pem'", ["target.base_url", "auth.token", "target.ca_bundle"]),
    ],
)
def test_no_problem_is_reported_because_of_another(tmp_path: Path, text: str, named: list[str]) -> None:
    path = tmp_path / "target.toml"
    path.write_text(text)
    found = [each.what.removeprefix(f"{path}: ") for each in problems(path, CONTRACT, {})]
    assert sorted(found) == sorted(named)


def test_authorities_that_the_environment_names_are_a_problem_beside_others(tmp_path: Path) -> None:
    path = tmp_path / "target.toml"
    path.write_text("[target]\nbase_url = 'http://a.example'\n[auth]\ntoken = 't'\n[questions]\ncolour = 1")
    found = problems(path, CONTRACT, {"SSL_CERT_FILE": str(tmp_path / "none.pem")})
    assert [each.what for each in found] == [
        "the environment variable SSL_CERT_FILE",
        f"{path}: questions.colour",
    ]


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    assert [each.why for each in problems(tmp_path / "none.toml", CONTRACT)] == ["No such file or directory"]


# ---- reach and certificate


def test_a_target_that_refuses_connections(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        found = lines(made_up(tmp_path, f"http://127.0.0.1:{bound.getsockname()[1]}"))
    assert worse(found) == [("problem", "target")]
    assert "cannot be reached" in about(found, "target").text
    assert exit_status(found) == 3


def test_behind_a_proxy_only_requests_tell(mock: RunningMock, tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{bound.getsockname()[1]}"
        found = lines(of_mock(mock, tmp_path, lambda data: data["target"].update(proxy=proxy)))
    assert "is reached by a proxy" in next(line.text for line in found if line.what == "target")
    assert worse(found) == [("problem", "target")]


def certificate(path: Path, days: float, host: str = "127.0.0.1") -> tuple[Path, ssl.SSLContext]:
    """Return the file of a certificate that signs itself, and a context that serves with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "target")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=400))
        .not_valid_after(now + datetime.timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = path / "certificate.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    public = made.public_bytes(serialization.Encoding.PEM)
    file.write_bytes(public)
    (path / "both.pem").write_bytes(private + public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path / "both.pem")
    return file, context


def over_tls(path: Path, days: float, host: str = "127.0.0.1", *, trusted: bool = True) -> list[Line]:
    bundle, context = certificate(path, days, host)
    with scripted(nowhere, context) as url:
        target = made_up(path, url)
        if trusted:
            target.write_text(target.read_text().replace("[auth]", f'ca_bundle = "{bundle}"\n[auth]'))
        return lines(target)


def test_a_valid_certificate_is_told_with_its_days(tmp_path: Path) -> None:
    found = over_tls(tmp_path, 90)
    assert about(found, "target").text == "TLSv1.3, and the certificate is valid for 90 days"
    assert about(found, "auth.token").level is Level.OK
    assert ("problem", "target") not in worse(found)


def test_a_certificate_that_ends_soon_is_warned_of(tmp_path: Path) -> None:
    line = about(over_tls(tmp_path, 5), "target")
    assert (line.level, line.text) == (Level.WARNING, "TLSv1.3, and the certificate is valid for 5 days")


@pytest.mark.parametrize(
    ("days", "host", "trusted", "why"),
    [
        (-3, "127.0.0.1", True, "certificate has expired"),
        (90, "127.0.0.2", True, "IP address mismatch"),
        (90, "127.0.0.1", False, "self-signed certificate"),
    ],
    ids=["expired", "other-host", "not-trusted"],
)
def test_a_certificate_that_is_not_valid_is_a_problem(
    tmp_path: Path, days: float, host: str, trusted: bool, why: str
) -> None:
    found = over_tls(tmp_path, days, host, trusted=trusted)
    assert worse(found) == [("problem", "target")]
    assert why in about(found, "target").text
    assert exit_status(found) == 3


def test_a_port_that_speaks_no_tls_is_a_problem(tmp_path: Path) -> None:
    with scripted(nowhere) as url:
        found = lines(made_up(tmp_path, url.replace("http:", "https:")))
    assert "no TLS connection" in about(found, "target").text


@pytest.mark.parametrize("text", ["", "no certificate"])
def test_a_bundle_that_is_none_is_a_problem_of_the_settings(tmp_path: Path, text: str) -> None:
    _, context = certificate(tmp_path, 90)
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(text)
    with scripted(nowhere, context) as url:
        target = made_up(tmp_path, url)
        target.write_text(target.read_text().replace("[auth]", f'ca_bundle = "{bundle}"\n[auth]'))
        found = lines(target)
    assert worse(found) == [("problem", "settings")]
    assert "target.ca_bundle" in found[0].text


# ---- clock and tokens


@pytest.mark.parametrize(("apart", "how"), [(-LONG, "behind"), (LONG, "ahead of")])
def test_clocks_that_are_apart_are_warned_of(tmp_path: Path, apart: float, how: str) -> None:
    def script(method: str, path: str, token: str) -> Answer:
        return *NOT_FOUND[:2], {"Date": formatdate(time.time() + apart, usegmt=True)}

    with scripted(script) as url:
        line = about(lines(made_up(tmp_path, url)), "clock")
    assert (line.level, line.text) == (Level.WARNING, f"the target's clock is 3 days {how} ours")


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Nov 2026 25:61:00 GMT"])
def test_a_target_that_does_not_tell_the_time(tmp_path: Path, date: str) -> None:
    with scripted(lambda method, path, token: (*NOT_FOUND[:2], {"Date": date} if date else {})) as url:
        line = about(lines(made_up(tmp_path, url)), "clock")
    assert (line.level, line.text) == (Level.OK, "the target sends no Date header")


@pytest.mark.parametrize(
    ("answer", "what", "told"),
    [
        (refused(1007, 401), "auth.token", "is rejected (401, 1007)"),
        ((403, "no", {}), "auth.token", "is rejected (403, no code)"),
        (refused(15000, 400), "auth.token", "belongs to no configuration (15000)"),
        ((500, "no", {}), "target", "answered 500"),
        ((502, "no", {}), "target", "answered 502"),
        ((404, "no", {}), "target", f"POST /v1/order/{NONEXISTENT_ORDER_ID}/refund was answered (404, no code)"),
        (
            (302, "no", {"Location": "/login"}),
            "target",
            f"POST /v1/order/{NONEXISTENT_ORDER_ID}/refund was answered (302, no code)",
        ),
    ],
)
def test_a_token_that_is_not_accepted_is_a_problem(tmp_path: Path, answer: Answer, what: str, told: str) -> None:
    with scripted(lambda method, path, token: answer) as url:
        found = lines(made_up(tmp_path, url))
    assert worse(found) == [("problem", what)]
    assert about(found, what).text == told
    assert exit_status(found) == 3


def test_the_life_of_our_token_is_told(tmp_path: Path) -> None:
    def told(given: str) -> tuple[Level, str]:
        with scripted(nowhere) as url:
            line = about(lines(made_up(tmp_path, url, token=given)), "auth.token")
        return line.level, line.text

    assert told(SECRET) == (Level.OK, "is accepted; when it expires cannot be read from it")
    assert told(token(LONG)) == (Level.OK, "is accepted, and expires in 3 days")
    level, text = told(token(HOUR / 2))
    assert level is Level.WARNING
    assert text.startswith("is accepted, but expires in ")


def test_a_login_is_tried(mock: RunningMock, tmp_path: Path) -> None:
    def by_password(password: str) -> Change:
        return lambda data: data.update(auth={"username": MERCHANT, "password": password})

    found = lines(of_mock(mock, tmp_path, by_password(PASSWORDS[MERCHANT])))
    assert about(found, "auth.token").text == "is accepted, and expires in 3 days, then it is renewed"
    found = lines(of_mock(mock, tmp_path, by_password("another-password")))
    assert worse(found) == [("problem", "token")]
    assert "another-password" not in "\n".join(map(str, found))


def test_the_other_tokens_are_what_they_should_be(mock: RunningMock, tmp_path: Path) -> None:
    issue = mock.mock.tokens.issue

    def wrong(data: dict[str, Any]) -> None:
        data["auth"].update(
            expired_token=issue(MERCHANT, LONG + HOUR),
            unconfigured_token=issue(MERCHANT, -LONG),
            other_merchant_token=data["auth"]["token"],
        )

    found = lines(of_mock(mock, tmp_path, wrong))
    names = ("auth.expired_token", "auth.unconfigured_token", "auth.other_merchant_token")
    assert worse(found) == [("problem", name) for name in names]
    assert [about(found, name).text for name in names] == [
        "is valid for another 3 days",
        "expired 3 days ago",
        "is the same as auth.token",
    ]
    assert exit_status(found) == 2


def test_the_other_tokens_are_accepted_and_the_expired_one_is_not(mock: RunningMock, tmp_path: Path) -> None:
    def made_up_tokens(data: dict[str, Any]) -> None:
        data["auth"].update(
            expired_token=token(-HOUR), other_merchant_token=token(HOUR), unconfigured_token="opaque"
        )

    found = lines(of_mock(mock, tmp_path, made_up_tokens))
    assert about(found, "auth.expired_token").text == "has expired, and is rejected (401, 1007)"
    assert worse(found) == [("problem", "auth.unconfigured_token"), ("problem", "auth.other_merchant_token")]
    assert about(found, "auth.other_merchant_token").text == "is rejected (401, 1007)"
    with scripted(nowhere) as url:
        line = about(lines(made_up(tmp_path, url, expired_token="opaque-expired")), "auth.expired_token")
    assert (line.level, line.text) == (Level.WARNING, "is not rejected (404)")


# ---- orders


def test_each_group_is_looked_at_and_a_wrong_order_is_told(mock: RunningMock, tmp_path: Path) -> None:
    groups = {name: [str(order) for order in orders] for name, orders in mock.mock.samples.groups.items()}

    def moved(data: dict[str, Any]) -> None:
        ledger = data["orders"]["ledger"]
        turned = list(groups)[1:] + list(groups)[:1]
        data["orders"] = {name: groups[other][3:] for name, other in zip(groups, turned, strict=True)}
        data["orders"]["ledger"] = ledger

    found = {line.what: line for line in lines(of_mock(mock, tmp_path, moved))}
    assert {name: found[f"orders.{name}"].text for name in groups} == {
        "refundable": "order 610004 belongs to orders.not_paid",
        "not_paid": "order 620004 belongs to orders.zero_price",
        "zero_price": "order 630004 belongs to orders.refund_new",
        "refund_new": "order 640004 belongs to orders.refund_processing",
        "refund_processing": "order 650004 belongs to orders.refund_finished",
        "refund_finished": "order 660004 is not found",
        "foreign": "order 990004 is not shown, as it should be",
        "unknown": "order 730004 is shown, though it should not be",
    }
    assert exit_status(list(found.values())) == 3


def test_orders_that_were_used_before_are_passed_over(mock: RunningMock, tmp_path: Path) -> None:
    def few(data: dict[str, Any]) -> None:
        data["orders"]["refundable"] = data["orders"]["refundable"][:20]

    target = of_mock(mock, tmp_path, few)
    data = tomllib.loads(target.read_text())
    ledger = open_ledger(data["orders"]["ledger"], mock.base_url, "a run before")
    for order in data["orders"]["refundable"][:4]:
        ledger.lease("refundable", [order], 100)
    found = lines(target)
    assert about(found, "orders.refundable").text == "order 730005 is in that state"
    assert worse(found) == [("warning", "supply")]
    assert about(found, "supply").text.startswith("16 refundable orders can be used")
    for order in data["orders"]["refundable"][4:]:
        ledger.lease("refundable", [order], 100)
    ledger.close()
    found = lines(target)
    assert about(found, "orders.refundable").text == "all 20 were used before"
    assert exit_status(found) == 2


def test_a_target_without_pages_of_orders_is_said_to_have_none(tmp_path: Path) -> None:
    with scripted(nowhere) as url:
        target = made_up(tmp_path, url)
        target.write_text(f'{target.read_text()}\nrefundable = ["1"]\n')
        found = lines(target)
    assert (
        about(found, "orders").text
        == "the target has no GET /v1/order/{id}, so the states of orders were not looked at"
    )


def test_an_error_body_for_any_unknown_route_is_no_page_of_an_order(tmp_path: Path) -> None:
    def script(method: str, path: str, token: str) -> Answer:
        return refused(1, 404) if method == "GET" else NOT_FOUND

    with scripted(script) as url:
        target = made_up(tmp_path, url)
        target.write_text(f'{target.read_text()}\nrefundable = ["1"]\n')
        found = lines(target)
    assert [line for line in found if line.level is Level.PROBLEM] == []
    assert "so the states of orders were not looked at" in about(found, "orders").text


@pytest.mark.parametrize(
    ("answer", "level", "told"),
    [
        ((200, {"status": "paid"}, {}), Level.OK, "do not show whether it is in that state"),
        ((200, "paid", {}), Level.OK, "do not show whether it is in that state"),
        ((500, "no", {}), Level.WARNING, "GET for order 1 was answered with 500"),
    ],
)
def test_data_that_do_not_decide_are_no_problem(tmp_path: Path, answer: Answer, level: Level, told: str) -> None:
    def script(method: str, path: str, token: str) -> Answer:
        return answer if path.endswith("/1") else NOT_FOUND

    with scripted(script) as url:
        target = made_up(tmp_path, url)
        target.write_text(f'{target.read_text()}\nrefundable = ["1"]\n')
        line = about(lines(target), "orders.refundable")
    assert line.level is level
    assert told in line.text


def test_a_hook_is_reached_but_not_asked(mock: RunningMock, tmp_path: Path) -> None:
    asked: list[str] = []

    def script(method: str, path: str, token: str) -> Answer:
        asked.append(path)
        return NOT_FOUND

    with scripted(script) as url:
        found = lines(
            of_mock(mock, tmp_path, lambda data: data.update(orders={"source": "hook", "hook": f"{url}/states"}))
        )
    assert worse(found) == []
    assert "takes connections" in about(found, "hook").text
    assert about(found, "supply").text == "the hook is asked for refundable orders when a run begins"
    assert asked == []
    found = lines(of_mock(mock, tmp_path, lambda data: data.update(orders={"source": "hook", "hook": f"{url}/x"})))
    assert worse(found) == [("problem", "hook")]


def test_a_search_is_tried(mock: RunningMock, tmp_path: Path) -> None:
    def search(data: dict[str, Any]) -> None:
        data["orders"] = {"source": "search", "ledger": data["orders"]["ledger"]}

    found = lines(of_mock(mock, tmp_path, search))
    assert worse(found) == []
    assert about(found, "supply").text.startswith("30 refundable orders can be used; a ci run takes ")
    with scripted(nowhere) as url:
        target = made_up(tmp_path, url)
        target.write_text(f'{target.read_text()}\nsource = "search"\n')
        found = lines(target)
    assert worse(found) == [("problem", "orders")]
    assert "/v1/order/search was answered with 404" in about(found, "orders").text


# ---- small things


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 0 min"),
        (90_000, "25 h 0 min"),
        (2 * DAY, "2 days"),
    ],
)
def test_a_time_is_told_in_words(seconds: float, told: str) -> None:
    assert span(seconds) == told


@pytest.mark.parametrize(
    "text", ["", "opaque", "a.b.c", "..", jwt.encode({}, "k" * 32), jwt.encode({"exp": "soon"}, "k" * 32)]
)
def test_a_token_that_does_not_tell_its_end(text: str) -> None:
    assert seconds_left(text) is None


def test_the_settings_problems_come_before_the_targets() -> None:
    target, settings = (Line(Level.PROBLEM, "x", "y", "z", status) for status in (3, 2))
    warning = Line(Level.WARNING, "x", "y", "z")
    assert [exit_status(rows) for rows in ([], [warning], [warning, target], [target, settings])] == [0, 0, 3, 2]


def test_the_command_prints_each_line_with_its_remedy(mock: RunningMock, tmp_path: Path) -> None:
    def wrong(data: dict[str, Any]) -> None:
        data["auth"].update(other_merchant_token=mock.mock.tokens.issue(OTHER_MERCHANT, -LONG))

    done = CliRunner().invoke(main, ["doctor", "--target", str(of_mock(mock, tmp_path, wrong))])
    assert done.exit_code == 2
    assert "ok       auth.token: is accepted, and expires in 3 days\n" in done.output
    assert "problem  auth.other_merchant_token: expired 3 days ago\n         Set one that is valid." in done.output
    assert CliRunner().invoke(main, ["doctor", "--target", str(of_mock(mock, tmp_path))]).exit_code == 0
    assert CliRunner().invoke(main, ["doctor", "--target", str(tmp_path / "none.toml")]).exit_code == 2
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 2
