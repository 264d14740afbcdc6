"""The mail log, as administrators read it on its pages: what came and what became of it, what was sent and how far it
got. Without reply codes, which are secrets, and without the mails themselves."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Router
from pydantic import Field

from placet.api.bodies import Shape
from placet.api.calls import Call
from placet.api.keys import Scope
from placet.api.operation import operation
from placet.api.paging import USUAL_PAGE, Cursor, Limit, Page, rows_of
from placet.api.problems import Problem
from placet.lib.masking import without_codes
from placet.mail.models import IncomingMail, OutgoingMail

router = Router(tags=["Mail log"])

IN, OUT = "in", "out"
Direction = Literal["in", "out"]
MOST_DIGITS = 18  # of an id: more overflows the database
State = Annotated[str, Field(max_length=12, description="As a mail's `state`. Empty: any.")]
Result = Annotated[
    str, Field(max_length=40, description="As a mail's `result`, of mail that came. Empty: any.")
]


class MailPerson(Shape):
    """Who answered, as far as that was proved."""

    name: str
    address: str


class MailShape(Shape):
    """One mail. `state` of mail that came: kept, handled, set_aside or duplicate; of mail that was sent: waiting,
    sending, sent, failed or unsure (cut off, and nobody can say whether it went out). `kind`: what ours was for;
    `result`: what became of one that came, `reason` the same in words; `request`: the number of the request that it
    answers; `at`: when it was received, or written."""

    id: str
    direction: str
    mailbox: str
    subject: str
    sender: str
    to: str
    state: str
    at: datetime
    kind: str
    result: str
    reason: str
    request: int | None
    person: MailPerson | None
    handled_at: datetime | None
    sent_at: datetime | None
    came_back_at: datetime | None
    tries: int
    last_error: str


class Mails(Page[MailShape]):
    """Mails of one direction, the newest first."""


class MailDetails(MailShape):
    """With what was made of a mail that came: its proof, the answer, the words that it rests on."""

    made_of_it: dict[str, Any]
    said_by_server: dict[str, Any]


@operation(router, "GET", "/mail-log", Scope.MAIL_LOG_READ, Mails, problems=["not-allowed"])
def list_mails(
    call: Call,
    direction: Direction = "in",
    state: State = "",
    result: Result = "",
    limit: Limit = USUAL_PAGE,
    cursor: Cursor = "",
) -> Mails:
    """Mail that came, or mail that was sent."""
    _must_be_of_all_processes(call)
    if direction == OUT:
        if result:
            raise Problem.invalid("query/result", "Only mail that came has a result.")
        sent = OutgoingMail.objects.select_related("mailbox").defer("raw", "words")
        mails, following = rows_of(call, sent.filter(state=state) if state else sent, limit, cursor)
        return Mails(items=[_sent(mail) for mail in mails], next=following)
    came = IncomingMail.objects.select_related("mailbox", "person").defer("raw", "transport_headers")
    if state:
        came = came.filter(state=state)
    if result:
        came = came.filter(result=result)
    rows, following = rows_of(call, came, limit, cursor)
    return Mails(items=[_came(mail) for mail in rows], next=following)


@operation(
    router, "GET", "/mail-log/{id}", Scope.MAIL_LOG_READ, MailDetails, problems=["not-found", "not-allowed"]
)
def get_mail(call: Call, id: str) -> MailDetails:
    """One mail, by the id that a list gives."""
    _must_be_of_all_processes(call)
    direction, _, number = id.partition("-")
    pk = int(number) if number.isascii() and number.isdecimal() and len(number) <= MOST_DIGITS else 0
    if direction == IN:
        came = IncomingMail.objects.select_related("mailbox", "person").defer("raw", "transport_headers")
        if mail := came.filter(pk=pk).first():
            made = {name: value for name, value in mail.verdict.items() if name != "offer"}
            return MailDetails(
                **_came(mail).model_dump(),
                made_of_it=_without_codes(made),
                said_by_server=_without_codes(mail.facts),
            )
    if direction == OUT:
        sent = OutgoingMail.objects.select_related("mailbox").defer("raw", "words").filter(pk=pk).first()
        if sent is not None:
            return MailDetails(**_sent(sent).model_dump(), made_of_it={}, said_by_server={})
    raise Problem("not-found")


def _must_be_of_all_processes(call: Call) -> None:
    """The log does not say of every mail which process it is about."""
    if call.key.processes:
        raise Problem("not-allowed", "A key for some processes alone does not read the mail log.")


def _came(mail: IncomingMail) -> MailShape:
    number, person = mail.verdict.get("request"), mail.person
    return MailShape(
        id=f"{IN}-{mail.pk}",
        direction=IN,
        mailbox=mail.mailbox.address,
        subject=without_codes(str(mail.verdict.get("subject") or "")),
        sender=without_codes(str(mail.verdict.get("from") or mail.facts.get("sender") or "")),
        to="",
        state=mail.state,
        at=mail.receipt_time,
        kind="",
        result=mail.result,
        reason=without_codes(mail.reason),
        request=number if isinstance(number, int) else None,
        person=MailPerson(name=person.name, address=person.email) if person is not None else None,
        handled_at=mail.handled_at,
        sent_at=None,
        came_back_at=None,
        tries=mail.tries,
        last_error="",
    )


def _sent(mail: OutgoingMail) -> MailShape:
    return MailShape(
        id=f"{OUT}-{mail.pk}",
        direction=OUT,
        mailbox=mail.mailbox.address,
        subject=without_codes(mail.subject),
        sender="",
        to=mail.to,
        state=mail.state,
        at=mail.created_at,
        kind=mail.kind,
        result="",
        reason="",
        request=None,
        person=None,
        handled_at=None,
        sent_at=mail.sent_at,
        came_back_at=mail.bounced_at,
        tries=mail.tries,
        last_error=without_codes(mail.last_error),
    )


def _without_codes(value: Any) -> Any:
    match value:
        case str():
            return without_codes(value)
        case dict():
            return {str(name): _without_codes(one) for name, one in value.items()}
        case list():
            return [_without_codes(one) for one in value]
    return value
