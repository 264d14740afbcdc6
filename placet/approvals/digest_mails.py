"""The mail that asks one person several things, and those that answer a reply to it.

What people wrote is text only, set off from our own lines by a sign: no line of it can be taken for a number with an
answer behind it, whatever a title says. Lines of ours begin with a bracket or a quotation mark for the same reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.accounts import delegations
from placet.accounts.general import General
from placet.accounts.models import Person
from placet.approvals import policy
from placet.approvals.composing import page_of, queue, with_code, written_to
from placet.approvals.deadline_words import until_when
from placet.approvals.definitions import Definition
from placet.approvals.form import facts_as_read
from placet.approvals.mail_parts import ShownFact, named, quoted
from placet.approvals.models import Ask, AskLine, Request
from placet.approvals.others_asked import others_in_words
from placet.approvals.outcomes import APPROVE, REJECT
from placet.approvals.prepared_replies import reply_address
from placet.approvals.record import DIGEST
from placet.approvals.step_mail_words import text_as_read
from placet.approvals.steps import ApprovalStep
from placet.lib.sentences import NOTHING, Sentence
from placet.mail.marker import marker
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.writing import Link, Notice, Written, labelled, no_links, written
from placet.mailboxes.models import Mailbox

TEMPLATE = Path(__file__).parent / "templates" / "mails" / "digest"
MOST_FACTS = 4  # of one line; its page has all
LONGEST_FACT = 120  # characters
LONGEST_TITLE = 200
_EXAMPLE_OF_SEVERAL = 3  # lines of a mail from which on an example names several


# --- the mail that asks -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A line of the mail. `reminder`: an earlier mail asks it already. `because`: why it is open again, where it was
    answered."""

    line: AskLine
    definition: Definition
    reminder: bool
    because: Sentence = NOTHING

    @property
    def request(self) -> Request:
        return self.line.assignment.visit.request

    @property
    def step_key(self) -> str:
        return self.line.assignment.visit.step_key

    @property
    def step(self) -> ApprovalStep:
        return self.definition.approval(self.step_key)


@dataclass(frozen=True)
class ShownLine:
    """What the mail shows of a line."""

    mark: str  # its number as the mail shows it; "" of what is answered on the page
    about: str
    title: str
    words: str  # the beginning of what its process writes in the mail that asks; "" where it writes nothing
    facts: Sequence[ShownFact]
    more: str  # how many facts stand on the page only
    sentences: Sequence[str]
    page: Link


def digest(mailbox: Mailbox, ask: Ask, code: str, asked: Sequence[Asked]) -> OutgoingMail:
    person = ask.person
    is_known_away = all(one.line.assignment.absent_at is not None for one in asked)
    with written_to(person) as said:
        numbered = [_shown(one, said) for one in asked if one.line.numbered]
        others = [_shown(one, said) for one in asked if not one.line.numbered]
        heading = ngettext(
            "Waiting for you: {n} question", "Waiting for you: {n} questions", len(asked)
        ).format(n=len(asked))
        letter = _Letter(
            heading=heading,
            preview=", ".join(no_links(one.title) for one in (*numbered, *others))[:LONGEST_TITLE],
            how=_how([one for one in asked if one.line.numbered]),
            numbered=numbered,
            others=others,
            home=Link(_("All that waits for you"), f"{said.public_url}/"),
            code=code,
        )
        return queue(
            mailbox,
            DIGEST,
            person,
            said,
            cause=f"ask:{ask.public_id}",
            subject=with_code(heading, code),
            letter=letter,
            priority=OutgoingMail.Priority.ASK,
            reply_to=reply_address(mailbox, code),
            may_be_away=not is_known_away and delegations.names_for_absence(person.pk),
        )


@dataclass(frozen=True)
class _Letter:
    heading: str
    preview: str
    how: Sequence[str]
    numbered: Sequence[ShownLine]
    others: Sequence[ShownLine]
    home: Link
    code: str

    def written(self, subject: str, reference: str, said: General) -> Written:
        context = {
            "marker": marker(),
            "heading": self.heading,
            "preview": self.preview,
            "how": self.how,
            "numbered": self.numbered,
            "others": self.others,
            "home": self.home,
            "code": self.code,
        }
        return written(TEMPLATE, context, subject, reference, said)


