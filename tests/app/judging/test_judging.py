"""The judge command, run in this process: verdicts, exit statuses, what is remembered, and what is kept secret."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from refund_conformance.app.cli import main
from refund_conformance.app.judging.exchanges import KEPT, Base, Judging
from refund_conformance.app.judging.masking import Masking, masked_target
from refund_conformance.app.recordings import following
from refund_conformance.app.recordings.har import entry as read_entry
from refund_conformance.cases.recorded.opinion import View
from refund_conformance.contract import model as contracts

CONTRACT = contracts.load()
TOKEN = "fj45u923-fj45u923-fj45u923-fj45u923"
JWT = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJtZXJjaGFudCJ9.c2lnbmF0dXJl"
PLAIN = '{"description":"Wrong product","email":"merchant@gmail.com"}'
LONG = json.dumps({"description": "x" * 501, "email": "merchant@gmail.com"})

Entry = dict[str, Any]


def errors(*codes: int, field: str = "description") -> str:
    rows = [{"error": code, "message": CONTRACT.errors[code].message.format(field=field)} for code in codes]
    return json.dumps({"errors": rows})


def entry(
    at: float = 0.0,
    status: int = 200,
    answer: str = "",
    body: str = PLAIN,
    order: str = "730001",
    took: float = 0.1,
    host: str = "https://api.example",
    token: str | None = f"Bearer {TOKEN}",
    method: str = "POST",
    **more: Any,
) -> Entry:
    """Return an entry of an HTTP archive; ``at`` and ``took`` are seconds."""
    sent = [("Host", "api.example"), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    sent += [("AuthorizationJWT", token)] if token is not None else []
    got = [("Content-Type", "application/json")] if answer else []
    moment = f"2026-03-01T{12 + int(at) // 3600:02}:{int(at) // 60 % 60:02}:{at % 60:06.3f}Z"
    return {
        "startedDateTime": moment,
        "time": took * 1000,
        "request": {
            "method": method,
            "url": f"{host}/v1/order/{order}/refund",
            "headers": [{"name": name, "value": value} for name, value in sent],
            "postData": {"text": body},
        },
        "response": {
            "status": status,
            "headers": [{"name": name, "value": value} for name, value in got],
            "content": {"text": answer, "size": len(answer)},
        },
        **more,
    }


def judge(folder: Path, *entries: Entry, words: tuple[str, ...] = (), name: str = "traffic.har") -> Result:
    path = folder / name
    path.write_text(json.dumps({"log": {"entries": list(entries)}}), encoding="utf-8")
    return CliRunner().invoke(main, ["judge", str(path), "--report", str(folder / "report"), *words])


def report(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "report" / "conformance.json").read_text(encoding="utf-8"))
    return value


def results(folder: Path, result: str) -> set[str]:
    return {row["id"] for row in report(folder)["clauses"] if row["result"] == result}


# ---- verdicts and exit statuses


def test_lawful_traffic_is_partial(tmp_path: Path) -> None:
    done = judge(tmp_path, entry(), entry(5, 400, errors(15050)), entry(6, 400, errors(15010), body=LONG))
    assert done.exit_code == 0, done.output
    assert done.output.startswith("PARTIAL")
    assert "seed" not in done.output
    assert results(tmp_path, "violated") == set()
    assert {"description.max-length", "order.once", "success.body", "errors.alone"} <= results(tmp_path, "held")
    assert "server.steady" in results(tmp_path, "untested")
    reasons = {row["reason"] for row in report(tmp_path)["clauses"] if row["result"] == "untested"}
    assert reasons == {"no recorded exchange shows it"}
    assert report(tmp_path)["target"] == "https://api.example"
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"events.jsonl", "conformance.json", "report.html", "junit.xml"} <= names


def test_a_violation_is_told_with_its_place(tmp_path: Path) -> None:
    done = judge(tmp_path, entry(), entry(5, 200, "", body=LONG, order="730002"))
    assert done.exit_code == 1
    assert "A description over the limit of 500 characters is accepted" in done.output
    assert "replay" not in done.output
    assert results(tmp_path, "violated") == {"description.max-length"}
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "traffic.har, entry 2" in page
    assert "refund-conformance replay" not in page


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ((), "none of the 0 recorded exchanges is one with POST /v1/order/{order}/refund"),
        ((entry(method="OPTIONS"),), "none of the 1 recorded exchanges"),
        ((entry(status=502), entry(status=0)), "no exchange with POST /v1/order/{order}/refund shows anything"),
    ],
    ids=["none", "preflight", "gateway"],
)
def test_a_recording_that_shows_nothing_is_never_a_success(
    tmp_path: Path, entries: tuple[Entry, ...], said: str
) -> None:
    done = judge(tmp_path, *entries)
    assert done.exit_code == 3
    assert done.output.startswith("INCOMPLETE")
    assert said in done.output


@pytest.mark.parametrize(
    "words",
    [
        ("--base-url", "api.example"),
        ("--answer", "unknown=x"),
        ("--answer", "unknown-field=x"),
        ("--answer", "precedence=x"),
        ("--require", "nothing"),
        ("--waivers", "none.toml"),
        ("--holds", "-1"),
    ],
)
def test_wrong_usage_is_one_message(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = judge(tmp_path, entry(), words=words)
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert not (tmp_path / "report" / "conformance.json").exists()


def test_a_file_that_cannot_be_read_leaves_the_report_as_it_is(tmp_path: Path) -> None:
    assert judge(tmp_path, entry()).exit_code == 0
    before = report(tmp_path)
    (tmp_path / "broken.har").write_text('{"log":', encoding="utf-8")
    words = ["judge", str(tmp_path / "broken.har"), "--report", str(tmp_path / "report")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "broken.har: is not whole JSON" in done.output
    assert report(tmp_path) == before


def test_a_base_url_narrows(tmp_path: Path) -> None:
    wrong = entry(5, 500, host="https://other.example/api")
    assert judge(tmp_path, entry(), wrong, words=("--base-url", "https://api.example/")).exit_code == 0
    done = judge(tmp_path, entry(), wrong, words=("--base-url", "https://other.example/api"))
    assert done.exit_code == 1
    assert report(tmp_path)["requests"] == 1
    assert judge(tmp_path, entry(), wrong).exit_code == 1
    assert report(tmp_path)["target"] == "recorded in traffic.har"
    assert judge(tmp_path, entry(), words=("--base-url", "https://third.example")).exit_code == 3


def test_pins_header_strict_waivers_and_requirements_are_as_for_a_run(tmp_path: Path) -> None:
    more = entry(body='{"email":"merchant@gmail.com","note":"x"}', status=400, answer=errors(15010, field="note"))
    assert judge(tmp_path, more).exit_code == 0
    assert judge(tmp_path, more, words=("--answer", "unknown-field=ignored")).exit_code == 1
    questions = {row["id"]: row for row in report(tmp_path)["questions"]}
    assert questions["unknown-field"]["pinned"] == "ignored"
    no_message = entry(status=400, answer='{"errors":[{"error":15050}]}')
    assert judge(tmp_path, no_message).exit_code == 0
    assert judge(tmp_path, no_message, words=("--strict",)).exit_code == 1
    assert judge(tmp_path, entry(), words=("--require", "auth.expired")).exit_code == 3
    waivers = tmp_path / "waivers.toml"
    waivers.write_text('[[waivers]]\nclause = "server.no-5xx"\nreason = "known"\nexpires = 2999-01-01\n', "utf-8")
    assert judge(tmp_path, entry(), entry(5, 500), words=("--waivers", str(waivers))).exit_code == 0
    other = deepcopy(entry())
    other["request"]["headers"][-1] = {"name": "X-Token", "value": f"Basic {TOKEN}"}
    assert judge(tmp_path, other, words=("--header", "X-Token")).exit_code == 1


# ---- what a recording shows of the world


def clauses(folder: Path, *entries: Entry, words: tuple[str, ...] = ()) -> set[str]:
    judge(folder, *entries, words=words)
    return results(folder, "violated")


def test_a_second_acceptance_shortly_after_is_a_violation(tmp_path: Path) -> None:
    assert clauses(tmp_path, entry(0), entry(2)) == {"order.once"}
    assert clauses(tmp_path, entry(2), entry(0)) == {"order.once"}  # whatever order they stand in
    assert clauses(tmp_path, entry(0), entry(2, order="730002")) == set()
    assert clauses(tmp_path, entry(0), entry(2, host="https://staging.example")) == set()
    assert clauses(tmp_path, entry(0), entry(2, token="Bearer somebody-elses-token-1")) == {"order.once"}


def test_a_refund_request_may_end_and_then_another_one_is_lawful(tmp_path: Path) -> None:
    done = judge(tmp_path, entry(0), entry(60))
    assert done.exit_code == 0
    assert "lawful only if that had ended by then: traffic.har, entry 2 after traffic.har, entry 1" in done.output
    assert clauses(tmp_path, entry(0), entry(60), words=("--holds", "120")) == {"order.once"}
    assert clauses(tmp_path, entry(0), entry(2), words=("--holds", "0")) == set()


def test_of_requests_at_one_time_one_at_most_is_accepted(tmp_path: Path) -> None:
    assert clauses(tmp_path, entry(0, took=1.0), entry(0.5, took=1.0)) == {"order.race"}
    assert clauses(tmp_path, entry(0, took=1.0), entry(0.5, 400, errors(15050))) == set()
    assert "order.race" in results(tmp_path, "held")
    assert clauses(tmp_path, entry(0, took=1.0), entry(0.5, 400, errors(15030))) == set()  # it may have come first


def test_what_follows_an_acceptance_is_judged_by_it(tmp_path: Path) -> None:
    assert clauses(tmp_path, entry(0), entry(2, 400, errors(15030))) == {"order.once"}
    assert clauses(tmp_path, entry(0), entry(2, 404, errors(15060))) == {"order.once"}
    stranger = entry(2, 404, errors(15060), token="Bearer somebody-elses-token-1")
    assert clauses(tmp_path, entry(0), stranger) == set()
    assert clauses(tmp_path, entry(0), entry(2, 404, errors(15060), token="Bearer ***")) == set()


def test_an_exchange_that_was_recorded_twice_is_one(tmp_path: Path) -> None:
    assert clauses(tmp_path, entry(0), entry(0)) == set()
    (tmp_path / "again.har").write_text(json.dumps({"log": {"entries": [entry(2)]}}), encoding="utf-8")
    done = judge(tmp_path, entry(0), words=(str(tmp_path / "again.har"),))
    assert done.exit_code == 0  # the clocks of two recordings may differ


def test_a_request_that_is_repeated_under_its_key_is_one(tmp_path: Path) -> None:
    first, second = entry(0), entry(2)
    for one in (first, second):
        one["request"]["headers"].append({"name": "Idempotency-Key", "value": "a-key-0123456789"})
    assert clauses(tmp_path, first, second) == set()


def test_without_times_nothing_is_concluded_from_an_acceptance(tmp_path: Path) -> None:
    assert clauses(tmp_path, entry(startedDateTime=None), entry(startedDateTime=None)) == set()


def test_an_acceptance_after_a_refusal_shows_that_it_had_no_effect(tmp_path: Path) -> None:
    judge(tmp_path, entry(0, 400, errors(15010), body=LONG), entry(1), entry(1.5, order="730002"))
    assert "fields.no-effect" not in results(tmp_path, "untested")


def login(at: float, token: str = TOKEN) -> Entry:
    found = entry(at, answer=json.dumps({"token": token, "refresh_token": "r" * 20}))
    found["request"]["url"] = "https://api.example/v1/login_check"
    found["request"]["postData"] = {"text": '{"username":"u","password":"correct horse"}'}
    found["request"]["headers"] = [{"name": "Host", "value": "api.example"}]
    return found


def test_a_token_that_a_login_has_just_given_is_valid(tmp_path: Path) -> None:
    refused = entry(1, 401, errors(1007))
    assert clauses(tmp_path, refused) == set()
    assert clauses(tmp_path, login(0), refused) == {"auth.accepts"}
    assert clauses(tmp_path, login(0, "another-token-altogether"), refused) == set()
    assert clauses(tmp_path, login(0), entry(60, 401, errors(1007))) == set()


def test_a_missing_header_counts_where_the_recorder_keeps_it(tmp_path: Path) -> None:
    assert clauses(tmp_path, entry(token=None)) == set()
    assert clauses(tmp_path, entry(token=None), entry(5, order="730002")) == {"auth.missing"}


def test_a_404_without_a_code_counts_where_the_endpoint_answers(tmp_path: Path) -> None:
    nowhere = entry(0, 404, order="730002")
    assert clauses(tmp_path, nowhere) == set()
    assert clauses(tmp_path, nowhere, entry(5, 400, errors(15050))) == {"errors.shape"}
    assert clauses(tmp_path, nowhere, words=("--base-url", "https://api.example")) == {"errors.shape"}


# ---- secrets

SECRETS = (TOKEN, JWT, "sid-0123456789", "correct horse", "key-0123456789", "cookie-9876543210")


def test_no_secret_of_a_recording_reaches_a_file_or_the_terminal(tmp_path: Path) -> None:
    first = entry(1, 500, f"{TOKEN} {JWT} sid-0123456789 correct horse", token=f"Bearer {TOKEN}")
    first["request"]["headers"] += [
        {"name": "Cookie", "value": "sid=sid-0123456789; a=1"},
        {"name": "X-Api-Key", "value": "key-0123456789"},
        {"name": "Authorization", "value": "Basic dTpwYXNzd29yZC1hYmM="},
    ]
    first["request"]["url"] += "?access_token=key-0123456789&x=1"
    first["response"]["headers"].append({"name": "Set-Cookie", "value": "sid=cookie-9876543210; Path=/"})
    second = entry(2, 200, f"of another: {TOKEN}, key-0123456789", token=JWT, order="730002")
    done = judge(tmp_path, login(0), first, second)
    assert done.exit_code == 1
    written = [path.read_text(encoding="utf-8") for path in (tmp_path / "report").iterdir() if path.is_file()]
    assert any("[redacted]" in text for text in written)
    for secret in (*SECRETS, "dTpwYXNzd29yZC1hYmM"):
        assert not any(secret in text for text in (done.output, *written)), secret
    events = (tmp_path / "report" / "events.jsonl").read_text(encoding="utf-8")
    assert '["AuthorizationJWT","Bearer [redacted]"]' in events
    assert '["AuthorizationJWT","[redacted]"]' in events
    assert "access_token=[redacted]&x=1" in events


def test_members_of_a_body_that_are_called_secret_are_taken_out() -> None:
    masking = Masking()
    assert masking.text('{"Password": "a\\"b", "x": 1}') == '{"Password": "[redacted]", "x": 1}'
    assert masking.bytes(b'{"api_token":"\xff"}') == b'{"api_token":"[redacted]"}'
    assert masking.text(f"of a {JWT} kind") == "of a [redacted] kind"
    assert masked_target("/a?token=1&b=2#c") == "/a?token=[redacted]&b=2#c"


def test_many_tokens_are_no_burden() -> None:
    bench, events = shared_order_of()
    begun = time.monotonic()
    for number in range(400):
        token = f"Bearer token-{number:030}"
        bench.take(read_entry(entry(number, token=token, order=str(number + 1)), "traffic.har", f"entry {number}"))
    assert time.monotonic() - begun < 30
    assert "token-0000" not in json.dumps(events)


# ---- many, and growing


def shared_order_of() -> tuple[Judging, list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []
    bench = Judging(View(CONTRACT, CONTRACT.operation.authorization_header, {}), Base())
    bench.sink = events.append
    return bench, events


def test_what_is_like_many_others_is_counted_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEPT > 100
    monkeypatch.setattr("refund_conformance.app.judging.exchanges.KEPT", 10)
    bench, events = shared_order_of()
    for number in range(50):
        bench.take(read_entry(entry(number, order=str(number + 1)), "traffic.har", f"entry {number}"))
    assert bench.judged == 50
    assert bench.more > 0
    assert sum(event["event"] == "exchange" for event in events) == 50 - bench.more


def appended(path: Path, *lines: object) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)


def until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_growing_file_is_followed_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "traffic.jsonl"
    appended(path, entry(0))
    words = [sys.executable, "-m", "refund_conformance.app.cli", "judge", "--follow", str(path)]
    out = (tmp_path / "out").open("w+", encoding="utf-8")
    process = subprocess.Popen(words, cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT, env=dict(os.environ))
    try:
        said = (tmp_path / "out").read_text
        until((tmp_path / "reports/latest/events.jsonl").exists)
        appended(path, entry(2), "{", *(entry(20 + 20 * n, 500) for n in range(10)))
        until(lambda: "server.no-5xx: 10 times by now" in said(encoding="utf-8"))
        process.send_signal(number)
        assert process.wait(30) == 1
    finally:
        process.kill()
        out.close()
    told = said(encoding="utf-8")
    assert told.count("order.once: expected") == 1
    assert "traffic.jsonl, line 2" in told
    assert "left out: traffic.jsonl: line 3: is not whole JSON" in told
    assert "VIOLATED" in told
    assert (tmp_path / "reports/latest/report.html").exists()
    assert report_of(tmp_path / "reports/latest")["verdict"] == "violated"


def report_of(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "conformance.json").read_text(encoding="utf-8"))
    return value


def test_a_file_that_is_replaced_is_followed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE", 0.01)
    path = tmp_path / "traffic.jsonl"
    path.write_text("one\ntw", encoding="utf-8")
    lines = (line for line in following.follow(path) if line)
    assert next(lines) == b"one\n"
    threading.Timer(0.1, appended, (path, "o")).start()
    assert next(lines) == b"two\n"
    path.rename(tmp_path / "old")
    path.write_text("three\n", encoding="utf-8")
    assert next(lines) == b"three\n"
    path.write_text("4\n", encoding="utf-8")  # cut, and begun anew
    assert next(lines) == b"4\n"


def test_one_growing_file_at_a_time_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.touch()
    several = CliRunner().invoke(main, ["judge", "--follow", str(path), str(path)])
    assert (several.exit_code, "takes one file" in several.output) == (2, True)
    missing = CliRunner().invoke(main, ["judge", "--follow", str(tmp_path / "none")])
    assert (missing.exit_code, "cannot be read" in missing.output or "No such file" in missing.output) == (2, True)


def test_nothing_offers_to_send_a_recorded_request_again(tmp_path: Path) -> None:
    judge(tmp_path, entry(), entry(5, 500))
    place = ("--report", str(tmp_path / "report"))
    told = CliRunner().invoke(main, ["explain", "--cause", "1", *place])
    assert told.exit_code == 0
    assert "replay" not in told.output
    refused = CliRunner().invoke(main, ["replay", "--failed", *place])
    assert refused.exit_code == 1
    assert "was sent by somebody else" in refused.output


def test_the_report_can_be_made_again(tmp_path: Path) -> None:
    judge(tmp_path, entry(), entry(5, 500))
    before = (tmp_path / "report" / "conformance.json").read_bytes()
    done = CliRunner().invoke(main, ["report", str(tmp_path / "report")])
    assert done.exit_code == 1
    assert (tmp_path / "report" / "conformance.json").read_bytes() == before
