"""The endpoint answers as the document says, part by part."""

import base64
import json
import socket
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from mock_wire import VALID, Wire

OK: tuple[int, list[int]] = (200, [])


def test_every_group_of_orders_is_answered_by_its_state(wire: Wire) -> None:
    expected = {
        "not_paid": (400, [15030]),
        "zero_price": (400, [15040]),
        "refund_new": (400, [15050]),
        "refund_processing": (400, [15050]),
        "refund_finished": OK,
        "foreign": (404, [15060]),
        "unknown": (404, [15060]),
    }
    for group, answer in expected.items():
        for order in wire.ids(group):
            assert wire.refund(order).short == answer, (group, order)
            if group == "refund_finished":
                assert wire.refund(order).short == (400, [15050])
    assert len(wire.ids("refund_finished")) >= 8


def test_a_refundable_order_is_accepted_once(wire: Wire) -> None:
    order = wire.ids("refundable")[0]
    accepted = wire.refund(order)
    assert (accepted.status, accepted.body) == (200, b"")
    assert wire.refund(order).short == (400, [15050])


def test_the_other_merchant_sees_its_own_orders_only(wire: Wire) -> None:
    headers = wire.headers(wire.token("other_merchant_token"))
    unknown = wire.refund(wire.ids("unknown")[0], headers=headers)
    ours = wire.refund(wire.ids("refundable")[1], headers=headers)
    assert (ours.status, ours.body) == (unknown.status, unknown.body)
    assert wire.refund(wire.ids("foreign")[0], headers=headers).short == OK


def test_a_caller_without_configuration_is_refused(wire: Wire) -> None:
    headers = wire.headers(wire.token("unconfigured_token"))
    assert wire.refund(wire.ids("refundable")[1], headers=headers).short == (400, [15000])


# ---- route


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/order", "/v1/order/730002/", "/v2/order/730002/refund"])
def test_unknown_urls_are_404(wire: Wire, path: str) -> None:
    for method in ("GET", "POST"):
        assert wire.send(method, path, wire.headers(), json.dumps(VALID).encode()).status == 404


@pytest.mark.parametrize("suffix", ["/", "s", "/x", "//", "%2f"])
def test_a_longer_url_is_another_one(wire: Wire, suffix: str) -> None:
    order = wire.ids("refundable")[1]
    reply = wire.send("POST", f"/v1/order/{order}/refund{suffix}", wire.headers(), json.dumps(VALID).encode())
    assert reply.status == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"])
def test_only_post_creates(wire: Wire, method: str) -> None:
    order = wire.ids("refundable")[1]
    reply = wire.refund(order, method=method)
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "order",
    [
        *(
            "abc",
            "-1",
            "0",
            "+730002",
            "0730002",
            "730002.0",
            "7.3e5",
            "0x1",
            "730002%20",
            "%37%330002",
            "730_002",
        ),
        *("9223372036854775808", "9" * 40, "9" * 4000, "%D9%A1", "%00", "1'%20OR%20'1'='1", "730002;", "%2e%2e"),
    ],
)
def test_an_order_id_that_is_no_plain_number_is_not_found(wire: Wire, order: str) -> None:
    assert wire.refund(order).short == (404, [15060])
    assert wire.refund(order, headers=[("Content-Type", "application/json")]).status == 401


