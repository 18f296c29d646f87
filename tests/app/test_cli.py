"""The command as a person calls it, from an empty folder: exit statuses, messages, files, no traceback."""

import json
import signal
import socket
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest

from command_runs import BOUND, PROGRAM, Call, Ended, environment, under_way
from engine_stage import CONTRACT
from refund_conformance import __version__
from refund_conformance.app.cli import main
from refund_conformance.contract import documents
from refund_conformance.contract.errors import RunError, SettingsError
from refund_conformance.mock.faults import catalogue
from refund_conformance.mock.samples import MERCHANT, PASSWORDS
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from whole_runs import Event, toml

FILES = {"conformance.json", "events.jsonl", "junit.xml", "report.html"}
CORRECT: Mapping[str, Mapping[str, object]] = {
    "target": {"base_url": "http://127.0.0.1:9"},
    "auth": {"token": "a-token"},
    "orders": {"refundable": ["1"]},
}
TARGET = ("run", "--target", "target.toml")


def with_target(text: str, *more: str) -> Call:
    return Call((*TARGET, *more), {"target.toml": text})


def settings(section: str, **values: object) -> str:
    """Return settings that are correct but for some values."""
    return toml({**CORRECT, section: {**CORRECT[section], **values}})


WRONG: Mapping[str, tuple[Call, tuple[str, ...]]] = {
    "clause": (
        Call(("run", "nonsense")),
        ("CLAUSE 'nonsense'", "matches no clause", "`refund-conformance clauses`"),
    ),
    "profile": (Call(("run", "--profile", "weekly")), ("profile 'weekly'", "ci, nightly")),
    "no-target": (Call(TARGET), ("target.toml", "No such file")),
    "unknown-key": (
        with_target(settings("target", base_ulr="x")),
        ("target.base_ulr", "is no setting", "base_url"),
    ),
    "unset-variable": (
        with_target(settings("auth", token="${NO_SUCH_REFUND_TOKEN}")),
        ("auth.token", "NO_SUCH_REFUND_TOKEN is not set", "Set NO_SUCH_REFUND_TOKEN"),
    ),
    "no-url": (
        with_target(settings("target", base_url="staging.example")),
        ("target.base_url", "staging.example", "https://"),
    ),
    "ledger": (with_target(settings("orders", ledger="nonsense")), ("orders.ledger", "is no database URL")),
    "ledger-of-workers": (
        with_target(settings("orders", ledger="nonsense"), "-n", "2"),
        ("orders.ledger", "is no database URL"),
    ),
    "report-in-a-file": (Call(("run", "--report", "file/report"), {"file": ""}), ("file/report", "--report")),
    "fault-for-a-target": (
        with_target(toml(CORRECT), "--fault", "auth-anonymous-passes"),
        ("--fault", "--target"),
    ),
}
"""Mistakes that each have a process of their own, and what the message names."""

WRONG_TOO: Mapping[str, tuple[Call, tuple[str, ...]]] = {
    "clause-after-another": (Call(("run", "auth", "jsn")), ("CLAUSE 'jsn'",)),
    "fault": (Call(("run", "--fault", "auth-anonymous")), ("fault 'auth-anonymous'", "auth-anonymous-passes")),
    "variant": (Call(("run", "--variant", "nonsense")), ("'nonsense'",)),
    "answer": (Call(("run", "--answer", "nonsense=1")), ("nonsense",)),
    "answer-without-sign": (Call(("run", "--answer", "nonsense")), ("nonsense",)),
    "shard": (Call(("run", "--shard", "3/2")), ("--shard 3/2", "INDEX/COUNT")),
    "no-waivers": (Call(("run", "--waivers", "waivers.toml")), ("waivers.toml", "No such file")),
    "no-toml": (with_target("[target\n"), ("target.toml", "is not TOML")),
    "unknown-section": (with_target(toml({**CORRECT, "oders": {}})), ("[oders]", "target, auth, orders")),
    "other-scheme": (with_target(settings("target", base_url="ftp://a.example")), ("target.base_url", "ftp://a")),
    "no-token": (with_target(toml({**CORRECT, "auth": {}})), ("auth.token", "auth.username")),
    "pin": (with_target(toml({**CORRECT, "questions": {"bearer-case": "maybe"}})), ("bearer-case", "401")),
    "another-machine": (
        with_target(settings("target", base_url="https://staging.example")),
        ("staging.example", "--allow-writes"),
    ),
    "report-of-nothing": (Call(("report", "nowhere")), ("nowhere", "Name the directory")),
    "report-of-no-events": (
        Call(("report", "."), {"events.jsonl": "hello\n"}),
        ("events.jsonl: line 1", "is not JSON"),
    ),
    "explain": (Call(("explain", "nonsense")), ("CLAUSE 'nonsense'",)),
    "clauses": (Call(("clauses", "nonsense")), ("CLAUSE 'nonsense'",)),
    "selfcheck": (Call(("selfcheck", "nonsense")), ("nonsense", "`refund-conformance faults`")),
    "mock-fault": (Call(("mock", "--fault", "nonsense")), ("fault 'nonsense'",)),
    "mock-database": (Call(("mock", "--port", "0", "--database", "nonsense")), ("the database", "sqlite:")),
}
"""Mistakes that are tried in this process."""

