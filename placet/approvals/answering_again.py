"""Mails to a proved sender whose reply was not applied, or lacks something: why, and how to answer again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals.composing import page_link, queue, with_code, written_to
from placet.approvals.definitions import definition_of
from placet.approvals.mail_parts import LONGEST_QUOTE
from placet.approvals.models import Request
from placet.approvals.outcomes import Outcome
from placet.approvals.prepared_replies import answer_link, reply_address
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.writing import Link, Notice, labelled, no_links
from placet.mailboxes.models import Mailbox


@dataclass(frozen=True)
class AnswerAgain:
    """How a mail asks for another answer, in the language of the one that was not clear."""

    language: str
    subject: str  # stands before the request's title
    heading: str
    how: str  # which words to write; "" where the sentences say that
    by_link: str
    words: Sequence[tuple[Outcome, str]]  # with the word that a link writes
    lines: Sequence[str] = ()  # in which questions are answered
    how_last: bool = False  # below the sentences


def refusal(
    incoming: IncomingMail,
    person: Person,
    request: Request,
    *,
    key: str,
    sentences: Sequence[str],
    heading: str = "",
    quote: str = "",
    again: AnswerAgain | None = None,
    code: str = "",
    in_reply_to: str = "",
    footer: str = "",
) -> None:
    """To a proved sender whose reply was not applied: why, and what to do next. `sentences` are in their language, or
    in that of `again`. `heading`: of a mail that says something else. `footer` is in their language."""
    with written_to(person) as said:
        if again is None:
            subject = (
                labelled(heading, request.title)
                if heading
                else _("Not applied: {title}").format(title=request.title)
            )
            notice = Notice(
                heading or _("Your answer was not applied"),
                sentences,
                quote[:LONGEST_QUOTE],
                [page_link(request, said)],
                footer,
            )
        else:
            subject = with_code(f"{again.subject}: {request.title}", code)
            how = f"{again.how} {again.by_link}".lstrip()
            # What is said of links stands before them, whatever else is said; but the sentences end with what leads
            # to a quote, and nothing comes between them and it.
            around = [how, *sentences] if quote or not sentences else [again.how, *sentences, again.by_link]
            paragraphs = [*sentences, how] if again.how_last else around
            notice = Notice(
                again.heading,
                [paragraph for paragraph in paragraphs if paragraph],
                quote[:LONGEST_QUOTE],
                [*_answers(incoming.mailbox, request, again, code), page_link(request, said, tone="")],
                footer,
                spoken=again.language,
            )
        queue(
            incoming.mailbox,
            f"refusal-{key}",
            person,
            said,
            cause=f"incoming:{incoming.pk}",
            subject=subject,
            letter=notice,
            priority=OutgoingMail.Priority.CONFIRMATION,
            reply_to=reply_address(incoming.mailbox, code) if again is not None else "",
            in_reply_to=in_reply_to,
        )


@dataclass(frozen=True)
class AskForRest:
    """How a mail asks for what an answer lacks, in the language of that answer."""

    language: str
    subject: str  # stands before the request's title
    sentence: str  # what was understood, and what is needed
    in_reply_to: str
    quote: str = ""  # the text that was understood so
    words: Sequence[tuple[Outcome, str]] = ()  # what may be answered, with the word that a link writes
    first: str = ""  # what the first link is called, where that is not its word
    lines: Sequence[str] = ()  # in which questions are answered
    footer: str = ""  # in the language of the person


def ask_for_rest(
    incoming: IncomingMail,
    person: Person,
    request: Request,
    step_key: str,
    *,
    key: str,
    asking: AskForRest,
    code: str,
) -> OutgoingMail:
    """To a proved sender whose reply lacks something: an answer to this mail, by its own code, is that."""
    definition = definition_of(request.version)
    step = definition.approval(step_key).name  # one person may be asked in several, even at once
    links = _answers(incoming.mailbox, request, asking, code)
    if asking.first:
        links[0] = replace(links[0], label=no_links(asking.first))
    with written_to(person) as said:
        return queue(
            incoming.mailbox,
            f"refusal-{key}",
            person,
            said,
            cause=f"incoming:{incoming.pk}",
            subject=with_code(f"{asking.subject}: {request.title}", code),
            letter=Notice(
                asking.subject,
                # Names only: there is no word in it that would have to be in the language of the answer.
                [asking.sentence, labelled(f"{definition.name} {request.number} · {step}", request.title)],
                asking.quote[:LONGEST_QUOTE],
                [*links, page_link(request, said, tone="")],
                asking.footer,
                spoken=asking.language,
            ),
            priority=OutgoingMail.Priority.CONFIRMATION,
            reply_to=reply_address(incoming.mailbox, code),
            in_reply_to=asking.in_reply_to,
        )


def _answers(mailbox: Mailbox, request: Request, again: AnswerAgain | AskForRest, code: str) -> list[Link]:
    title = with_code(request.title, code)
    return [
        Link(
            no_links(word),
            answer_link(mailbox, code, title, word, again.lines),
            outcome.colour,
            again.language,
        )
        for outcome, word in again.words
    ]