def test_raw_bytes_in_the_url_are_no_http(wire: Wire) -> None:
    lines = ["POST /v1/order/٣/refund HTTP/1.1", "Host: x", "Content-Length: 0", "", ""]
    host, port = wire.fresh().host, wire.fresh().port
    with socket.create_connection((host, port or 0), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert connection.recv(12) == b"HTTP/1.1 400"


# ---- authorization


def _changed(token: str, part: int, position: int) -> str:
    parts = token.split(".")
    old = parts[part][position]
    new = "A" if old != "A" else "B"
    parts[part] = parts[part][:position] + new + parts[part][position:][1:]
    return ".".join(parts)


def _with_other_padding_bits(token: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def _unsigned(algorithm: str) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part({'sub': 'merchant', 'exp': 4102444800})}."


def test_a_missing_token_is_1008(wire: Wire) -> None:
    order = wire.ids("refundable")[1]
    json_type = ("Content-Type", "application/json")
    for values in ([], [""], ["Bearer"], ["Bearer "]):
        headers = [*(("AuthorizationJWT", value) for value in values), json_type]
        assert wire.refund(order, headers=headers).short == (401, [1008]), values
    standard = [("Authorization", f"Bearer {wire.token()}"), json_type]
    assert wire.refund(order, headers=standard).short == (401, [1008])


def test_a_token_that_is_not_valid_is_1007(wire: Wire) -> None:
    order, token = wire.ids("refundable")[1], wire.token()
    foreign_key = generate_private_key(65537, 2048)
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, options={"verify_signature": False})
    values = [
        *(token, f"bearer {token}", f"Basic {token}", f"Token {token}", f"Bearer {token} {token}"),
        *(f"Bearer  {token}", f"Bearer {token},", "Bearer x", "Bearer a.b.c", "Bearer ..", "Bearer null"),
        *(f"Bearer {_changed(token, part, at)}" for part in (0, 1, 2) for at in (0, 5, -2)),
        *(f"Bearer {token[:-1]}", f"Bearer {token}A", f"Bearer {token.rpartition('.')[0]}."),
        f"Bearer {token.rpartition('.')[0]}",
        f"Bearer {_with_other_padding_bits(token)}",
        *(f"Bearer {_unsigned(algorithm)}" for algorithm in ("none", "None", "NONE", "RS256", "HS256")),
        f"Bearer {jwt.encode(claims, foreign_key, algorithm='RS256', headers={'kid': kid})}",
        f"Bearer {jwt.encode(claims, foreign_key, algorithm='RS256')}",
    ]
    for value in values:
        headers = [("AuthorizationJWT", value), ("Content-Type", "application/json")]
        assert wire.refund(order, headers=headers).short == (401, [1007]), value
    assert wire.refund(order, headers=[*wire.headers(), *wire.headers()]).short == (401, [1007])


def test_an_expired_token_is_1009(wire: Wire) -> None:
    order = wire.ids("refundable")[1]
    assert wire.refund(order, headers=wire.headers(wire.token("expired_token"))).short == (401, [1009])


def test_authorization_comes_before_all_else(wire: Wire) -> None:
    for group in ("refundable", "unknown", "foreign", "not_paid"):
        reply = wire.refund(wire.ids(group)[1], headers=[], body=b"{")
        assert reply.short == (401, [1008])


# ---- content type


@pytest.mark.parametrize(
    "content_type",
    [
        *(
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=utf-8",
        ),
        *('application/json; charset="utf-8"', "application/json;", "application/json ;  version=1;"),
    ],
)
def test_json_is_accepted_in_any_lawful_spelling(wire: Wire, content_type: str) -> None:
    headers = [wire.headers()[0], ("Content-Type", content_type)]
    assert wire.refund(wire.ids("not_paid")[0], headers=headers).short == (400, [15030])


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "json", "*/*"),
        *("application/jsonp", "application/json-patch+json", "application/vnd.api+json", "application/ json"),
        *("application/json, text/plain", "text/plain; application/json", "application/json charset=utf-8"),
        *(
            "multipart/form-data; boundary=x",
            "application/json; charset",
            "xapplication/json",
            "application/json/x",
        ),
    ],
)
def test_another_content_type_is_111(wire: Wire, content_type: str) -> None:
    headers = [wire.headers()[0], ("Content-Type", content_type)]
    assert wire.refund(wire.ids("refundable")[1], headers=headers).short == (400, [111])


def test_no_content_type_or_two_are_111(wire: Wire) -> None:
    order = wire.ids("refundable")[1]
    authorization, content_type = wire.headers()
    assert wire.refund(order, headers=[authorization]).short == (400, [111])
    assert wire.refund(order, headers=[authorization, content_type, content_type]).short == (400, [111])


# ---- body


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "text", [], [VALID]])
def test_a_body_that_is_no_object_is_110(wire: Wire, value: Any) -> None:
    assert wire.refund(wire.ids("refundable")[1], value).short == (400, [110])


@pytest.mark.parametrize("depth", [10, 1_000, 100_000])
def test_deep_nesting_never_fails(wire: Wire, depth: int) -> None:
    order = wire.ids("not_paid")[0]
    nested = b"[" * depth + b"]" * depth
    assert wire.refund(order, body=nested).short == (400, [110])
    assert wire.refund(order, body=b"[" * depth).short == (400, [110])
    assert wire.refund(order, body=b'{"a":' * depth).short == (400, [110])
    assert wire.refund(order, body=b'{"email":"a@b.c","x":' + nested + b"}").short == (400, [15030])
    refundable = wire.ids("refundable")[1]
    assert wire.refund(refundable, body=b'{"email":' + nested + b"}").short == (400, [15010])


def test_too_long_a_body_is_413(wire: Wire) -> None:
    body = b'{"email": "a@b.c", "description": "' + b"x" * 1024 * 1024 + b'"}'
    assert wire.refund(wire.ids("refundable")[1], body=body).status == 413
    assert wire.refund(wire.ids("not_paid")[0]).short == (400, [15030])


