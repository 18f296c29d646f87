"""``POST /v1/login_check``: a token for a username and password."""

import json
import secrets
from dataclasses import replace

from anyio import to_thread
from starlette.types import Receive, Scope, Send

from refund_conformance.mock.call import Answer, Call, Error, Received, Refused
from refund_conformance.mock.endpoint import BodyError, Endpoint
from refund_conformance.mock.passwords import matches

FIELDS = ("username", "password")


class Login:
    """Issues tokens. It borrows an endpoint without faults for what the two have in common."""

    def __init__(self, plain: Endpoint) -> None:
        self.plain = plain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            received = await self.plain.receive(scope, receive)
        except BodyError as problem:
            answer = self.plain.refuse_body(scope, problem)
        else:
            answer = await to_thread.run_sync(self.answer, received)
            # The password stays here.
            self.plain.observe(replace(received, body=b""), answer, 0.0)
        await self.plain.send(answer, scope, send)

    def answer(self, received: Received) -> Answer:
        """Check the request and issue a token."""
        call = Call(received)
        step = "route"
        try:
            self.plain.check_method(call)
            step = "content_type"
            self.plain.check_content_type(call)
            step = "json"
            self.plain.read_json(call)
            step = "fields"
            username, password = self.credentials(call)
            step = "authorization"
            self.check_password(username, password)
        except Refused as refusal:
            return self.plain.answer_refusal(refusal, step)
        body = {"token": self.plain.tokens.issue(username), "refresh_token": secrets.token_hex(64)}
        return Answer(200, json.dumps(body).encode("ascii"), "application/json")

    def credentials(self, call: Call) -> tuple[str, str]:
        """Return username and password, or refuse the fields that are no text."""
        values = [call.document.get(name) for name in FIELDS]
        wrong = [
            name for name, value in zip(FIELDS, values, strict=True) if not isinstance(value, str) or not value
        ]
        if wrong:
            errors = tuple(self.plain.field_error(name) for name in wrong)
            raise Refused(400, errors, f"invalid: {', '.join(wrong)}")
        return str(values[0]), str(values[1])

    def check_password(self, username: str, password: str) -> None:
        """Refuse unless the password is the user's."""
        user = self.plain.store.user(username) if username.isprintable() else None
        if user is None or not matches(password, user.password):
            raise Refused(401, (Error(1007, "Invalid username or password."),), "wrong username or password")