RIGHT = {
    "run": Call(("run",)),
    "run-elsewhere": Call(("run", "--report", "some where/else", "--seed", "5", "route.unknown-url")),
    "fault": Call(("run", "--fault", "errors-15010-422", "email.null")),
    "first-failure": Call(("run", "--fault", "email-type-500", "email.type", "--", "-x")),
    "nothing-collected": Call(("run", "auth.missing", "--", "-k", "no_such_test")),
    "only-collected": Call(("run", "auth.missing", "--", "--collect-only")),
    "pytest-option": Call(("run", "auth.missing", "--", "--no-such-option")),
    "clauses": Call(("clauses",)),
    "clauses-of-an-area": Call(("clauses", "json")),
    "explain": Call(("explain", "auth.missing")),
    "explain-an-area": Call(("explain", "errors")),
    "faults": Call(("faults",)),
    "version": Call(("--version",)),
    "help": Call(("--help",)),
    "selfcheck": Call(("selfcheck", "-n", "2", "email-null-110", "bearer-case=401", "--write", "page.md")),
}


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings(refundable=100)) as mock:
        yield mock


def changed(mock: RunningMock, **auth: str | None) -> str:
    """Return a mock's settings with other values for authorization; None leaves one out."""
    target = tomllib.loads(mock.target_toml())
    merged = {**target["auth"], **auth}
    target["auth"] = {name: value for name, value in merged.items() if value is not None}
    return toml(target)


