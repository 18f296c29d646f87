"""For each clause of the contract, requests whose answers a fault of that clause changes."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from mock_direct import Direct, Request
from mock_wire import VALID, Reply

Probe = Callable[[Direct], Iterator[Reply]]

FOREIGN_KEY = generate_private_key(65537, 2048)
BODY = json.dumps(VALID).encode()


def _text(document: Any) -> bytes:
    return json.dumps(document).encode()


def _bodies(*bodies: bytes | Any) -> Probe:
    """Send each body to one order, and then a valid one."""

    def probe(direct: Direct) -> Iterator[Reply]:
        order = direct.ids("refundable")[0]
        for body in bodies:
            yield direct.refund(order, body=body if isinstance(body, bytes) else _text(body))
        yield direct.refund(order)

    return probe


def _each_body(*bodies: bytes | Any) -> Probe:
    """Send each body to an order of its own, and then a valid one to the same."""

    def probe(direct: Direct) -> Iterator[Reply]:
        for order, body in zip(direct.ids("refundable"), bodies, strict=False):
            yield direct.refund(order, body=body if isinstance(body, bytes) else _text(body))
            yield direct.refund(order)

    return probe


def _descriptions(*values: Any) -> Probe:
    return _each_body(*({**VALID, "description": value} for value in values))


def _emails(*values: Any) -> Probe:
    return _each_body(*({**VALID, "email": value} for value in values))


def _group(*groups: str) -> Probe:
    def probe(direct: Direct) -> Iterator[Reply]:
        for group in groups:
            for order in direct.ids(group)[-4:]:
                yield direct.refund(order)
                yield direct.refund(order)

    return probe


def _authorized(*values: Callable[[Direct], str]) -> Probe:
    """Send a valid request, and then one with each header value to an order of its own."""

    def probe(direct: Direct) -> Iterator[Reply]:
        orders = iter(direct.ids("refundable"))
        yield direct.refund(next(orders))
        for port, value in enumerate(values, 2):
            headers = [("AuthorizationJWT", value(direct)), ("Content-Type", "application/json")]
            client = (f"10.0.0.{port}", port)
            yield direct.refund(next(orders), headers=headers, client=client)
        yield direct.refund(next(orders), headers=headers, client=client, body=_text({"email": VALID["email"]}))

    return probe


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _unsigned(algorithm: str) -> Callable[[Direct], str]:
    def header(direct: Direct) -> str:
        return f"Bearer {_part({'alg': algorithm, 'typ': 'JWT'})}.{direct.token().split('.')[1]}."

    return header


def _changed(part: int, change: Callable[[str], str]) -> Callable[[Direct], str]:
    def header(direct: Direct) -> str:
        parts = direct.token().split(".")
        parts[part] = change(parts[part])
        return f"Bearer {'.'.join(parts)}"

    return header


def _other_claims(text: str) -> str:
    claims = json.loads(base64.urlsafe_b64decode(text + "=="))
    return _part({**claims, "exp": claims["exp"] + 1})


def _claims(direct: Direct) -> dict[str, Any]:
    return dict(jwt.decode(direct.token(), options={"verify_signature": False}))


def _signed_with(header: Any, signature: bytes) -> Callable[[Direct], str]:
    """Write a token with the merchant's claims and a signature that is none."""

    def value(direct: Direct) -> str:
        end = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
        return f"Bearer {_compact(header)}.{direct.token().split('.')[1]}.{end}"

    return value


def _signed_with_nothing(direct: Direct) -> str:
    message = f"{_compact({'alg': 'HS256', 'kid': '/dev/null'})}.{direct.token().split('.')[1]}"
    digest = hmac.digest(b"", message.encode(), "sha256")
    return f"Bearer {message}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _compact(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _resigned(direct: Direct, header: dict[str, Any]) -> str:
    return f"Bearer {jwt.encode(_claims(direct), FOREIGN_KEY, algorithm='RS256', headers=header)}"


_WITH_CHANGED_SIGNATURE = _changed(2, lambda text: text[:100] + ("A" if text[100] != "A" else "B") + text[101:])


