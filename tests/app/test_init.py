"""What `init` writes is what `doctor` accepts; it takes URL and header from the files that people have."""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from refund_conformance.app import api_description, init
from refund_conformance.app.api_description import Description
from refund_conformance.app.cli import main
from refund_conformance.contract import documents
from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import UsageError
from refund_conformance.contract.openapi import openapi
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.settings import GROUPS

CONTRACT = contracts.load()
STAGING = "https://staging.example"


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings()) as mock:
        yield mock


def called(folder: Path, *words: str, given: str = "", **variables: str) -> Result:
    target = str(folder / "target.toml")
    return CliRunner().invoke(main, [*words, "--target", target], input=given, env=variables)


def settings_of(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "target.toml").read_text(encoding="utf-8"))


def orders_of(mock: RunningMock) -> list[str]:
    groups = tomllib.loads(mock.target_toml())["orders"]
    return [word for group, ids in groups.items() for word in ("--orders", f"{group}={','.join(ids)}")]


# ---- what is written


def test_doctor_accepts_what_it_writes(mock: RunningMock, tmp_path: Path) -> None:
    auth = tomllib.loads(mock.target_toml())["auth"]
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    words = ["init", "--base-url", mock.base_url, "--ledger", ledger, *orders_of(mock)]
    done = called(tmp_path, *words)
    assert done.exit_code == 0, done.output
    assert "Set REFUND_TOKEN in the environment." in done.output
    checked = called(tmp_path, "doctor", REFUND_TOKEN=auth["token"])
    assert checked.exit_code == 0, checked.output
    assert "problem" not in checked.output
    assert "warning" not in checked.output
    assert called(tmp_path, "plan", REFUND_TOKEN=auth["token"]).exit_code == 0


def test_every_setting_has_a_comment_and_an_example_that_the_schema_takes(tmp_path: Path) -> None:
    assert called(tmp_path, "init", "--base-url", STAGING).exit_code == 0
    text = (tmp_path / "target.toml").read_text(encoding="utf-8")
    assert text.startswith("#:schema ./target.schema.json\n")
    assert max(map(len, text.splitlines())) < 130
    data = tomllib.loads(re.sub(r"^# ([a-z_-]+ = )", r"\1", text, flags=re.MULTILINE))
    documents.check(data, "target", "every example", UsageError)
    schema = json.loads((tmp_path / "target.schema.json").read_text(encoding="utf-8"))
    for section, table in schema["properties"].items():
        assert section in data
        if section != "questions":
            assert set(data[section]) == set(table["properties"])


def test_the_schema_for_editors_has_each_question_with_its_answers(tmp_path: Path) -> None:
    called(tmp_path, "init", "--base-url", STAGING)
    schema = json.loads((tmp_path / "target.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for question in CONTRACT.questions.values():
        for answer in question.answers:
            data = {"target": {"base_url": STAGING}, "questions": {question.id: answer}}
            assert validator.is_valid(data)
        wrong = {"target": {"base_url": STAGING}, "questions": {question.id: 3.5}}
        assert not validator.is_valid(wrong)
    assert not validator.is_valid({"target": {"base_url": STAGING}, "questions": {"colour": "red"}})


def test_no_secret_is_written_and_another_machine_needs_leave(tmp_path: Path) -> None:
    words = ["init", "--base-url", STAGING, "--token", "OUR_TOKEN"]
    assert called(tmp_path, *words, OUR_TOKEN="sesame").exit_code == 0
    assert settings_of(tmp_path)["auth"]["token"] == "${OUR_TOKEN}"
    assert settings_of(tmp_path)["target"]["allow_writes"] is False
    assert called(tmp_path, *words, "--allow-writes", "--force").exit_code == 0
    assert settings_of(tmp_path)["target"]["allow_writes"] is True
    assert "sesame" not in (tmp_path / "target.toml").read_text(encoding="utf-8")


def test_a_login_and_a_hook(tmp_path: Path) -> None:
    words = ["--username", "WHO", "--hook", f"{STAGING}/states", "--header", "X-Token"]
    assert called(tmp_path, "init", "--base-url", f"{STAGING}/v1/", *words).exit_code == 0
    data = settings_of(tmp_path)
    assert data["auth"] == {"header": "X-Token", "username": "${WHO}", "password": "${REFUND_PASSWORD}"}
    assert (data["orders"]["source"], data["orders"]["hook"]) == ("hook", f"{STAGING}/states")
    assert data["target"]["base_url"] == STAGING


def test_it_asks_for_what_is_missing(mock: RunningMock, tmp_path: Path) -> None:
    groups = [",".join(ids) for ids in tomllib.loads(mock.target_toml())["orders"].values()]
    given = "\n".join([mock.base_url, "", "y", "", "", "", *groups, "", ""])
    done = called(tmp_path, "init", "--ask", given=given)
    assert done.exit_code == 0, done.output
    data = settings_of(tmp_path)
    assert data["auth"]["username"] == "${REFUND_USERNAME}"
    assert set(data["orders"]) == {"source", *GROUPS}
    asked = called(tmp_path, "init", "--ask", "--force", given=f"{STAGING}\nX-T\nn\n\ny\nhook\n{STAGING}/h\n\n")
    assert asked.exit_code == 0, asked.output
    data = settings_of(tmp_path)
    assert data["target"] == {"base_url": STAGING, "allow_writes": True}
    assert data["auth"] == {"header": "X-T", "token": "${REFUND_TOKEN}"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "--base-url: is missing"),
        (["--base-url", "staging example"], "target.base_url"),
        (["--base-url", STAGING, "--hook", "x"], "orders.hook"),
        (["--base-url", STAGING, "--source", "hook"], "orders.hook"),
        (["--base-url", STAGING, "--orders", "paid=1"], "names no group"),
        (["--base-url", STAGING, "--orders", "unknown"], "names no group"),
        (["--base-url", STAGING, "--orders", "unknown=1", "--orders", "foreign=1"], "order 1 is also in"),
        (["--base-url", STAGING, "--token", "a b"], "is not the name of an environment variable"),
        (["--base-url", STAGING, "--token", "A", "--username", "B"], "Give a token, or a login"),
        (["--from", "none.json"], "No such file"),
    ],
)
def test_what_cannot_become_settings_is_one_error(tmp_path: Path, words: list[str], why: str) -> None:
    done = called(tmp_path, "init", *words)
    assert done.exit_code == 2
    assert why in done.output
    assert "Traceback" not in done.output
    assert list(tmp_path.iterdir()) == []


