"""The last look over a report: whatever secret got into a file is taken out, and the run is not conformant."""

import base64
import html
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from report_story import Story, faulty_story, finding

from command_runs import BOUND, PROGRAM, environment
from refund_conformance.contract import documents
from refund_conformance.contract.errors import RunError
from refund_conformance.mock.samples import MERCHANT, PASSWORDS
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.report import history, markdown, render, secret_scan

pytestmark = pytest.mark.whole

HEAD, PAYLOAD, SIGNATURE = (
    base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (b'{"alg":"RS256","typ":"JWT"}', b'{"sub":"merchant-7","exp":4102444800}', bytes(range(190, 250)))
)
JWT = f"{HEAD}.{PAYLOAD}.{SIGNATURE}"
PASSWORD = 'pä/ss "w0rd" & <more>\'s_*'

WRITTEN: dict[str, Callable[[str], str]] = {
    "raw": str,
    "percent-encoded": lambda text: quote(text, safe=""),
    "base64": lambda text: base64.b64encode(f"x:{text}".encode()).decode(),
    "json-escaped": lambda text: json.dumps(text)[1:-1],
}


def _files(directory: Path) -> dict[str, str]:
    every = [*directory.iterdir(), *history.place(directory).glob("*.json")]
    return {path.name: path.read_text(encoding="utf-8", errors="replace") for path in every if path.is_file()}


def _data(directory: Path) -> dict[str, object]:
    data: dict[str, object] = json.loads((directory / "conformance.json").read_text())
    documents.check(data, "conformance-report", "conformance.json", RunError)
    return data


def test_a_run_without_a_leak_is_as_it_was(tmp_path: Path) -> None:
    directory = Story().everything_held().write(tmp_path / "latest")
    made = secret_scan.finish(directory, [JWT, PASSWORD])
    assert (made.exit_status, made.data["verdict"], made.data["reason"]) == (0, "conformant", "")


def test_every_file_of_a_report_is_looked_at(tmp_path: Path) -> None:
    directory = Story().everything_held().write(tmp_path / "latest")
    secret_scan.finish(directory, [])
    assert {path.name for path in directory.iterdir()} == set(secret_scan.ARTIFACTS)


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN.keys())
@pytest.mark.parametrize("secret", [JWT, PASSWORD], ids=["jwt", "password"])
def test_a_secret_in_the_record_is_taken_out_of_every_file(
    tmp_path: Path, secret: str, written: Callable[[str], str]
) -> None:
    leaked = written(secret)
    story = faulty_story()
    story.case("email.null/x", "violated", finding("email.null", leaked, expected=leaked), title=leaked)
    directory = story.write(tmp_path / "latest")
    made = secret_scan.finish(directory, [secret])
    data, files = _data(directory), _files(directory)
    assert (made.exit_status, data["verdict"]) == (3, "violated")
    assert str(data["reason"]).startswith("a secret was found in events.jsonl")
    assert set(files) > set(secret_scan.ARTIFACTS)
    assert [name for name, text in files.items() if leaked in text or leaked in html.unescape(text)] == []
    assert "[redacted]" in files["report.html"]


@pytest.mark.parametrize("part", [HEAD, PAYLOAD, SIGNATURE], ids=["head", "payload", "signature"])
def test_each_part_of_a_token_is_a_secret(tmp_path: Path, part: str) -> None:
    story = Story().everything_held()
    story.case("email.null/x", title=f"x {part} y")
    directory = story.write(tmp_path / "latest")
    assert secret_scan.finish(directory, [JWT]).exit_status == 3
    assert [name for name, text in _files(directory).items() if part in html.unescape(text)] == []
    assert "x [redacted] y" in (directory / "junit.xml").read_text()


def test_a_conformant_run_with_a_leak_is_incomplete_and_its_record_says_so(tmp_path: Path) -> None:
    story = Story().everything_held()
    story.case("email.null/x", title=JWT)
    directory = story.write(tmp_path / "latest")
    secret_scan.finish(directory, [JWT])
    assert _data(directory)["verdict"] == "incomplete"
    again = render.render(directory)
    assert (again.exit_status, again.data["verdict"]) == (3, "incomplete")
    assert "a secret was found in events.jsonl" in again.data["reason"]


