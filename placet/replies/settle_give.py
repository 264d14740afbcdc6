"""A reply that gives the question to somebody: "Give to Bob Smith". It needs the proof of an answer, and gives it to
exactly one person, by their full name or by an address. Where nobody or more than one is called so, nothing happens,
and the sender, who is proved, reads who may be meant: those whom they could choose on the page.
"""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from placet.accounts.choosing import exactly, named
from placet.accounts.models import Person
from placet.accounts.reader import as_read_by
from placet.approvals import delegating, engine_errors, record
from placet.approvals.may_decide import Seat, may_give
from placet.mail.writing import labelled
from placet.replies import refusals, settle, tell
from placet.replies.pick import Picked, without_codes
from placet.replies.read_command import Command

if TYPE_CHECKING:
    from placet.replies.entry import Reply

MOST_MEANT = 5  # who may be meant, in the mail
LOOKED_AT = 20  # of those who are called so


def give(reply: "Reply", picked: Picked, command: Command) -> None:
    """In the mail's transaction. Raises NotGiven, AlreadyDecided or NoLongerOpen."""
    line = picked.line
    with as_read_by(line.ask.person):
        seat = delegating.seat_to_look_at(line.assignment)
        to = _meant(command.argument, seat, line.ask.person)
    logged = tell.given(reply, to.name)
    assert reply.proof is not None
    what = record.together(
        {"result": delegating.GIVEN, "answered": str(line.ask.public_id)},
        record.mail(reply.incoming),
        record.reading(logged),
        {"personal": {"proof": reply.proof.as_json()}},
    )
    comment = without_codes(command.comment, picked.code)[: delegating.LONGEST_COMMENT]
    try:
        row = delegating.give(line.assignment_id, line.ask.person, to, comment, by_mail=what)
    except engine_errors.AlreadyDecided as error:
        raise settle.already_decided(error, line) from error
    except engine_errors.NoLongerOpen as error:
        raise refusals.NoLongerOpen(error.message) from error
    except engine_errors.NotAllowed as error:
        with as_read_by(line.ask.person):
            raise refusals.NotGiven([str(error), _nothing(), _what_next()]) from error
    tell.was_given(reply, row, logged)


def _nothing() -> str:
    return _("Nothing was given to anybody, and nothing was decided.")


def _what_next() -> str:
    return _(
        "Answer it yourself, or reply once more with somebody else's full name or address: “Give to Bob Smith”."
    )


def _meant(text: str, seat: Seat, by: Person) -> Person:
    """The one active person who has this full name or this address."""
    people = exactly(text, LOOKED_AT)
    if len(people) == 1:
        return people[0]
    raise refusals.NotGiven(who_may_be_meant(text, people, seat, by))


def who_may_be_meant(text: str, people: Sequence[Person], seat: Seat, by: Person) -> list[str]:
    how = _(
        "Write the full name as it stands here, or the address: “Give to Bob Smith”, or “Give to bob@example.org”."
    )
    if not may_give(by, seat):
        return [_("You cannot give this to anybody."), _nothing()]
    candidates = people or named(text, LOOKED_AT)
    meant = list(islice((one for one in candidates if delegating.can_be_given(one, seat)), MOST_MEANT))
    why = (
        _("More than one person here is called “{name}”.")
        if len(people) > 1
        else _("Nobody here is called “{name}”.")
    ).format(name=text)
    who = [labelled(one.name, one.email) for one in meant]
    return [why, *([_("You may mean:"), *who] if who else []), how, _nothing()]