@pytest.fixture(scope="module")
def done(mock: RunningMock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[Ended]]]:
    """Every call of the command, under way."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = {**CORRECT, "target": {"base_url": f"http://127.0.0.1:{nobody.getsockname()[1]}"}}
        against = {
            "unreachable": with_target(toml(closed)),
            "unauthorized": with_target(changed(mock, token="nobodys-token")),
            "login": with_target(
                changed(mock, token=None, username=MERCHANT, password=PASSWORDS[MERCHANT]), "email.null"
            ),
            "login-refused": with_target(changed(mock, token=None, username=MERCHANT, password="wrong-password")),
            "nothing-to-test": with_target(changed(mock, unconfigured_token=None), "caller"),
            "read-only": with_target(mock.target_toml(), "--read-only"),
        }
        wrong = {f"wrong-{name}": asked for name, (asked, _) in WRONG.items()}
        with under_way({**RIGHT, **against, **wrong}, tmp_path_factory.mktemp("calls")) as started:
            yield started


def conformance(ended: Ended) -> Event:
    """Return conformance.json, which is valid by its schema."""
    content: Event = json.loads((ended.report / "conformance.json").read_text(encoding="utf-8"))
    documents.check(content, "conformance-report", "conformance.json", RunError)
    return content


def events(ended: Ended) -> list[Event]:
    """Return the events, each valid by its schema."""
    lines = (ended.report / "events.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        documents.check(json.loads(line), "event", "events.jsonl", RunError)
    return [json.loads(line) for line in lines]


def results(ended: Ended, result: str) -> set[str]:
    return {row["id"] for row in conformance(ended)["clauses"] if row["result"] == result}


# ---- what goes wrong


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_line_that_names_the_thing_and_the_remedy(
    name: str, done: Mapping[str, Future[Ended]]
) -> None:
    ended = done[f"wrong-{name}"].result()
    assert ended.status == 2, ended.out + ended.err
    (line,) = ended.err.splitlines()
    assert line.startswith("refund-conformance: ")
    assert [part for part in WRONG[name][1] if part not in line] == []
    assert "Traceback" not in ended.out
    assert not ended.report.exists() or conformance(ended)["verdict"] == "incomplete"


@pytest.mark.parametrize("name", WRONG_TOO)
def test_another_mistake_is_one_line_as_well(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, parts = WRONG_TOO[name]
    for file, text in asked.files.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["refund-conformance", *asked.words])
    with pytest.raises(SystemExit) as ended:
        main()
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert line.startswith("refund-conformance: ")
    assert [part for part in parts if part not in line] == []
    assert {path.name for path in tmp_path.iterdir()} == set(asked.files)


@pytest.mark.parametrize("name", ["unreachable", "unauthorized", "login-refused"])
def test_without_a_target_a_run_is_incomplete_after_a_handful_of_requests(
    name: str, done: Mapping[str, Future[Ended]]
) -> None:
    ended = done[name].result()
    assert ended.status == 3, ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err
    assert conformance(ended)["verdict"] == "incomplete"
    assert len([event for event in events(ended) if event["event"] == "exchange"]) <= 10
    judged = {clause.id for clause in CONTRACT.clauses.values() if clause.every_answer}
    assert results(ended, "held") <= {"auth.missing", *judged}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("unreachable", "cannot be reached"),
        ("unauthorized", "the target rejected auth.token"),
        ("login-refused", "/v1/login_check: was answered with 401"),
        ("nothing-to-test", "nothing was tested"),
    ],
)
def test_an_incomplete_run_says_why(name: str, reason: str, done: Mapping[str, Future[Ended]]) -> None:
    ended = done[name].result()
    assert ended.status == 3
    assert reason in conformance(ended)["reason"]
    assert reason in ended.out.replace("\n", " ")


def test_a_selection_that_tests_nothing_names_the_setting(done: Mapping[str, Future[Ended]]) -> None:
    ended = done["nothing-to-test"].result()
    (row,) = (row for row in conformance(ended)["clauses"] if row["id"] == "caller.configuration")
    assert (row["result"], row["reason"]) == ("untested", "auth.unconfigured_token is not set")


@pytest.mark.parametrize("name", ["nothing-collected", "only-collected"])
def test_when_nothing_ran_the_status_is_never_0(name: str, done: Mapping[str, Future[Ended]]) -> None:
    ended = done[name].result()
    assert ended.status in (2, 3), ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err


def test_an_option_that_pytest_does_not_know_is_wrong_usage(done: Mapping[str, Future[Ended]]) -> None:
    ended = done["pytest-option"].result()
    assert ended.status == 2
    assert "--no-such-option" in ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err


# ---- runs


def test_a_run_against_the_embedded_mock_is_conformant_and_leaves_its_files(
    done: Mapping[str, Future[Ended]],
) -> None:
    ended = done["run"].result()
    assert (ended.status, ended.err) == (0, "")
    assert {path.name for path in ended.report.iterdir()} >= FILES
    content = conformance(ended)
    assert (content["verdict"], content["target"], content["profile"]) == ("conformant", "embedded mock", "ci")
    assert results(ended, "held") == set(CONTRACT.clauses)
    assert events(ended)[-1]["event"] == "end"
    count = len(CONTRACT.clauses)
    assert f"CONFORMANT  {count} of {count} clauses held" in ended.out
    assert "reports/latest/report.html" in ended.out


def test_what_the_command_counts_is_what_it_recorded(done: Mapping[str, Future[Ended]]) -> None:
    ended = done["run"].result()
    kinds = [event["event"] for event in events(ended)]
    content = conformance(ended)
    assert content["requests"] == kinds.count("exchange")
    assert sum(content["orders"].values()) == kinds.count("leased")
    assert kinds[0] == "start"


def test_a_report_goes_where_it_is_wanted_with_the_seed_that_was_given(done: Mapping[str, Future[Ended]]) -> None:
    ended = done["run-elsewhere"].result()
    content = json.loads((ended.folder / "some where/else/conformance.json").read_text(encoding="utf-8"))
    held = {row["id"] for row in content["clauses"] if row["result"] == "held"}
    assert ended.status == 0
    assert content["seed"] == 5
    assert held == {"route.unknown-url"}


def test_a_fault_is_a_violation(done: Mapping[str, Future[Ended]]) -> None:
    ended = done["fault"].result()
    assert ended.status == 1
    assert conformance(ended)["verdict"] == "violated"
    assert "VIOLATED" in ended.out
    assert "errors.status" in ended.out
    assert "422" in ended.out


def test_what_follows_two_dashes_goes_to_pytest(done: Mapping[str, Future[Ended]]) -> None:
    ended = done["first-failure"].result()
    failed = [e for e in events(ended) if e["event"] == "case" and e["outcome"] == "violated"]
    assert ended.status == 1
    assert len(failed) == 1


def test_a_run_may_log_in(done: Mapping[str, Future[Ended]]) -> None:
    ended = done["login"].result()
    assert ended.status == 0
    assert "email.null" in results(ended, "held")


def test_no_secret_is_in_what_a_run_leaves_and_prints(
    done: Mapping[str, Future[Ended]], mock: RunningMock
) -> None:
    for name in ("login", "login-refused", "nothing-to-test", "unauthorized", "read-only"):
        ended = done[name].result()
        auth = tomllib.loads((ended.folder / "target.toml").read_text(encoding="utf-8"))["auth"]
        tokens = [value for key, value in auth.items() if "token" in key or key == "password"]
        secrets = {*tokens, *(part for token in tokens for part in token.split(".") if len(part) > 20)}
        left = [path for path in (ended.folder / "reports").rglob("*") if path.is_file()]
        assert len(left) >= len(FILES)
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in left]
        assert [secret for secret in secrets for text in (*texts, ended.out, ended.err) if secret in text] == []


def test_a_run_that_only_reads_has_no_effect(done: Mapping[str, Future[Ended]]) -> None:
    ended = done["read-only"].result()
    exchanges = [event for event in events(ended) if event["event"] == "exchange"]
    assert ended.status == 0
    assert exchanges
    assert {event["response"]["status"] for event in exchanges if event["response"]}.isdisjoint(range(200, 300))


def test_a_run_leaves_nothing_but_its_report(done: Mapping[str, Future[Ended]]) -> None:
    assert {path.name for path in done["run"].result().folder.iterdir()} == {"reports"}


# ---- other commands


def test_the_pages_are_made_again_from_the_events_alone(done: Mapping[str, Future[Ended]]) -> None:
    ended = done["fault"].result()
    before = conformance(ended)
    for name in ("conformance.json", "report.html", "junit.xml"):
        (ended.report / name).unlink()
    again = subprocess.run(
        [PROGRAM, "report", "reports/latest"],
        cwd=ended.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )
    assert (again.returncode, again.stderr) == (1, "")
    assert conformance(ended) == before
    assert {path.name for path in ended.report.iterdir()} >= FILES


def test_clauses_lists_every_clause_with_its_promise(done: Mapping[str, Future[Ended]]) -> None:
    lines = done["clauses"].result().out.splitlines()
    assert [line.split()[1] for line in lines] == list(CONTRACT.clauses)
    for line, clause in zip(lines, CONTRACT.clauses.values(), strict=True):
        assert line.split()[0] == clause.level
        assert line.endswith(clause.promise)


def test_clauses_lists_those_of_an_area(done: Mapping[str, Future[Ended]]) -> None:
    lines = done["clauses-of-an-area"].result().out.splitlines()
    assert [line.split()[1] for line in lines] == [id_ for id_ in CONTRACT.clauses if id_.startswith("json")]


def test_explain_tells_promise_source_and_cases(done: Mapping[str, Future[Ended]]) -> None:
    out = done["explain"].result().out
    clause = CONTRACT.clauses["auth.missing"]
    assert out.startswith("auth.missing (must)\n")
    assert clause.promise in out
    assert f"Source: {clause.source}" in out
    assert "- auth.missing/no-header: A request without the authorization header is refused." in out


def test_explain_tells_what_is_judged_on_every_answer(done: Mapping[str, Future[Ended]]) -> None:
    out = done["explain-an-area"].result().out
    assert "errors.shape (must)" in out
    assert "Judged on every answer of the run." in out


def test_faults_lists_the_catalogue(done: Mapping[str, Future[Ended]]) -> None:
    lines = done["faults"].result().out.splitlines()
    assert [line.split()[0] for line in lines] == list(catalogue())
    assert [line.split()[1] for line in lines] == [fault.clause for fault in catalogue().values()]


def test_version_and_help(done: Mapping[str, Future[Ended]]) -> None:
    assert done["version"].result().out == f"refund-conformance, version {__version__}\n"
    told = done["help"].result().out
    for command in ("run", "mock", "clauses", "explain", "selfcheck", "report", "faults"):
        assert f"\n  {command} " in told


@pytest.mark.parametrize("name", ["clauses", "clauses-of-an-area", "explain", "faults", "version", "help"])
def test_what_only_tells_ends_well_and_leaves_nothing(name: str, done: Mapping[str, Future[Ended]]) -> None:
    ended = done[name].result()
    assert (ended.status, ended.err) == (0, "")
    assert list(ended.folder.iterdir()) == []


def test_selfcheck_tries_what_begins_with_a_name(done: Mapping[str, Future[Ended]]) -> None:
    ended = done["selfcheck"].result()
    lines = ended.out.splitlines()
    assert (ended.status, ended.err) == (0, "")
    assert lines[-1] == "2 trials, 0 wrong"
    assert any("bearer-case=401" in line and line.startswith("not accused") for line in lines)
    assert any("email-null-110" in line and line.startswith("seen") for line in lines)
    assert "email-null-110" in (ended.folder / "page.md").read_text(encoding="utf-8")


@pytest.mark.whole
def test_the_mock_prints_settings_that_work_and_stops_when_interrupted(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [PROGRAM, "mock", "--port", "0", "--refundable", "3"],
        cwd=tmp_path,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "login_check" in said and not line.strip().strip("#"):
                break
            if "login_check" in said and line.rstrip().endswith("'"):
                break
        target = tomllib.loads(said)
        documents.check(target, "target", "what the mock printed", SettingsError)
        host, port = target["target"]["base_url"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=BOUND):
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=BOUND)
    assert target["orders"]["refundable"] == ["730001", "730002", "730003"]
    assert process.returncode in (0, 130)
    assert "Traceback" not in err