def _shown(one: Asked, said: General) -> ShownLine:
    request = one.request
    facts = facts_as_read(one.definition, request.data, one.definition.hidden_in(one.step_key))
    left = len(facts) - MOST_FACTS
    return ShownLine(
        mark=number_mark(one.line.line) if one.line.numbered else "",
        about=no_links(f"{one.definition.name} {request.number} · {one.step.name}"),
        title=no_links(request.title),
        words=_on_one_line(" ".join(text_as_read(one.definition, one.step.mail, request.data))),
        facts=[_fact(fact.label, fact.glance) for fact in facts[:MOST_FACTS]],
        more=ngettext("{n} more detail on the page", "{n} more details on the page", left).format(n=left)
        if left > 0
        else "",
        sentences=list(_sentences(one)),
        page=Link(_("Open the request"), page_of(request, said)),
    )


def number_mark(number: int) -> str:
    """No answer begins so."""
    return f"[{number}]"


def _fact(label: str, text: str) -> ShownFact:
    return ShownFact(named(label), _on_one_line(text), [])


def _on_one_line(text: str) -> str:
    line = no_links(" ".join(text.split()))
    return line if len(line) <= LONGEST_FACT else f"{line[: LONGEST_FACT - 1]}…"


def _sentences(one: Asked) -> list[str]:
    visit = one.line.assignment.visit
    why_again = no_links(str(one.because)) or (_("This is a reminder.") if one.reminder else "")
    said = [*filter(None, [why_again]), *until_when(one.definition, visit)]
    said.append(_("Asked by {name}.").format(name=no_links(one.request.requester.name)))
    said += map(no_links, others_in_words(one.step, one.line.assignment, one.line.ask.person))
    if one.line.numbered:
        said += _answers(one)
    else:
        said.append(_("This can be answered on the page only: please open the request and sign in."))
    return said


def _answers(one: Asked) -> list[str]:
    """What can be answered, where that is not to approve or to reject, and what needs a comment."""
    step = one.step
    usual = {APPROVE, REJECT} == {*step.outcome_keys} and all(
        outcome.is_built_in for outcome in step.outcomes
    )
    answers = [] if usual else [_("Possible answers: {answers}.").format(answers=quoted(step.outcomes))]
    needed = [
        one_ for one_ in step.outcomes if policy.needs_comment(one.definition, step, one_.key, one.request)
    ]
    if needed:
        answers.append(_("With {answers}, please say why.").format(answers=quoted(needed)))
    return answers


def _how(asked: Sequence[Asked]) -> list[str]:
    if not asked:
        return []
    first = asked[0]
    number, word = first.line.line, first.step.outcomes[0].shown.lower()
    sentences = [
        _(
            "Reply with one line for each question that you answer: its number and your answer, such as “{number} "
            "{answer}”."
        ).format(number=number, answer=no_links(word)),
        _("A comment can follow after a colon. What you leave out stays open."),
    ]
    if len(asked) >= _EXAMPLE_OF_SEVERAL:
        sentences.append(how_for_several())
    return [" ".join(sentences)]


def how_for_several() -> str:
    """In words that are read in the language that is active."""
    return _("Several at once: “2-3 reject: too expensive”, or “all approve except 2”.")


# --- the mails that answer a reply ------------------------------------------------------------------------


@dataclass(frozen=True)
class LineTold:
    """What is said of a line: which one, and what."""

    line: AskLine
    sentence: str
    comment: str = ""


def said_of(told: LineTold) -> str:
    """Its number in brackets, and its title: a line of ours is no answer, were it taken for the sender's own."""
    request = told.line.assignment.visit.request
    about = "{title} ({number})".format(title=_("“{word}”").format(word=request.title), number=request.number)
    mark = number_mark(told.line.line)
    comment = " ".join(told.comment.split())
    said = _("“{word}”").format(word=comment)
    sentence = f"{told.sentence} — {said}" if comment else told.sentence
    return f"{mark} {labelled(about, sentence)}"


