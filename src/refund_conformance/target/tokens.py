"""Our own token: the one in the settings, or one that the target gives for username and password."""

import json
from dataclasses import replace

from refund_conformance.contract import Operation
from refund_conformance.errors import TargetError
from refund_conformance.exchange import Request
from refund_conformance.reading import parse
from refund_conformance.target.settings import Settings
from refund_conformance.target.wire import Wire


def with_token(settings: Settings, operation: Operation) -> Settings:
    """Return the settings with a token of our own, logging in if they have none.

    Raises TargetError if the login is refused, or answers without a token.
    """
    if "token" in settings.tokens:
        return settings
    return replace(settings, tokens={**settings.tokens, "token": login(settings, operation)})


def login(settings: Settings, operation: Operation) -> str:
    """Ask the target for a token by the login operation (facts: "Get Token")."""
    body = json.dumps({"username": settings.username, "password": settings.password}).encode()
    headers = (("Content-Type", operation.media_type), ("Accept", operation.media_type))
    wire = Wire(settings.base_url, settings.timeout, settings.proxy, settings.ca_bundle)
    try:
        exchange = wire.send(Request("POST", operation.login_path, headers, body))
    finally:
        wire.close()
    what = f"login at {settings.base_url}{operation.login_path}"
    remedy = "Check auth.username and auth.password, or set auth.token."
    if exchange.response is None:
        raise TargetError(what, f"got no answer: {exchange.detail}", remedy)
    if exchange.response.status != operation.success_status:
        raise TargetError(what, f"was answered with {exchange.response.status}", remedy)
    try:
        answer = parse(exchange.response.body)
    except ValueError:
        answer = None
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token or not all("!" <= letter <= "~" for letter in token):
        raise TargetError(what, "was answered without a token", remedy)
    return token