def _urls(direct: Direct) -> Iterator[Reply]:
    order, *_ = direct.ids("refundable")
    for path in ("/", "/v1/nothing", f"/v2/order/{order}/refund", f"/v1/order/{order}"):
        yield direct.ask(Request(path))
    yield direct.ask(Request(f"/v1/order/{order}/refund/extra"))


def _methods(direct: Direct) -> Iterator[Reply]:
    orders = direct.ids("refundable")
    for order, method in zip(orders, ("GET", "HEAD", "PUT", "PATCH", "DELETE"), strict=False):
        yield direct.refund(order, method=method)
        yield direct.refund(order)
        yield direct.refund(order, method=method)


def _order_ids(direct: Direct) -> Iterator[Reply]:
    order, *_ = direct.ids("refundable")
    encoded = "".join(f"%{ord(digit):02X}" for digit in order)
    arabic = "".join(f"%D9%A{digit}" for digit in order)
    wide = "".join(f"%EF%BC%9{digit}" for digit in order)
    for text in (
        *(
            f"{order}abc",
            encoded,
            arabic,
            wide,
            f"%20{order}",
            f"+{order}",
            f"-{order}",
            f"{order}.0",
            "abc",
            "9" * 30,
        ),
        *(str(2**64 + int(order)), f"{order}%27", f"{order}%20OR%201=1", "9" * 2000, "%00", "..%2f"),
    ):
        yield direct.refund(text)


def _missing(direct: Direct) -> Iterator[Reply]:
    order, *_ = direct.ids("refundable")
    content_type = ("Content-Type", "application/json")
    yield direct.refund(order, headers=[content_type])
    yield direct.refund(order, headers=[content_type, ("Authorization", f"Bearer {direct.token()}")])
    trailers = [("AuthorizationJWT", f"Bearer {direct.token()}")]
    yield direct.refund(order, headers=[content_type], trailers=trailers)


def _remembered(direct: Direct) -> Iterator[Reply]:
    first, second, third, *_ = direct.ids("refundable")
    yield direct.refund(first)
    yield direct.refund(second, headers=[("Content-Type", "application/json")])
    yield direct.refund(third, headers=direct.headers(direct.token("expired_token")))
    yield direct.refund(third, body=b"{}")
    yield direct.refund(third, headers=[("Content-Type", "application/json")])
    cookie = direct.refund(second).headers.get("set-cookie", "")
    yield direct.refund(
        third, headers=[("Content-Type", "application/json"), ("Cookie", cookie.partition(";")[0])]
    )


def _unauthorized_effects(direct: Direct) -> Iterator[Reply]:
    missing, forged, expired, *_ = direct.ids("refundable")
    content_type = ("Content-Type", "application/json")
    changed = [("AuthorizationJWT", _WITH_CHANGED_SIGNATURE(direct)), content_type]
    for order, headers in (
        (missing, [content_type]),
        (forged, changed),
        (expired, direct.headers(direct.token("expired_token"))),
    ):
        yield direct.refund(order, headers=headers)
        yield direct.refund(order)


def _unauthorized_first(direct: Direct) -> Iterator[Reply]:
    for group in ("unknown", "not_paid"):
        yield direct.refund(direct.ids(group)[0], headers=[], body=b"{")


def _content_types(direct: Direct) -> Iterator[Reply]:
    orders = iter(direct.ids("refundable"))
    for content_type in (
        *("text/plain", "text/json", "application/xml", "application/jsonp", "application/vnd.api+json", "*/*"),
        *("text/plain, application/json", "application/x-www-form-urlencoded", "application/x-json"),
        *("application/jsonrequest", "application/json\ta"),
        "multipart/form-data; boundary=x",
    ):
        yield direct.refund(next(orders), headers=direct.headers(None, content_type))
    two = [*direct.headers(None, "text/plain"), ("Content-Type", "application/json")]
    yield direct.refund(next(orders), headers=two)
    form = direct.headers(None, "application/x-www-form-urlencoded")
    yield direct.refund(next(orders), headers=form, body=b"email=a%40b.c")
    part = b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\na@b.c\r\n--x--\r\n'
    yield direct.refund(next(orders), headers=direct.headers(None, "multipart/form-data; boundary=x"), body=part)