def test_answers_that_end_too_early_are_one_error(tmp_path: Path) -> None:
    done = called(tmp_path, "init", "--ask", given=f"{STAGING}\n")
    assert (done.exit_code, "a question was not answered" in done.output) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_variable_can_stand_in_any_url(tmp_path: Path) -> None:
    ledger = "postgresql+psycopg://refund:${LEDGER_PASSWORD}@db.example/ledger"
    hook = "https://hook.example/states?key=${HOOK_KEY}"
    done = called(tmp_path, "init", "--base-url", STAGING, "--ledger", ledger, "--hook", hook)
    assert done.exit_code == 0, done.output
    assert (settings_of(tmp_path)["orders"]["ledger"], settings_of(tmp_path)["orders"]["hook"]) == (ledger, hook)


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text("mine")
    done = called(tmp_path, "init", "--base-url", STAGING)
    assert (done.exit_code, "exists already" in done.output) == (2, True)
    assert (tmp_path / "target.toml").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError):
        init.write(tmp_path / "file" / "target.toml", init.Answers(base_url=STAGING), CONTRACT)


# ---- what files describe

JWT: dict[str, Any] = {"type": "apiKey", "in": "header", "name": "X-Token"}
PATH = "/v1/order/{id}/refund"
FILES: dict[str, tuple[Mapping[str, Any], Description]] = {
    "servers-with-variables": (
        {
            "openapi": "3.0.0",
            "servers": [{"url": "https://{env}.shop.example/api/v1", "variables": {"env": {"default": "test"}}}],
            "paths": {"/order/{id}/refund": {"post": {"security": [{"jwt": []}]}}},
            "components": {"securitySchemes": {"other": {"type": "http"}, "jwt": JWT}},
        },
        Description("https://test.shop.example/api", "X-Token"),
    ),
    "prefix-in-the-path": (
        {"openapi": "3.1.0", "servers": [{"url": STAGING}], "paths": {f"/api{PATH}": {"post": {}}}},
        Description(f"{STAGING}/api"),
    ),
    "version-in-both": (
        {"openapi": "3.1.0", "servers": [{"url": f"{STAGING}/v1"}], "paths": {PATH: {"post": {}}}},
        Description(STAGING),
    ),
    "swagger-2": (
        {
            "swagger": "2.0",
            "host": "test.example:8443",
            "basePath": "/v1",
            "schemes": ["http"],
            "paths": {"/order/{o}/refund": {"post": {"parameters": [{"in": "header", "name": "AuthToken"}]}}},
        },
        Description("http://test.example:8443", "AuthToken"),
    ),
    "bearer": (
        {"openapi": "3.1.0", "paths": {}, "components": {"securitySchemes": {"b": {"type": "http"}}}},
        Description("", "Authorization"),
    ),
    "postman-environment": (
        {
            "values": [
                {"key": "token", "value": "sesame", "type": "secret"},
                {"key": "host", "value": "test.example"},
                {"key": "base_url", "value": "https://{{host}}/v1/", "enabled": True},
                {"key": "old_url", "value": "https://old.example", "enabled": False},
                {"key": "authHeader", "value": "AuthorizationJWT"},
            ]
        },
        Description("https://test.example", "AuthorizationJWT"),
    ),
    "postman-host-alone": (
        {"values": [{"key": "host", "value": "test.example"}]},
        Description("https://test.example"),
    ),
    "postman-credentials-in-the-url": (
        {"values": [{"key": "server", "value": "http://user:sesame@127.0.0.1:80/?x=1"}]},
        Description("http://127.0.0.1:80"),
    ),
    "postman-collection": (
        {
            "info": {},
            "variable": [{"key": "url", "value": "https://test.example/api"}],
            "item": [
                {
                    "item": [
                        {
                            "request": {
                                "header": [{"key": "Content-Type"}, {"key": "AuthorizationJWT", "value": "{{t}}"}],
                                "url": {"raw": "{{url}}/v1/order/:id/refund"},
                            }
                        }
                    ]
                }
            ],
        },
        Description("https://test.example/api", "AuthorizationJWT"),
    ),
    "collection-with-a-key": (
        {
            "auth": {"type": "apikey", "apikey": [{"key": "key", "value": "X-Key"}]},
            "item": [{"request": {"url": f"{STAGING}/v1/order/{{{{order}}}}/refund?x=1"}}],
        },
        Description(STAGING, "X-Key"),
    ),
    "nothing-in-it": ({"openapi": "3.1.0", "servers": [{"url": "/"}], "paths": 5}, Description()),
}


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize(("data", "found"), FILES.values(), ids=FILES)
def test_a_file_gives_url_and_header(
    tmp_path: Path, form: str, data: Mapping[str, Any], found: Description
) -> None:
    path = tmp_path / f"described.{form}"
    path.write_text(json.dumps(data) if form == "json" else yaml.safe_dump(data), encoding="utf-8")
    assert api_description.read(path, CONTRACT.operation) == found


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("staging.example:8443", "https://staging.example:8443"),
        ("localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://a.example/api/v1/order/5/refund", "https://a.example/api"),
        ("https://a.example/v10", "https://a.example/v10"),
        ("ftp://a.example", ""),
        ("{{url}}", ""),
        ("http://[", ""),
    ],
)
def test_a_url_is_taken_without_what_the_suite_adds(text: str, url: str) -> None:
    assert api_description.base_url_of(text, CONTRACT.operation) == url


