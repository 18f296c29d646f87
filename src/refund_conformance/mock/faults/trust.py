"""Faults of trust: expiry, authorization that is remembered, and what a refusal does and says."""

from functools import cached_property

from refund_conformance.mock.call import Call, Error, Received, Refused
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.auth import claims_of
from refund_conformance.mock.faults.builders import having, in_order, refused_as, with_effect
from refund_conformance.mock.faults.fault import Shelf
from refund_conformance.mock.samples import MERCHANT

shelf = Shelf()

_INVALID, _EXPIRED = having(1007), having(1009)

# ---- expired


@shelf.fault("auth-expiry-ignored", "auth.expired", "Expiry is left to the client to respect.")
class ExpiryIgnored(Endpoint):
    grace: float = float("inf")

    def user_of(self, token: str) -> str:
        try:
            return super().user_of(token)
        except Refused as refusal:
            if not _EXPIRED(refusal):
                raise
        claims = claims_of(token)
        if claims["exp"] + self.grace < claims_of(self.tokens.issue(MERCHANT))["iat"]:
            raise self.refusal(1009, "expired")
        return str(claims["sub"])


@shelf.fault("auth-expiry-leeway", "auth.expired", "A clock leeway meant as seconds was given as milliseconds.")
class ExpiryLeeway(ExpiryIgnored):
    grace = 60_000.0


@shelf.fault("auth-expiry-local-time", "auth.expired", "Expiry in UTC is compared with local time.")
class ExpiryLocalTime(ExpiryIgnored):
    grace = 3 * 3600.0


@shelf.fault("auth-expiry-unit", "auth.expired", "Expiry is turned from seconds into milliseconds twice.")
class ExpiryUnit(ExpiryIgnored):
    grace = 1e12


shelf.put(
    "auth-expired-403", "auth.expired", "An expired session is answered with forbidden.", refused_as(_EXPIRED, 403)
)
shelf.put(
    "auth-expired-419",
    "auth.expired",
    "Laravel's page-expired status leaks into the API.",
    refused_as(_EXPIRED, 419),
)
shelf.put(
    "auth-expired-500",
    "auth.expired",
    "The exception for expiry is another class than the one caught.",
    refused_as(_EXPIRED, 500, ()),
)

# ---- remembered


class Lending(Endpoint):
    """Lends an earlier request's authorization to those that have none."""

    @cached_property
    def lent(self) -> dict[object, str]:
        """Users by what they are remembered by."""
        return {}

    def lender(self, received: Received) -> object:
        """Return what a request's sender is remembered by."""
        return None

    def authorize(self, call: Call) -> None:
        lender = self.lender(call.received)
        try:
            super().authorize(call)
        except Refused:
            if lender not in self.lent:
                raise
            call.user = self.lent[lender]
        else:
            self.lent[lender] = call.user


@shelf.fault(
    "auth-by-connection", "auth.every-request", "Authorization is kept with the connection, as NTLM does."
)
class ByConnection(Lending):
    def lender(self, received: Received) -> object:
        return received.client


@shelf.fault(
    "auth-expired-by-connection",
    "auth.every-request",
    "On a connection that was authorized once, only the signature is looked at.",
)
class ExpiredByConnection(Endpoint):
    @cached_property
    def authorized(self) -> set[object]:
        """Connections with a valid token behind them."""
        return set()

    def authorize(self, call: Call) -> None:
        try:
            super().authorize(call)
        except Refused as refusal:
            if not _EXPIRED(refusal) or call.received.client not in self.authorized:
                raise
            call.user = str(claims_of(self.token_in(self.authorization(call)))["sub"])
        else:
            self.authorized.add(call.received.client)


@shelf.fault("auth-by-address", "auth.every-request", "An address that has logged in is trusted for a while.")
class ByAddress(Lending):
    def lender(self, received: Received) -> object:
        return received.client[0]


@shelf.fault(
    "auth-by-global", "auth.every-request", "The current user lives in a singleton that no request clears."
)
class ByGlobal(Lending):
    def authorize(self, call: Call) -> None:
        if call.received.values("AuthorizationJWT"):
            Endpoint.authorize(self, call)
            self.lent[None] = call.user
        else:
            super().authorize(call)


# ---- effects, codes and order

for _name, _code, _story in (
    ("missing", 1008, "The security filter runs after the controller."),
    ("invalid", 1007, "The refund is queued first, and the token verified by the queue's consumer."),
    ("expired", 1009, "Expiry is checked when the answer is written, to suggest a new login."),
):
    shelf.put(
        f"auth-{_name}-with-effect",
        "auth.no-effect",
        _story,
        with_effect(lambda answer, code=_code: code in answer.codes),  # type: ignore[misc]
    )

shelf.put(
    "auth-all-1007",
    "auth.codes",
    "One code serves for every failure.",
    refused_as(having(1008, 1009), 401, (1007,)),
)
shelf.put("auth-expired-1007", "auth.codes", "Expired counts as invalid.", refused_as(_EXPIRED, 401, (1007,)))
shelf.put(
    "auth-forged-1009",
    "auth.codes",
    "Every verification error is reported as expiry.",
    refused_as(_INVALID, 401, (1009,)),
)


@shelf.fault("auth-codes-swapped", "auth.codes", "Two constants were confused.")
class CodesSwapped(Endpoint):
    def refusal(self, code: int, reason: str, **names: str) -> Refused:
        return super().refusal({1008: 1009, 1009: 1008}.get(code, code), reason, **names)


shelf.put(
    "auth-after-validation",
    "auth.first",
    "The body is validated by the framework before any filter of one's own.",
    in_order("route", "content_type", "json", "fields", "authorization", "caller", "order", "state"),
)


@shelf.fault("auth-after-order", "auth.first", "The order is bound from the URL before the user is known.")
class OrderBoundFirst(Endpoint):
    def authorize(self, call: Call) -> None:
        number = self.order_number(call.order_text) or 0
        if self.store.situation(MERCHANT, number).order is None:
            raise self.order_not_found(call)
        super().authorize(call)


@shelf.fault("auth-hints-at-orders", "auth.first", "The message to strangers says whether the order exists.")
class Hints(Endpoint):
    def authorize(self, call: Call) -> None:
        try:
            super().authorize(call)
        except Refused as refusal:
            number = self.order_number(call.order_text) or 0
            if self.store.situation(MERCHANT, number).order is None:
                raise
            first, *rest = refusal.errors
            hint = Error(first.code, f"{first.message} Log in to see order {call.order_text}.")
            raise Refused(refusal.status, (hint, *rest), refusal.reason) from None