def _small_names(direct: Direct) -> Iterator[Reply]:
    order, *_ = direct.ids("refundable")
    yield direct.refund(order, headers=[(name.lower(), value) for name, value in direct.headers()])
    yield direct.refund(order)


def _chunked(direct: Direct) -> Iterator[Reply]:
    yield direct.refund(direct.ids("refundable")[0], headers=[*direct.headers(), ("Transfer-Encoding", "chunked")])


def _incomplete(direct: Direct) -> Iterator[Reply]:
    first, second, *_ = direct.ids("refundable")
    for order, framing in ((first, ("Content-Length", "999")), (second, ("Transfer-Encoding", "chunked"))):
        yield direct.refund(order, headers=[*direct.headers(), framing], cut=True)
        yield direct.refund(order)


def _types(direct: Direct) -> Iterator[Reply]:
    yield from _descriptions(1, 0, True, False, [], ["x"], {}, {"x": 1})(direct)
    orders = iter(direct.ids("refundable")[20:])
    for content_type in ("Application/Json", "application/json; charset=utf-8", "application/json ;charset=utf-8"):
        headers = direct.headers(None, content_type)
        yield direct.refund(next(orders), headers=headers, body=b'{"description": 1, "email": 2}')


def _absent(direct: Direct) -> Iterator[Reply]:
    yield from _each_body({}, {"description": "x"}, {**VALID, "description": 1}, {"description": "x"})(direct)
    yield direct.refund(direct.ids("refundable")[20], body=b"{}", query=b"email=a%40b.c")


def _no_content_type(direct: Direct) -> Iterator[Reply]:
    first, second, *_ = direct.ids("refundable")
    yield direct.refund(second)
    yield direct.refund(first, headers=direct.headers(None, None))


def _unread_effects(direct: Direct) -> Iterator[Reply]:
    broken, array, typed, *_ = direct.ids("refundable")
    for order, changes in (
        (broken, {"body": BODY[:-1]}),
        (array, {"body": b"[]"}),
        (typed, {"headers": direct.headers(None, "text/plain")}),
    ):
        yield direct.refund(order, **changes)
        yield direct.refund(order)


def _once(direct: Direct) -> Iterator[Reply]:
    order, *others = direct.ids("refundable")
    for document in (VALID, VALID, {**VALID, "description": "Another", "email": "another@example.com"}):
        yield direct.refund(order, body=_text(document))
    yield direct.refund(order, method="DELETE")
    yield direct.refund(order)
    long = {**VALID, "email": f"{'a' * 70}@host.test"}
    unusual = ({"email": VALID["email"]}, {**VALID, "description": "😀"}, long)
    for other, document in zip(others, unusual, strict=False):
        yield direct.refund(other, body=_text(document))
        yield direct.refund(other)


def _foreign(direct: Direct) -> Iterator[Reply]:
    yield direct.refund(direct.ids("unknown")[0])
    yield direct.refund(direct.ids("foreign")[0])
    for group in ("refundable", "not_paid", "refund_new"):
        yield direct.refund(direct.ids(group)[0], headers=direct.headers(direct.token("other_merchant_token")))


def _race(direct: Direct) -> Iterator[Reply]:
    first, *others = direct.ids("refundable")
    same = Request(f"/v1/order/{first}/refund")
    yield from sorted(direct.together([same] * 8), key=lambda reply: (reply.status, reply.body))
    apart = [Request(f"/v1/order/{order}/refund") for order in others[:8]]
    yield from sorted(direct.together(apart), key=lambda reply: (reply.status, reply.body))


def _lifecycle(direct: Direct) -> Iterator[Reply]:
    orders = direct.ids("refundable")
    yield direct.refund(orders[20], body=b'{"email": ""}')
    yield direct.refund(orders[20])
    for number in (0, 0, 0, 0, 1, 7, 3, 0):
        yield direct.refund(orders[number])


