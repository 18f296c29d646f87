"""Run the suite as its user does, in a process of its own, and look at what it leaves behind."""

import base64
import json
import os
import secrets
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hostile_answers import silent
from hostile_server import HOST, serving

from command_runs import asked_of_warm_start
from refund_conformance.contract import documents
from refund_conformance.contract.data_files import folder

BOUND = 120
"""Seconds that a run against a hostile target may take at most, on a busy machine."""

SIDE_BY_SIDE = 4
"""Runs at once: most of them wait most of their time."""

GROUPS = ("not_paid", "zero_price", "refund_new", "refund_processing", "refund_finished", "foreign", "unknown")
NETRC_PASSWORD = "netrc-password-of-nobody"


def made_up_jwt() -> str:
    """Return a token in a JWT's form that no server has issued."""

    def part(data: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    payload = part({"username": "somebody", "iat": 1700000000, "exp": 4000000000, "jti": secrets.token_hex(8)})
    return f"{part({'typ': 'JWT', 'alg': 'RS256'})}.{payload}.{secrets.token_urlsafe(64)}"


def made_up_target(url: str, timeout: float = 0.5, more: str = "") -> str:
    """Return target settings for a server that knows nothing of them."""
    tokens = [f'{name} = "{made_up_jwt()}"' for name in ("token", "expired_token", "other_merchant_token")]
    orders = [
        f"{name} = {[610_000 + 1000 * place + id_ for id_ in range(8)]}" for place, name in enumerate(GROUPS)
    ]
    head = f'[target]\nbase_url = "{url}"\ntimeout = {timeout}\n{more}'
    return "\n".join((head, "[auth]", *tokens, "[orders]", *orders, f"refundable = {list(range(730001, 730041))}"))


KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR")
"""What a run takes over of our environment."""

CommandLine = Callable[..., list[str]]
Job = Callable[[Path], "SuiteRun"]
"""A run, with all that it needs, that leaves what it writes in a folder of its own."""


@dataclass(frozen=True)
class SuiteRun:
    """A run that has ended: exit status, what it printed, where its report is, and what the target saw of it.

    ``elsewhere`` is the number of connections to a server that nothing should be sent to.
    """

    status: int
    output: str
    directory: Path
    target: str
    elsewhere: int
    connections: int = 0
    received: bytes = b""

    @property
    def conformance(self) -> dict[str, Any]:
        """The content of conformance.json."""
        content: dict[str, Any] = json.loads((self.directory / "conformance.json").read_text(encoding="utf-8"))
        return content

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of the run, each line read by itself."""
        lines = (self.directory / "events.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    @property
    def violated(self) -> set[str]:
        """The ids of the clauses that were violated."""
        return {clause["id"] for clause in self.conformance["clauses"] if clause["result"] == "violated"}

    @property
    def secrets(self) -> set[str]:
        """What must not be seen: the tokens, and the telling parts of each."""
        tokens: list[str] = list(tomllib.loads(self.target)["auth"].values())
        tokens = [token for token in tokens if token.count(".") == 2]
        parts = [part for token in tokens for part in token.split(".")[1:]]
        encoded = [base64.b64encode(token.encode()).decode().rstrip("=") for token in tokens]
        return {NETRC_PASSWORD, *tokens, *parts, *encoded, *(token[: len(token) // 2] for token in tokens)}


def command(target: Path, report: Path, *clauses: str) -> list[str]:
    """Return the command line of a run."""
    program = Path(sys.executable).with_name("refund-conformance")
    return [str(program), "run", "--target", str(target), "--report", str(report), *clauses]


def plain_pytest(target: Path, report: Path, *more: str) -> list[str]:
    """Return the command line of a run by pytest alone, which prints each failure."""
    suites = str(folder("suites"))
    return [
        *(sys.executable, "-m", "pytest", suites, "-c", os.devnull, "--rootdir", suites),
        *("-p", "refund_conformance.app.pytest_plugin.plugin", "-q", "-p", "no:cacheprovider", "--no-pages"),
        *("--report", str(report), "--target", str(target), *more),
    ]


def environment(home: Path, elsewhere: str) -> dict[str, str]:
    """Return an environment full of temptations: proxies, and a netrc with a password for the target's host."""
    home.mkdir(exist_ok=True)
    (home / ".netrc").write_text(f"machine {HOST} login somebody password {NETRC_PASSWORD}\n", encoding="utf-8")
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), elsewhere)
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    return {**kept, **proxies, "HOME": str(home), "NETRC": str(home / ".netrc")}


