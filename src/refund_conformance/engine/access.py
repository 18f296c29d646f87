"""Whether the target still serves our tokens: renew one that it refuses, wait where it locks callers out."""

from collections.abc import Callable, Iterator

from refund_conformance.cases.case import Case
from refund_conformance.contract.errors import TargetError
from refund_conformance.contract.model import Contract
from refund_conformance.contract.untested import Because
from refund_conformance.engine.sending import Sent
from refund_conformance.sut.client import Client
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.sut.settings import Settings
from refund_conformance.sut.tokens import OWN
from refund_conformance.transport.exchange import Exchange, Response
from refund_conformance.transport.retry import growing_wait

ACCESS_STATUSES = frozenset({401, 403, 423})
"""Statuses by which a target may stop to serve a caller, whatever the caller asks for."""

SERVED_TOKENS = (OWN, "other_merchant_token")
"""The tokens of callers that a target serves; what it answers to any other is the matter of a clause."""

ACCESS_CHECKS = 40
"""How often in a run a request with a known answer is sent to see whether the target still serves us."""

RENEWALS = 10
"""How often our own token is renewed in a run because it was refused."""

LOCKING = 3
"""After so many refused tokens a target may lock a caller out."""

LOCK_TRIES = 7
"""How often, with growing waits, a target is asked whether a lock is over."""

LOCKS = "the target locks callers out for a while after refused tokens, so no more of them are sent"


class Access:
    """What one part of a run knows of its access.

    ``known_answer`` sends a request whose answer is known, with a token of that name, for an order that exists or
    for none. ``is_guarded`` tells whether the target was seen to lock callers out after refused tokens.
    """

    def __init__(
        self,
        contract: Contract,
        settings: Settings,
        client: Client,
        known_answer: Callable[[str, bool], Response | None],
    ) -> None:
        self._settings = settings
        self._client = client
        self._known_answer = known_answer
        self._refused_status = min(contract.outcomes["authorization", "missing"].statuses)
        self._renewed: set[str] = set()
        self._refused_tokens = 0
        self._rightly_refused = 0
        self._served: set[str] = set()
        self._checks = 0
        self.is_guarded = False

    def note(self, case: Case, response: Response, *, wrong: bool) -> None:
        """Take account of an answer."""
        is_refused = response.status == self._refused_status
        self._refused_tokens += is_refused
        self._rightly_refused += is_refused and not wrong and case.situation.authorization != "valid"
        if response.status not in ACCESS_STATUSES and case.situation.authorization == "valid":
            self._served.add(case.draft.credential)

    # -- renewal -----------------------------------------------------------------------------------

    def is_token_refused(self, case: Case, exchange: Exchange) -> bool:
        """Whether our own token was refused, by a target where we can get another that it has not refused yet."""
        tokens, response = self._client.tokens, exchange.response
        if response is None or response.status != self._refused_status or not tokens.renewable:
            return False
        if case.situation.authorization != "valid" or case.draft.credential != OWN:
            return False
        token = self._client.token_of(exchange.request)
        return len(self._renewed) < RENEWALS and (token not in self._renewed or tokens.get(OWN) != token)

    def renew_token(self, exchange: Exchange) -> None:
        """Log in again, once for each token that was refused."""
        token = self._client.token_of(exchange.request)
        self._renewed.add(token)
        self._client.renew_token(token)

    # -- a token that is no longer taken --------------------------------------------------------------

    def was_locked_out(self, case: Case, sent: Sent, *, owns_orders: bool) -> bool:
        """Whether a wrong answer came from a lock that is over by now, so that the request is worth another try.

        Raises, where the target no longer takes a token whatever is asked, TargetError for our own and
        NoOrderError for another merchant's. ``owns_orders`` tells whether there is an order with a known answer.
        """
        credential = case.draft.credential if case.situation.authorization == "valid" else OWN
        if not self._may_be_refused(case, sent) or self._checks >= ACCESS_CHECKS:
            return False
        response = sent.exchange.response
        status = response.status if response else 0
        self._checks += 1
        if not self._is_refused_always(credential, status, owns_orders=owns_orders):
            return False
        codes = ", ".join(str(code) for code in (status, *sent.codes))
        rejected = f"the target rejected auth.{credential} ({codes})"
        if credential != OWN:
            raise NoOrderError(rejected, Because.SUPPLY)
        if self._refused_tokens >= LOCKING and self._is_let_in_again(status):
            self.is_guarded = True
            return True
        raise TargetError(f"target {self._settings.base_url}", rejected, self.remedy())

    def _may_be_refused(self, case: Case, sent: Sent) -> bool:
        """Whether a wrong answer may mean that the target no longer takes a token."""
        response, credential = sent.exchange.response, case.draft.credential
        if response is None or not sent.decided or not sent.wrong or response.status not in ACCESS_STATUSES:
            return False
        if case.situation.authorization != "valid":
            return self._rightly_refused >= LOCKING  # so far this target has answered such requests as it should
        if credential not in SERVED_TOKENS:
            return False
        return response.status == self._refused_status or credential in self._served

    def _is_refused_always(self, credential: str, status: int, *, owns_orders: bool) -> bool:
        """Whether requests with a known answer, with that token, get the same status."""
        return all(answer == status for answer in self._known_answers(credential, owns_orders=owns_orders))

    def _known_answers(self, credential: str, *, owns_orders: bool) -> Iterator[int]:
        for exists in (False, True) if credential == OWN and owns_orders else (False,):
            response = self._known_answer(credential, exists)
            if response is not None:
                yield response.status

    def _is_let_in_again(self, status: int) -> bool:
        """Wait, as long as the run's patience allows, until a request with a known answer gets another one."""
        for tries in range(1, LOCK_TRIES + 1):
            if not self._client.wait(growing_wait(tries)):
                return False
            response = self._known_answer(OWN, False)
            if response is not None and response.status != status and response.status not in ACCESS_STATUSES:
                return True
        return False

    def remedy(self) -> str:
        remedy = f"Set auth.{OWN} to one that is valid and outlives the run."
        if self._refused_tokens < LOCKING:
            return remedy
        return (
            f"{remedy} Or the target locks callers out for a while: {self._refused_tokens} requests with "
            "tokens that it must refuse came before; ask its owners to except the suite."
        )