def _unconfigured(direct: Direct) -> Iterator[Reply]:
    headers = direct.headers(direct.token("unconfigured_token"))
    for group in ("refundable", "unknown"):
        yield direct.refund(direct.ids(group)[0], headers=headers)


def _every_error(direct: Direct) -> Iterator[Reply]:
    order, *_ = direct.ids("refundable")
    yield direct.refund(order, headers=[])
    yield direct.refund(order, headers=direct.headers("a.b.c"))
    yield direct.refund(order, headers=direct.headers(direct.token("expired_token")))
    yield direct.refund(order, headers=direct.headers(None, "text/plain"))
    yield direct.refund(order, headers=direct.headers(direct.token("unconfigured_token")))
    for body in (b"{", b"{}", b'{"description": 1}', b'{"email": "a@b.c", "description": 1}'):
        yield direct.refund(order, body=body)
    for group in ("unknown", "not_paid", "zero_price", "refund_new", "refund_processing"):
        yield direct.refund(direct.ids(group)[0])
        yield direct.refund(direct.ids(group)[0], body=b"{}")


def _strains(direct: Direct) -> Iterator[Reply]:
    yield from _each_body(
        b'{"email": "a@b.c", "x": ' + b"9" * 5000 + b"}",
        b'{"email": "a@b.c", "x": 1e999}',
        rb'{"email": "a@b.c", "description": "\u0000"}',
        rb'{"email": "a@b.c", "description": "\ud800"}',
        b'{"email": "a@b.c", "x": ' + b"[" * 99 + b"]" * 99 + b"}",
        b'{"email": "a@b.c", "email": "a@b.c"}',
        {**VALID, "description": "x" * 70_000},
        {},
        {"email": ["a@b.c"]},
        b"",
        *({**VALID, name: 1} for name in ("constructor", "__class__", "", "$where", "a.b", "a\0b")),
        {**VALID, **{f"member{number}": 1 for number in range(300)}},
        *({**VALID, "description": text} for text in ("{0}", "50% off", "{{x}}", "it's")),
    )(direct)
    latin = direct.headers(None, "application/json; charset=iso-8859-1")
    coded = [*direct.headers(), ("Content-Encoding", "br")]
    chunked = [*direct.headers(), ("Transfer-Encoding", "chunked")]
    for order, headers in zip(direct.ids("refundable")[30:], (latin, coded, chunked), strict=False):
        yield direct.refund(order, headers=headers)
    yield direct.refund(direct.ids("refundable")[0], headers=direct.headers("x" * 3000))


def _answers(direct: Direct) -> Iterator[Reply]:
    yield direct.refund(direct.ids("zero_price")[0])
    yield direct.refund(direct.ids("unknown")[0])
    yield direct.refund(direct.ids("refundable")[0], body=_text({**VALID, "description": "x" * 70_000}))
    yield direct.refund(direct.ids("refundable")[0], body=_text({"email": f"{'a' * 38}@{'a' * 38}@"}))
    yield direct.refund(direct.ids("refundable")[0])


def _again_and_again(direct: Direct) -> Iterator[Reply]:
    for _ in range(2):
        yield direct.refund(direct.ids("refundable")[0], body=b"{}")
    for _ in range(60):
        yield direct.refund(direct.ids("zero_price")[0])