def run_suite(directory: Path, target: str, *more: str, by: CommandLine = command) -> SuiteRun:
    """Run the suite against a target and return when it has ended, which it must within BOUND seconds."""
    directory.mkdir()
    settings, report = directory / "target.toml", directory / "report"
    settings.write_text(target, encoding="utf-8")
    with serving(silent) as elsewhere:
        variables = environment(directory / "home", elsewhere.url)
        line = by(settings, report, *more)
        status, told = (_commanded if by is command else _started)(line, directory, variables)
        return SuiteRun(status, told, report, target, elsewhere.connections)


def _commanded(line: Sequence[str], directory: Path, variables: Mapping[str, str]) -> tuple[int, str]:
    ended = asked_of_warm_start(directory, line[1:], variables)
    return ended.status, ended.out + ended.err


def _started(line: Sequence[str], directory: Path, variables: Mapping[str, str]) -> tuple[int, str]:
    ended = subprocess.run(line, capture_output=True, timeout=BOUND, cwd=directory, env=variables, check=False)
    return ended.returncode, (ended.stdout + ended.stderr).decode("utf-8", "replace")


def marked(names: Iterable[str], defects: Mapping[str, str]) -> list[Any]:
    """Return names as parameters; those with a known defect are expected to fail for it."""
    return [
        pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=defects[name])) if name in defects else name
        for name in names
    ]


@contextmanager
def side_by_side(
    jobs: Mapping[str, Job], request: pytest.FixtureRequest, folder: Path
) -> Iterator[Callable[[str], SuiteRun]]:
    """Provide the runs by name.

    Those whose tests were chosen, by the parameter ``hostile``, start at once in a few threads.
    """
    params = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    chosen = {each.get("hostile") for each in params}
    pool = ThreadPoolExecutor(SIDE_BY_SIDE)
    started = {name: pool.submit(job, folder / name) for name, job in jobs.items() if name in chosen}
    try:
        yield lambda name: started[name].result()
    finally:
        pool.shutdown(cancel_futures=True)


def assert_sound(run: SuiteRun) -> None:
    """Assert what holds after every run, whatever the target did."""
    assert run.status in (1, 3), run.output[-3000:]
    conformance = run.conformance
    assert conformance["verdict"] == {1: "violated", 3: "incomplete"}[run.status]
    if run.status == 3:
        assert conformance["reason"]
    assert_recorded(run)
    assert [event["event"] for event in run.events][-1] == "end"
    for sign in ("Traceback (most recent call last)", "INTERNALERROR", "Warning:"):
        assert sign not in run.output, run.output[-3000:]
    assert not [sign for sign in run.output if ord(sign) < 32 and sign not in "\n\r\t"]
    assert_discreet(run)


def assert_recorded(run: SuiteRun) -> None:
    """Assert that each line of the events is one by the schema."""
    validator = documents.validator("event")
    events = run.events
    assert events[0]["event"] == "start"
    for event in events:
        problems = [problem.message for problem in validator.iter_errors(event)]
        assert not problems, (event, problems)


def assert_discreet(run: SuiteRun) -> None:
    """Assert that no secret is in the report or on the screen, and that nothing was sent elsewhere."""
    assert run.elsewhere == 0
    texts = {str(path): path.read_bytes().decode("latin-1") for path in run.directory.rglob("*") if path.is_file()}
    for where, text in {**texts, "output": run.output}.items():
        found = [secret for secret in run.secrets if secret in text]
        assert not found, f"{len(found)} secrets in {where}: …{_around(text, found[0])}…"
    assert NETRC_PASSWORD.encode() not in run.received
    assert base64.b64encode(f"somebody:{NETRC_PASSWORD}".encode()) not in run.received


def _around(text: str, found: str) -> str:
    place = text.index(found)
    return text[max(0, place - 200) : place + len(found) + 50]