def confirmation(
    incoming: IncomingMail,
    person: Person,
    told: Sequence[LineTold],
    *,
    left_open: Sequence[LineTold],
    in_reply_to: str,
    code: str = "",
) -> None:
    """To somebody whose reply to a digest was applied: what became of each line. `left_open`: what it did not answer,
    and was not to answer so. `code`: for a reply that takes back what can be."""
    with written_to(person) as said:
        heading = _("Your answers")
        below = [_("Not answered yet:"), *map(said_of, left_open)] if left_open else []
        queue(
            incoming.mailbox,
            "confirmation",
            person,
            said,
            cause=f"incoming:{incoming.pk}",
            subject=with_code(heading, code),
            letter=Notice(
                heading,
                [_("Your reply was read as:"), *map(said_of, told), *below],
                links=[_home(said)],
                footer=_("If this is not what you meant, reply with “Undo” to take back all that can be.")
                if code
                else _("If this is not what you meant, tell the requesters at once."),
            ),
            priority=OutgoingMail.Priority.CONFIRMATION,
            reply_to=reply_address(incoming.mailbox, code) if code else "",
            in_reply_to=in_reply_to,
        )


def undone(
    incoming: IncomingMail,
    person: Person,
    told: Sequence[LineTold],
    in_reply_to: str,
    *,
    is_collected: bool,
) -> None:
    """To somebody who took back what they had answered to a digest: what became of each line. `is_collected`: their
    next digest asks it again, not a mail of its own."""
    with written_to(person) as said:
        heading = _("Your answers were taken back")
        how = (
            _(
                "What was taken back is open again. To answer it, reply to the mail that asked you; what you leave out "
                "is asked again, with what else waits for you, when your working day begins."
            )
            if is_collected
            else _("What was taken back is open again, and other mails ask you: reply to those.")
        )
        queue(
            incoming.mailbox,
            "undone",
            person,
            said,
            cause=f"incoming:{incoming.pk}",
            subject=heading,
            letter=Notice(
                heading,
                [*map(said_of, told), how],
                links=[_home(said)],
            ),
            priority=OutgoingMail.Priority.CONFIRMATION,
            in_reply_to=in_reply_to,
        )


def refusal(
    incoming: IncomingMail,
    ask: Ask,
    *,
    key: str,
    heading: str,
    sentences: Sequence[str],
    quote: str,
    again: Sequence[str],
    code: str,
    in_reply_to: str,
    footer: str = "",
    is_how_first: bool = False,
) -> None:
    """To a proved sender whose reply to a digest was not applied, or who asked something: why, and `again` how to
    answer; `is_how_first`: that was asked. A reply to this mail is read like one to the digest."""
    paragraphs = [*again, *sentences] if is_how_first else [*sentences, *again]
    with written_to(ask.person) as said:
        queue(
            incoming.mailbox,
            f"refusal-{key}",
            ask.person,
            said,
            cause=f"incoming:{incoming.pk}",
            subject=with_code(heading, code) if again else heading,
            letter=Notice(heading, paragraphs, quote, [_home(said)], footer),
            priority=OutgoingMail.Priority.CONFIRMATION,
            reply_to=reply_address(incoming.mailbox, code) if again else "",
            in_reply_to=in_reply_to,
        )


def how_again(lines: Sequence[AskLine], step: ApprovalStep) -> list[str]:
    """How to answer those that are open still. `step`: of the first of them."""
    if not lines:
        return []
    how = _(
        "Reply with one line for each question that you answer: its number and your answer, such as “{number} "
        "{answer}”."
    )
    sentence = how.format(number=lines[0].line, answer=no_links(step.outcomes[0].shown.lower()))
    return [
        " ".join(
            [
                sentence,
                _("A comment can follow after a colon. What you leave out stays open."),
                how_for_several(),
            ]
        )
    ]


def _home(said: General) -> Link:
    return Link(_("Open what waits for you"), f"{said.public_url}/", "main")