_LONG_EMAILS = ["a" * (length - 10) + "@host.test" for length in (60, 64, 65, 79, 80, 81, 90, 120, 250, 300)]
_LONG_EMAILS.append(f"{_LONG_EMAILS[4]}     ")
_NO_EMAILS = (
    "plain",
    "@",
    "a@",
    "@b.c",
    "a@b@c.d",
    "a b@c.d",
    "a@b c.d",
    "Name <a@b.c>",
    "a@b.c, d@e.f",
    "x a@b.c y",
    "a@b\tc.d",
    "a@b.c\nd.e",
    "a @ b.c",
    "mailto:a@b.c",
    "a@b..c",
    f"a@{'b' * 64}.c",
    "a\0@b.c",
    "a\ud800@b.c",
)
_MANY_LENGTHS = ["x" * length for length in (1, 250, 256, 499, 500, 501, 505, 512, 600, 1000, 1001, 3000, 9000)]
_SPACES = ["x" * 499 + " " * 5, "x" * 500 + "\n", "x" * 496 + "&amp;", "0", " " * 501, "x " * 251]
_SPACES += ["\u00a0" + "x" * 500, "<b>" + "x" * 500, "%41" * 170]
_SCRIPTS = [
    "é" * 500,
    "ы" * 500,
    "中" * 500,
    "😀" * 250,
    "e\u0301" * 250,
    "e\u0301" * 260,
    "x\u00ad" * 251,
    "é" * 501,
    "ا" * 500,
]
_SIGNS = ["\n" * 500, "a\r\nb", "a\tb", "<b>&" * 125, "שלום", "x" * 500, "ﬁ" * 500]
_SIGNS += ["❤\ufe0f" * 251, "http://a.b", "null", "true", "2024-02-30", "50%"]