# ---- fields


def _names(reply: Any) -> list[str]:
    assert reply.status == 400
    assert all(entry["error"] == 15010 for entry in reply.json["errors"])
    return [entry["message"].removeprefix("Invalid field value: ") for entry in reply.json["errors"]]


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, ["text"], "x" * 501, "€" * 501, " " * 501])
def test_an_invalid_description_is_named(wire: Wire, value: Any) -> None:
    assert _names(wire.refund(wire.ids("refundable")[1], {**VALID, "description": value})) == ["description"]


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            1,
            True,
            [],
            {},
            "",
            " ",
            "\t\n",
            "\u00a0",
            "plain",
            "@",
            "a@",
            "@b.c",
            "a@b@c.d",
            "a b@c.d",
            "a@b c.d",
        ),
        *(" a@b.c", "a@b.c ", "a@b.c\n", "a" * 70 + "@" + "b" * 6 + ".cde", "a\u2003b@c.d", "a\0@b.c"),
    ],
)
def test_an_invalid_email_is_named(wire: Wire, value: Any) -> None:
    assert _names(wire.refund(wire.ids("refundable")[1], {**VALID, "email": value})) == ["email"]


def test_every_invalid_field_is_named(wire: Wire) -> None:
    order = wire.ids("refundable")[1]
    assert _names(wire.refund(order, {})) == ["email"]
    assert _names(wire.refund(order, {"description": 1})) == ["description", "email"]
    assert _names(wire.refund(order, {"Email": "a@b.c", "mail": "a@b.c"})) == ["email"]


@pytest.mark.parametrize(
    "document",
    [
        {"email": "a@b.c"},
        {"email": "a" * 69 + "@" + "b" * 6 + ".cde", "description": "x" * 500},
        {"email": "First.Last+tag-1@sub.example-host.co.uk", "description": "ы" * 500},
        {"email": "почта@пример.рф", "description": "😀" * 500},
        {"email": "a@b.c", "description": "\u05e9\u0301 \n\t\r\0 \ud800", "unknown": {"a": [1]}},
        {"email": "a@b.c", "description": ""},
        {"email": "root@localhost", "description": " " * 500},
    ],
)
def test_valid_documents_are_accepted(wire: Wire, document: Any) -> None:
    taken = wire.ids("refundable")[100:]
    for order in taken:
        reply = wire.refund(order, document)
        if reply.short != (400, [15050]):
            break
    assert reply.short == OK


def test_no_refused_request_had_an_effect(wire: Wire) -> None:
    """Everything above that must be refused named this order."""
    assert wire.refund(wire.ids("refundable")[1]).short == OK


# ---- login


def test_login_issues_a_token_that_works_and_leaves_earlier_ones(wire: Wire) -> None:
    credentials = json.dumps({"username": "merchant", "password": "merchant-password"}).encode()
    tokens = []
    for _ in range(2):
        reply = wire.send("POST", "/v1/login_check", [("Content-Type", "application/json")], credentials)
        assert reply.status == 200
        assert set(reply.json) == {"token", "refresh_token"}
        tokens.append(reply.json["token"])
    order = wire.ids("not_paid")[0]
    for token in tokens:
        assert wire.refund(order, headers=wire.headers(token)).short == (400, [15030])
        claims = jwt.decode(token, options={"verify_signature": False})
        assert 24 * 3600 <= claims["exp"] - claims["iat"] <= 24 * 3600 + 2
    refresh = reply.json["refresh_token"]
    assert wire.refund(order, headers=wire.headers(refresh)).short == (401, [1007])


@pytest.mark.parametrize(
    ("body", "short"),
    [
        (b'{"username": "merchant", "password": "wrong"}', (401, [1007])),
        (b'{"username": "nobody\\u0000", "password": "wrong"}', (401, [1007])),
        (b'{"username": "merchant", "password": "\\ud800"}', (401, [1007])),
        (b'{"username": "merchant"}', (400, [15010])),
        (b'{"username": 1, "password": null}', (400, [15010, 15010])),
        (b"[]", (400, [110])),
        (b"{", (400, [110])),
    ],
)
def test_login_refuses_what_is_wrong(wire: Wire, body: bytes, short: tuple[int, list[int]]) -> None:
    assert wire.send("POST", "/v1/login_check", [("Content-Type", "application/json")], body).short == short
    assert wire.send("POST", "/v1/login_check", [], body).short == (400, [111])
    assert wire.send("GET", "/v1/login_check", [("Content-Type", "application/json")], body).status == 405
