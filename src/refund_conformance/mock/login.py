"""``POST /v1/login_check``: a token for a username and password."""

import asyncio
import json
import secrets
import time
from dataclasses import replace
from functools import cache

from anyio import to_thread
from starlette.types import Receive, Scope, Send

from refund_conformance.mock.call import Answer, Call, Error, Received, Refused
from refund_conformance.mock.endpoint import BodyError, Endpoint
from refund_conformance.mock.failed_logins import FailedLogins
from refund_conformance.mock.passwords import hashed, matches

FIELDS = ("username", "password")


class Login:
    """Issues tokens. It borrows an endpoint without faults for what the two have in common."""

    def __init__(self, plain: Endpoint) -> None:
        self.plain = plain
        self.failed = FailedLogins()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            received = await self.plain.receive(scope, receive)
        except BodyError as problem:
            answer = self.plain.refuse_body(scope, problem)
        else:
            answer = await self.answered(received)
            # The password stays here.
            self.plain.observe(replace(received, body=b""), answer, 0.0)
        await self.plain.send(answer, scope, send)

    async def answered(self, received: Received) -> Answer:
        """Check the request, after a while for a user whose logins have failed, and issue a token."""
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
            wait = self.failed.wait(username, time.monotonic())
            if wait is None:
                raise Refused(429, (), "too many failed logins", ((b"retry-after", b"5"),))
            await asyncio.sleep(wait)
            return await to_thread.run_sync(self.answer, username, password)
        except Refused as refusal:
            return self.plain.answer_refusal(refusal, step)

    def answer(self, username: str, password: str) -> Answer:
        """Issue a token for the right password; raise Refused for a wrong one."""
        try:
            self.check_password(username, password)
        except Refused:
            self.failed.note(username, time.monotonic())
            raise
        self.failed.forget(username)
        body = {
            "token": self.plain.tokens.issue(username),
            "refresh_token": self.plain.tokens.issue_refresh_token(username),
        }
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
        user = self.plain.store.user(username)
        # Nobody's password is compared as well, so that the time does not tell who there is.
        is_right = matches(password, _nobodys() if user is None else user.password)
        if user is None or not is_right:
            raise Refused(401, (Error(1007, "Invalid username or password."),), "wrong username or password")


@cache
def _nobodys() -> str:
    return hashed(secrets.token_hex())