PROBES: dict[str, Probe] = {
    "route.unknown-url": _urls,
    "route.method": _methods,
    "route.order-id": _order_ids,
    "auth.missing": _missing,
    "auth.malformed": _authorized(
        Direct.token,
        lambda direct: f"Basic {direct.token()}",
        lambda direct: f"Digest {direct.token()}",
        lambda direct: f"Bearer{direct.token()}",
        lambda direct: "Bearer",
        lambda direct: "",
        lambda direct: f"Bearer {direct.token()} {direct.token()}",
        lambda direct: "Bearer rubbish",
        lambda direct: f"one two {direct.token()}",
        lambda direct: f"Bearer {direct.token()}.e30",
        lambda direct: f"Bearer {direct.token()}.e30.e30",
        lambda direct: f"Bearer {direct.token()}.",
        lambda direct: f"xBearer {direct.token()}",
        lambda direct: f"Token Bearer {direct.token()}",
    ),
    "auth.forged": _authorized(
        _WITH_CHANGED_SIGNATURE,
        _changed(1, _other_claims),
        _changed(2, lambda text: text[:100]),
        _changed(2, lambda text: ""),
        _changed(2, str.swapcase),
        _unsigned("none"),
        _unsigned("None"),
        lambda direct: _resigned(direct, {"kid": jwt.get_unverified_header(direct.token())["kid"]}),
        lambda direct: _resigned(direct, {"kid": "another"}),
        lambda direct: _resigned(direct, {}),
        lambda direct: _resigned(direct, {"jwk": {}, "jku": "data:,", "x5c": []}),
        lambda direct: f"Bearer {direct.token('refresh_token')}",
        _signed_with({"alg": "ES256"}, bytes(64)),
        _signed_with({"alg": "ES256"}, bytes.fromhex("3006020100020100")),
        _signed_with([{"alg": "RS256"}], b"x"),
        _signed_with({"alg": "RS256", "kid": {"id": 1}}, b"x"),
        _signed_with_nothing,
    ),
    "auth.expired": _authorized(lambda direct: f"Bearer {direct.token('expired_token')}"),
    "auth.every-request": _remembered,
    "auth.accepts": _small_names,
    "auth.no-effect": _unauthorized_effects,
    "auth.codes": _every_error,
    "auth.first": _unauthorized_first,
    "content-type.other": _content_types,
    "content-type.missing": _no_content_type,
    "content-type.exact": _small_names,
    "json.malformed": _each_body(
        b'{"email": "a@b.c" /* x */}', b'{"email": "a@b.c",}', b'{"email": "a@b.c", "x": NaN}',
        b'{"email": "a@b.c", "x": -Infinity}', b'{"email": "a@b.c", "x": TRUE}',
        b"{'email': 'a@b.c'}",
        b'{email: "a@b.c"}', b'{"email": "a@b.c"} x', b'{"email": "a@b.c", "description": "\n"}',
        b'{"email": "a@b.c", "x": 01}', rb'{"email": "a@b.c", "description": "\x"}', b"", b'{"email": "a@b.c"',
        b'{"email": "a@b.c" "x": 1}', '{"email":\u00a0"a@b.c"}'.encode(),
        b'{"description": NaN, "email": "a@b.c"}', b"email=a@b.c",
        b'{"email": "a@b.c", "x": [1,,2]}', b'{"email": "a@b.c", "x":}', b'{"email": "a@b.c", "x": undefined}',
        b'{"email": "a@b.c"; "x": 1}', b'{"email": `a@b.c`}', rb'{"email": "a@b.c", "x": "\u41"}',
        rb'{"email": "a@b.c", "x": "\u{41}"}', b'{"email": "a@b.c", "x": .5}',
    ),
    "json.encoding": _each_body(b'{"email": "a@b.c", "description": "\xff"}', b'{"email": "a@b.c", "x": "\xe9"}',
        b'{"email": "a@b.c", "x": "\xf4\x90\x80\x80"}',
    ),
    "json.structure": _bodies([], [VALID], 1, "text", True, None, json.dumps(VALID), b"[" * 500 + b"]" * 500),
    "json.valid-forms": _each_body(
        b' {"email": "a@b.c"}\n', b'{"email":\n"a@b.c"}', rb'{"\u0065mail": "a@b.c"}',
        rb'{"email": "a@b.c", "description": "\/"}', '{"email": "a@b.c", "description": "é"}'.encode(),
        b'{"email": "a@b.c", "description": "x"}',
    ),
    "json.chunked": _chunked,
    "json.no-effect": _unread_effects,
    "json.incomplete": _incomplete,
    "description.optional": _bodies({"email": "a@b.c"}),
    "description.max-length": _descriptions(*_MANY_LENGTHS, *_SPACES),
    "description.unicode": _descriptions(*_SCRIPTS, *_SIGNS),
    "description.type": _types,
    "description.null": _descriptions(None),
    "email.required": _absent,
    "email.max-length": _emails(*_LONG_EMAILS),
    "email.format": _each_body(
        *({**VALID, "email": value} for value in _NO_EMAILS), *({"email": value} for value in _NO_EMAILS)
    ),
    "email.empty": _emails("", " ", "\t\n"),
    "email.type": _each_body(
        *({**VALID, "email": value} for value in (1, True, ["a@b.c"], [], {"a": "b"})),
        {"email": 1, "__proto__": {}},
    ),
    "email.null": _emails(None),
    "email.accepts": _emails(
        "a+b@c.de", "a1@b.cd", "a.b@c.de", "a@b-c.de", "A@b.de", "a@b.c.de", "a@b.museum", "a_b@c.de", "o'b@c.de",
    ),
    "fields.name": _each_body(
        {"Email": "a@b.c"}, {" email": "a@b.c"}, {"e-mail": "a@b.c"}, {"mail": "a@b.c"}, {"emial": "a@b.c"},
        {"ｅｍａｉｌ": "a@b.c"}, {"email\0": "a@b.c"}, {"__proto__": {"email": "a@b.c"}},
    ),
    "fields.all-reported": _bodies({"description": 1}, {"description": "x" * 501, "email": 1}, {"email": ""}),
    "fields.message-names-field": _bodies({"description": 1}, {"description": 1, "email": "a@b.c"}),
    "fields.no-effect": _each_body({}, {"email": "a@b.c", "description": 1}, {"description": 1}),
    "order.refundable": _group("refundable"),
    "order.not-paid": _group("not_paid"),
    "order.zero-price": _group("zero_price"),
    "order.refund-open": _group("refund_new", "refund_processing"),
    "order.refund-ended": _group("refund_finished"),
    "order.unknown": _group("unknown"),
    "order.foreign": _foreign,
    "order.once": _once,
    "order.race": _race,
    "order.lifecycle": _lifecycle,
    "caller.configuration": _unconfigured,
    "errors.shape": _every_error,
    "errors.media-type": _every_error,
    "errors.known-codes": _every_error,
    "errors.status": _every_error,
    "errors.alone": _every_error,
    "errors.message": _every_error,
    "success.status": _bodies(),
    "success.body": _bodies(),
    "server.no-5xx": _strains,
    "server.answers": _answers,
    "server.steady": _again_and_again,
}  # fmt: skip
