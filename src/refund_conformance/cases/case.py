"""A case: one request to send, and what is known of its situation."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from refund_conformance.cases.payloads import fields, headers, json_text
from refund_conformance.cases.payloads.headers import AuthorizationForm
from refund_conformance.cases.payloads.paths import PathForm, refund_path
from refund_conformance.contract.model import Contract
from refund_conformance.oracle.situation import Situation
from refund_conformance.transport.exchange import Headers

SPENT = "spent"
"""The group of orders on which the run itself has created a refund request."""


class Framing(StrEnum):
    """How a body is sent (RFC 9112, 6)."""

    LENGTH = "length"  # whole, with its length
    CHUNKS = "chunks"  # whole, in chunks
    CUT_LENGTH = "cut-length"  # shorter than the length that is said
    CUT_CHUNKS = "cut-chunks"  # in chunks, without the last

    @property
    def is_cut(self) -> bool:
        """Whether the request breaks off."""
        return self in (Framing.CUT_LENGTH, Framing.CUT_CHUNKS)


@dataclass(frozen=True)
class Draft:
    """A request before its order and its token are known.

    ``credential`` names the token of the target's settings: token, expired_token, unconfigured_token,
    other_merchant_token or refresh_token. ``extra_headers`` are further header fields, and ``spelling`` writes the
    names of those that the operation has. ``trailer`` writes the authorization behind the body in chunks.
    """

    method: str
    path: PathForm
    content_type: str | None
    body: bytes
    authorization: AuthorizationForm = headers.bearer
    credential: str = "token"
    extra_headers: Headers = ()
    spelling: Callable[[str], str] = str
    framing: Framing = Framing.LENGTH
    trailer: AuthorizationForm = headers.absent


@dataclass(frozen=True)
class Case:
    """A request that checks a clause.

    ``id`` is stable: the clause and a slug. ``group`` names the order group of the settings that the order comes
    from, and ``pick`` which of its orders ("first", "middle", "last"). ``blame`` maps each wrong part to the
    clause that fails if that part is not refused. ``promises`` maps parts and fields with which nothing is wrong
    to the clause that fails if they are refused, where that is another than the case's own. ``rests`` are the
    clauses that must hold for the case to tell of its own.
    """

    id: str
    title: str
    situation: Situation
    draft: Draft
    group: str = "refundable"
    pick: str = "first"
    blame: tuple[tuple[str, str], ...] = field(default=())
    rests: tuple[str, ...] = ()
    promises: tuple[tuple[str, str], ...] = ()

    @property
    def clause(self) -> str:
        """The id of the clause that the case checks."""
        return self.id.partition("/")[0]

    @property
    def slug(self) -> str:
        """The case's name within its clause: letters, digits and hyphens."""
        return self.id.partition("/")[2]

    @property
    def area(self) -> str:
        """The area of the clause."""
        return self.id.partition(".")[0]

    @property
    def is_asked(self) -> bool:
        """Whether nothing is wrong, but the answer is open, or is looked for on an order that is used up."""
        return not self.situation.wrong and (bool(self.situation.questions) or self.group == SPENT)

    def __str__(self) -> str:
        return self.id


def plain_draft(contract: Contract) -> Draft:
    """Return the request with which nothing is wrong."""
    operation = contract.operation
    body = json_text.dump(fields.plain(contract))
    return Draft(operation.method, refund_path(operation.path), operation.media_type, body)


def plain_case(contract: Contract) -> Case:
    """Return the case that every run begins with: the plain valid request for a refundable order."""
    return Case(
        "order.refundable/plain", "The plain valid request is accepted.", Situation(), plain_draft(contract)
    )


def made(id_: str, title: str, situation: Situation, draft: Draft, group: str = "refundable") -> Case:
    """Return a case whose every wrong part is the matter of its own clause."""
    clause = id_.partition("/")[0]
    return Case(id_, title, situation, draft, group, blame=tuple((part, clause) for part in situation.wrong))


def missing_case(contract: Contract) -> Case:
    """Return the plain request without authorization."""
    return made(
        "auth.missing/no-header",
        "A request without the authorization header is refused.",
        Situation(authorization="missing"),
        replace(plain_draft(contract), authorization=headers.absent),
    )
