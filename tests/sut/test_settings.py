"""Settings are taken as they are meant, or refused in one message with the key, the reason and the remedy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import SettingsError
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.settings import CREDENTIALS, GROUPS, Settings

CONTRACT = contracts.load()
BASE = "https://staging.example"
LEAST: dict[str, Any] = {"target": {"base_url": BASE}, "auth": {"token": "abc"}}
PRECEDENCE = "authorization, route, content_type, body, caller, order, field"

WHOLE = """
[target]
base_url = "https://staging.example:8443/api/"
timeout = 2.5
max_requests_per_second = 20
max_seconds = 60
proxy = "http://proxy.example:3128"
ca_bundle = "ca.pem"
[auth]
header = "X-Token"
token = "${REFUND_TOKEN}"
expired_token = "expired"
unconfigured_token = "uncon${MIDDLE}red"
other_merchant_token = "other"
username = "merchant"
password = "${PASSWORD}"
[orders]
refundable = ["730001", 730002, "730001"]
not_paid = []
unknown = ["999"]
[questions]
content-type-parameters = "accepted"
content-type-case = 111
precedence = "authorization, route, content_type, body, caller, order, field"
"""
ENVIRONMENT = {"REFUND_TOKEN": "to.ke.n", "MIDDLE": "figu", "PASSWORD": "pass word"}


def parse(data: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    return target_settings.parse(data, "target.toml", CONTRACT, environment or {})


def changed(section: str, **members: Any) -> dict[str, Any]:
    """Return the least settings with some more members in one section."""
    return {**LEAST, section: {**LEAST.get(section, {}), **members}}


def refused(data: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        parse(data, environment)
    error = caught.value
    assert error.what.startswith("target.toml")
    assert error.why
    assert error.remedy.endswith(".")
    assert error.exit_status == 2
    assert "\n" not in str(error)
    return error


# ---- what is right


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    path = tmp_path / "target.toml"
    path.write_text(WHOLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    trustme.CA().cert_pem.write_to_path("ca.pem")
    return target_settings.load(path, CONTRACT, ENVIRONMENT)


def test_every_setting_is_taken(whole: Settings) -> None:
    assert whole.base_url == "https://staging.example:8443/api"
    assert (whole.timeout, whole.max_requests_per_second, whole.max_seconds) == (2.5, 20, 60)
    assert (whole.proxy, whole.ca_bundle) == ("http://proxy.example:3128", "ca.pem")
    assert (whole.header, whole.username, whole.password) == ("X-Token", "merchant", "pass word")
    assert whole.tokens == {
        "token": "to.ke.n",
        "expired_token": "expired",
        "unconfigured_token": "unconfigured",
        "other_merchant_token": "other",
    }
    assert whole.orders == {"refundable": ("730001", "730002"), "unknown": ("999",)}
    assert whole.pins == {
        "content-type-parameters": "accepted",
        "content-type-case": "111",
        "precedence": PRECEDENCE,
    }


def test_secrets_are_told_to_whoever_hides_them_and_to_nobody_else(whole: Settings) -> None:
    assert set(whole.secrets) >= {"to.ke.n", "expired", "unconfigured", "other", "pass word"}
    for secret in ("to.ke.n", "pass word"):
        assert secret not in repr(whole)


def test_what_is_left_out_has_its_default() -> None:
    settings = parse(LEAST)
    assert (settings.base_url, settings.timeout, settings.header) == (BASE, 10.0, "AuthorizationJWT")
    assert settings.tokens == {"token": "abc"}
    assert (settings.max_requests_per_second, settings.max_seconds) == (None, None)
    assert (settings.proxy, settings.ca_bundle, settings.username, settings.password) == (None,) * 4
    assert (settings.orders, settings.pins) == ({}, {})


def test_a_user_name_and_a_password_stand_in_for_a_token() -> None:
    settings = parse({"target": {"base_url": BASE}, "auth": {"username": "a", "password": "b"}})
    assert settings.tokens == {}
    assert settings.secrets == ("b",)


@pytest.mark.parametrize(
    ("base_url", "taken"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("HTTPS://Staging.example//", "HTTPS://Staging.example"),
        ("https://staging.example/a@b", "https://staging.example/a@b"),
        ("https://bücher.example", "https://bücher.example"),
    ],
)
def test_a_base_url_is_taken_without_the_slash_at_its_end(base_url: str, taken: str) -> None:
    assert parse(changed("target", base_url=base_url)).base_url == taken


@pytest.mark.parametrize("group", GROUPS)
def test_orders_of_every_group_are_taken_as_text_and_once(group: str) -> None:
    ids = [5, "A-1.b_c~d", "5", 10**30]
    assert parse(changed("orders", **{group: ids})).orders == {group: ("5", "A-1.b_c~d", str(10**30))}


@pytest.mark.parametrize("name", CREDENTIALS)
def test_every_credential_is_taken(name: str) -> None:
    assert parse(changed("auth", **{name: "!~tok/en+="})).tokens[name] == "!~tok/en+="


@pytest.mark.parametrize(
    ("question", "answer"),
    [(question.id, answer) for question in CONTRACT.questions.values() for answer in question.answers],
)
def test_every_answer_to_every_question_can_be_pinned(question: str, answer: str) -> None:
    assert parse(changed("questions", **{question: answer})).pins == {question: answer}
    if answer.isdecimal():
        assert parse(changed("questions", **{question: int(answer)})).pins == {question: answer}


def test_variables_are_taken_from_the_environment_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUND_TEST_TOKEN", "from-the-environment")
    data = changed("auth", token="${REFUND_TEST_TOKEN}")
    assert target_settings.parse(data, "t", CONTRACT).tokens["token"] == "from-the-environment"
    refused(data, {})


@pytest.mark.parametrize("text", ["$NAME", "${}", "${1A}", "$${", "${A-B}"])
def test_what_is_no_variable_stays_as_it_is(text: str) -> None:
    assert parse(changed("auth", token=text)).tokens["token"] == text


def test_a_variable_is_replaced_once() -> None:
    assert parse(changed("auth", token="${A}"), {"A": "${B}", "B": "c"}).tokens["token"] == "${B}"


# ---- what is wrong

WRONG: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "no-target": ({"auth": {"token": "a"}}, "the top level", "'target' is a required property", "target.json"),
    "no-base-url": ({**LEAST, "target": {}}, "target", "'base_url' is a required property", "target.json"),
    "no-token": ({"target": {"base_url": BASE}}, "auth.token", "is not set", "Set one or the other"),
    "empty-auth": ({**LEAST, "auth": {}}, "auth.token", "is not set", "Set one or the other"),
    "unknown-section": ({**LEAST, "order": {}}, "[order]", "is no section", "target, auth, orders, questions"),
    "unknown-key": (changed("target", base_uri="x"), "target.base_uri", "is no setting", "base_url, timeout"),
    "unknown-credential": (changed("auth", tokn="x"), "auth.tokn", "is no setting", "header, token"),
    "unknown-group": (changed("orders", paid=["1"]), "orders.paid", "is no setting", "refundable, not_paid"),
    "unknown-question": (changed("questions", colour="red"), "questions.colour", "no open question", "utf16-json"),
    "section-that-is-none": ({**LEAST, "target": 5}, "target", "5 is not of type 'object'", "target.json"),
    "auth-that-is-none": ({**LEAST, "auth": "abc"}, "auth", "is not of type 'object'", "target.json"),
    "orders-that-are-none": ({**LEAST, "orders": []}, "orders", "is not of type 'object'", "target.json"),
    "questions-that-are-none": ({**LEAST, "questions": []}, "questions", "is not of type 'object'", "target.json"),
    "timeout-zero": (changed("target", timeout=0), "target.timeout", "0", "target.json"),
    "timeout-text": (changed("target", timeout="10"), "target.timeout", "is not of type 'number'", "target.json"),
    "timeout-true": (changed("target", timeout=True), "target.timeout", "is not of type 'number'", "target.json"),
    "timeout-long": (changed("target", timeout=601), "target.timeout", "601", "target.json"),
    "timeout-nan": (changed("target", timeout=float("nan")), "target.timeout", "is nan", "Write a number"),
    "rate-nan": (
        changed("target", max_requests_per_second=float("nan")),
        "target.max_requests_per_second",
        "is nan",
        "Write a number",
    ),
    "time-infinite": (changed("target", max_seconds=float("inf")), "target.max_seconds", "is inf", "leave it out"),
    "rate-negative": (changed("target", max_requests_per_second=-1), "target.max_requests", "-1", "target.json"),
    "header-with-space": (changed("auth", header="X Token"), "auth.header", "does not match", "target.json"),
    "user-without-password": (changed("auth", username="a"), "auth", "'password' is a dependency", "target.json"),
    "password-without-user": (changed("auth", password="a"), "auth", "'username' is a dependency", "target.json"),
    "order-with-slash": (changed("orders", unknown=["a/b"]), "orders.unknown.0", "does not match", "target.json"),
    "order-empty": (changed("orders", unknown=[""]), "orders.unknown.0", "does not match", "target.json"),
    "order-null": (changed("orders", unknown=[None]), "orders.unknown.0", "is not valid", "target.json"),
    "orders-no-list": (changed("orders", unknown="5"), "orders.unknown", "is not of type 'array'", "target.json"),
    "order-in-two-groups": (
        changed("orders", refundable=["1", "2"], unknown=["2"]),
        "orders.unknown",
        "order 2 is also in refundable",
        "List it once",
    ),
    "no-such-answer": (
        changed("questions", **{"utf16-json": "yes"}),
        "questions.utf16-json",
        "'yes' is no answer to it",
        "accepted, 110",
    ),
    "answer-of-another-type": (
        changed("questions", **{"utf16-json": True}),
        "questions.utf16-json",
        "is not of type",
        "target.json",
    ),
    "precedence-of-other-parts": (
        changed("questions", precedence="order, weather"),
        "questions.precedence",
        "does not list parts once each",
        "route, authorization, content_type, body, caller, order, field",
    ),
    "precedence-with-a-part-twice": (
        changed("questions", precedence=f"{PRECEDENCE}, order"),
        "questions.precedence",
        "does not list parts once each",
        "Order these",
    ),
}


@pytest.mark.parametrize(("data", "what", "why", "remedy"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_setting_is_named_with_the_reason_and_the_remedy(
    data: dict[str, Any], what: str, why: str, remedy: str
) -> None:
    error = refused(data)
    assert error.what.startswith(f"target.toml: {what}")
    assert why in error.why
    assert remedy in error.remedy


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "staging.example",
        "ftp://staging.example",
        "http://",
        "https:///path",
        "http:staging.example",
        "//a.example",
    ],
)
def test_a_base_url_that_is_no_url_is_refused(base_url: str) -> None:
    error = refused(changed("target", base_url=base_url))
    assert error.what == "target.toml: target.base_url"
    assert repr(base_url) in error.why


def test_a_precedence_without_a_part_has_it_in_front() -> None:
    data = changed("questions", precedence="authorization, content_type, body, caller, order, field")
    pinned = parse(data).pins["precedence"]
    assert pinned == "route, authorization, content_type, body, caller, order, field"


@pytest.mark.parametrize("port", ["0", "65536", "99999", "x", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    assert f":{port}" in refused(changed("target", base_url=f"http://a.example:{port}")).why


@pytest.mark.parametrize(
    "base_url",
    [
        *("https://user@a.example", "https://user:pass@a.example", "https://@a.example", "https://user:pass@a:x"),
        *("https://a.example?", "https://a.example/?q=1", "https://a.example#", "https://a.example/#top"),
        *("https://a.example/a b", "https://a.example ", " https://a.example"),
    ],
)
def test_a_base_url_with_more_than_host_port_and_path_is_refused_without_telling_it(base_url: str) -> None:
    error = refused(changed("target", base_url=base_url))
    assert error.why == "it holds more than scheme, host, port and path"
    assert "pass" not in str(error)


def test_a_host_with_half_a_bracket_is_refused() -> None:
    assert "is no URL" in refused(changed("target", base_url="http://[::1")).why


@pytest.mark.parametrize("name", [*CREDENTIALS, "password"])
def test_a_secret_of_the_wrong_form_is_not_told(name: str) -> None:
    others = {"username": "a"} if name == "password" else {}
    error = refused(changed("auth", **others, **{name: 123456789}))
    assert error.what == f"target.toml: auth.{name}"
    assert "123456789" not in str(error)
    assert "quotes" in error.remedy


@pytest.mark.parametrize("name", CREDENTIALS)
@pytest.mark.parametrize("value", ["Bearer sesame", " sesame", "sesame ", "sésame", "sesame\u2028"])
def test_a_token_that_no_header_can_hold_is_not_told(name: str, value: str) -> None:
    error = refused(changed("auth", **{name: value}))
    assert error.what == f"target.toml: auth.{name}"
    assert "same" not in str(error)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0", "\x7f", "\u0085", "\udcff"])
def test_a_control_character_is_refused_wherever_it_comes_from(end: str) -> None:
    for data in (
        changed("auth", token=f"sesame{end}"),
        changed("auth", header=f"X-Token{end}"),
        changed("orders", unknown=["5", f"6{end}"]),
        changed("target", base_url=f"{BASE}{end}"),
        changed("auth", token="${TOKEN}"),
    ):
        error = refused(data, {"TOKEN": f"sesame{end}"})
        assert error.why == "holds a line break or another control character"
        assert "sesame" not in str(error)


@pytest.mark.parametrize(("environment", "state"), [({}, "is not set"), ({"REFUND_TOKEN": ""}, "is empty")])
def test_a_variable_without_a_value_is_named_with_its_key(environment: dict[str, str], state: str) -> None:
    error = refused(changed("auth", token="${REFUND_TOKEN}"), environment)
    assert str(error) == (
        f"target.toml: auth.token: the environment variable REFUND_TOKEN {state}. Set REFUND_TOKEN."
    )


def test_of_several_unknown_keys_the_first_is_named() -> None:
    error = refused(changed("target", zzz=1, aaa=2, mmm=3))
    assert error.what == "target.toml: target.zzz"


@pytest.mark.parametrize("text", ["target =", "[target]\n[target]", "a = 1\na = 2", "\x00", "x = " + "[" * 5000])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "target.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        target_settings.load(path, CONTRACT, {})
    assert caught.value.what == str(path)
    assert caught.value.why.startswith("is not TOML")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml: No such file or directory"):
        target_settings.load(tmp_path / "absent.toml", CONTRACT, {})


# ---- anything at all

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([BASE, "${A}", "${B}", "accepted", "110", "http://[", "http://a:1@b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


def section(*names: str) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(names) | st.text(max_size=5), VALUES, max_size=4) | VALUES


@pytest.mark.parametrize("bundle", ["missing.pem", "."])
def test_a_bundle_that_is_no_file_is_named(bundle: str) -> None:
    assert str(refused(changed("target", ca_bundle=bundle))).startswith("target.toml: target.ca_bundle: ")


ANYTHING = st.fixed_dictionaries(
    {},
    optional={
        "target": section("base_url", "timeout", "max_requests_per_second", "max_seconds", "proxy", "ca_bundle"),
        "auth": section("header", "username", "password", *CREDENTIALS),
        "orders": section(*GROUPS),
        "questions": section(*CONTRACT.questions),
        "extras": VALUES,
    },
)
NEARLY_RIGHT = st.builds(
    lambda section, key, value: {**LEAST, section: {**LEAST.get(section, {}), key: value}},
    st.sampled_from(["target", "auth", "orders", "questions"]),
    st.sampled_from(["base_url", "timeout", "token", "header", "unknown", "utf16-json", "precedence"]),
    VALUES,
)


def tried(data: Mapping[str, Any]) -> Settings | SettingsError:
    try:
        return parse(data, {"A": "value", "B": "line\n"})
    except SettingsError as error:
        return error


@given(data=ANYTHING | NEARLY_RIGHT)
def test_anything_is_read_or_refused_with_the_typed_error(data: dict[str, Any]) -> None:
    found = tried(data)
    if isinstance(found, SettingsError):
        assert found.what.startswith("target.toml")
        assert found.remedy
    else:
        assert found.base_url.lower().startswith(("http://", "https://"))
        assert found.secrets


@given(
    at=st.integers(0, len(WHOLE) - 1),
    length=st.integers(0, 20),
    new=st.text(st.characters(codec="utf-8"), max_size=5)
    | st.sampled_from(["[", "]\n[a]", '"', "\n", "${X}", "[[["]),
)
def test_a_damaged_file_is_read_or_refused_with_the_typed_error(
    tmp_path_factory: pytest.TempPathFactory, at: int, length: int, new: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "target.toml"
    path.write_text(WHOLE[:at] + new + WHOLE[at + length :], encoding="utf-8")
    try:
        told = target_settings.load(path, CONTRACT, ENVIRONMENT).base_url
    except SettingsError as error:
        told = str(error)
    assert told.startswith(("http", str(path)))


@pytest.mark.parametrize("depth", [100, 300, 400, 450, 480, 490, 500, 600])
def test_no_depth_of_nesting_is_more_than_a_wrong_setting(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "target.toml"
    path.write_text(f"{WHOLE}\nx = {'[' * depth}{']' * depth}", encoding="utf-8")
    with pytest.raises(SettingsError):
        target_settings.load(path, CONTRACT, ENVIRONMENT)