@pytest.mark.parametrize("secret", [JWT, PASSWORD], ids=["jwt", "password"])
def test_a_page_that_brings_a_secret_of_its_own_is_cleaned_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    escaped = "".join(f"&#{ord(letter)};" for letter in secret)
    monkeypatch.setattr(markdown, "markdown", lambda page: f"before {escaped} after\n")
    directory = Story().everything_held().write(tmp_path / "latest")
    assert secret_scan.finish(directory, [secret]).exit_status == 3
    assert (directory / "summary.md").read_text() == ""
    assert "summary.md" in str(_data(directory)["reason"])


@pytest.mark.parametrize("word", ["refundable", "violated", "123456", "01234567890"])
def test_a_secret_that_we_say_ourselves_is_no_leak(tmp_path: Path, word: str) -> None:
    story = Story().everything_held()
    story.case("email.null/x", title=f"{word} 2026")
    assert secret_scan.finish(story.write(tmp_path / "latest"), [word]).exit_status == 0


def test_a_file_of_a_person_s_own_is_left_alone(tmp_path: Path) -> None:
    directory = Story().everything_held().write(tmp_path / "latest")
    (directory / "target.toml").write_text(JWT)
    assert secret_scan.finish(directory, [JWT]).exit_status == 0
    assert (directory / "target.toml").read_text() == JWT


def test_a_run_that_was_killed_is_searched_as_well(tmp_path: Path) -> None:
    story = Story().everything_held()
    story.case("email.null/x", title=JWT)
    directory = story.write(tmp_path / "latest", ended=False)
    assert secret_scan.finish(directory, [JWT]).exit_status == 3
    assert [name for name, text in _files(directory).items() if SIGNATURE in text] == []


# ---- the command

LEAKY = """
from refund_conformance.engine.recorder import Record
from refund_conformance.transport.redaction import Redactor

begin = Record.__init__
Record.__init__ = lambda self, redactor, *others: begin(self, Redactor(), *others)
"""
"""A plugin with which a record keeps secrets, in every process."""


def _leaky(folder: Path, target: str, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "leaky.py").write_text(LEAKY)
    (folder / "target.toml").write_text(target)
    return subprocess.run(
        [PROGRAM, "run", "--target", "target.toml", *words, "email.null", "--", "-p", "leaky"],
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(folder), "GITHUB_ACTIONS": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


def _by_login(mock: RunningMock) -> str:
    login = f'username = "{MERCHANT}"\npassword = "{PASSWORDS[MERCHANT]}"'
    return re.sub(r'(?m)^token = ".*"$', login.replace("\\", r"\\"), mock.target_toml())


@pytest.mark.parametrize("in_flight", ["1", "2"])
def test_a_run_that_leaks_ends_with_3_and_leaves_no_secret(tmp_path: Path, in_flight: str) -> None:
    with running(MockSettings()) as mock:
        done = _leaky(tmp_path, _by_login(mock), "-n", in_flight)
    directory = tmp_path / "reports" / "latest"
    assert done.returncode == 3, done.stdout + done.stderr
    assert "INCOMPLETE" in done.stdout
    assert "a secret was found in events.jsonl" in done.stdout
    assert "::error title=The run is incomplete::a secret was found" in done.stdout
    text = "".join(_files(directory).values())
    assert "Bearer [redacted]" in text
    assert re.findall(r"eyJ[A-Za-z0-9_-]{16,}", text + done.stdout + done.stderr) == []


def test_a_pytest_user_is_told_of_a_leak_as_well(tmp_path: Path) -> None:
    (tmp_path / "leaky.py").write_text(LEAKY)
    suites = Path(__file__).parents[2] / "suites"
    words = [
        "-c",
        os.devnull,
        "--rootdir",
        str(suites),
        "-p",
        "refund_conformance.app.pytest_plugin.plugin",
        "-p",
        "leaky",
    ]
    done = subprocess.run(
        [
            str(Path(PROGRAM).with_name("pytest")),
            *words,
            "-p",
            "no:cacheprovider",
            str(suites),
            "--clause",
            "email.null",
        ],
        cwd=tmp_path,
        env={**environment(), "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "a secret was found in events.jsonl" in done.stdout
    text = "".join(_files(tmp_path / "reports" / "latest").values())
    assert re.findall(r"eyJ[A-Za-z0-9_-]{16,}", text) == []