def test_our_own_openapi_document_gives_the_header(tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(openapi()), encoding="utf-8")
    words = ["init", "--from", str(path), "--base-url", STAGING]
    assert called(tmp_path, *words).exit_code == 0
    assert settings_of(tmp_path)["auth"]["header"] == CONTRACT.operation.authorization_header


@pytest.mark.whole
@pytest.mark.parametrize("text", ["[1]", "{", "a: b", '{"values": 3}', "{{{", "", "[" * 5000, "\0"])
def test_a_file_that_is_none_of_them_is_one_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "described"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="described"):
        api_description.read(path, CONTRACT.operation)


def test_a_file_that_is_no_text_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "described"
    path.write_bytes(os.urandom(8) + b"\xff\xfe")
    with pytest.raises(UsageError, match="described"):
        api_description.read(path, CONTRACT.operation)


# ---- the reference of settings


def test_every_setting_is_described_with_an_example_that_is_right() -> None:
    schema = documents.validator("target").schema
    assert isinstance(schema, dict)
    for section, table in schema["properties"].items():
        assert table["description"].endswith(".")
        for key, setting in table.get("properties", {}).items():
            assert setting["description"].endswith("."), key
            rule = Draft202012Validator({**setting, "$defs": schema["$defs"]})
            assert [value for value in setting["examples"] if not rule.is_valid(value)] == []
            if "default" in setting:
                assert rule.is_valid(setting["default"])
        assert section in ("target", "auth", "orders", "questions")


def test_defaults_of_the_schema_are_those_of_the_settings() -> None:
    schema: Any = documents.validator("target").schema
    least = target_settings.parse({"target": {"base_url": STAGING}, "auth": {"token": "t"}}, "t", CONTRACT, {})
    for section, table in schema["properties"].items():
        for key, setting in table.get("properties", {}).items():
            if "default" in setting and hasattr(least, key):
                value = getattr(least, key)
                assert (list(value) if isinstance(value, tuple) else value) == setting["default"], (
                    f"{section}.{key}"
                )
