"""One function per mail we send. Each writes an outgoing mail in the caller's transaction, in the language and the
time zone of whoever reads it.

What requesters wrote is shown as text only: it is escaped in HTML, folded to one line in headers, and never
part of an address or a link.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals import policy, undo_mails
from placet.approvals.ask_words import Why, asking_words, within
from placet.approvals.change_words import comments, how_to_revise, kept_lines
from placet.approvals.changes import changes_since
from placet.approvals.clarification_mails import question_and_answer, why_again
from placet.approvals.composing import mailbox_for, page_link, page_of, queue, with_code, written_to
from placet.approvals.deadline_words import until_when
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.delegate_words import in_place_of, in_whose_place
from placet.approvals.form import entered_on_page_only, facts_as_read
from placet.approvals.form_by_mail import conditional_now
from placet.approvals.form_parts import FormField
from placet.approvals.mail_parts import (
    LONGEST_QUOTE,
    Question,
    ShownChange,
    ShownFact,
    ShownQuestion,
    quoted,
)
from placet.approvals.models import Ask, Assignment, Decision, Request, Timer, Visit
from placet.approvals.others_asked import others_in_words
from placet.approvals.outcomes import LABELS, TASK_DONE, Outcome, you_answered
from placet.approvals.prepared_replies import answer_lines, answer_link, reply_address
from placet.approvals.questions import Question as Asked
from placet.approvals.questions import as_read as as_answered
from placet.approvals.questions import asked_in
from placet.approvals.step_mail_words import subject_as_read, text_as_read
from placet.approvals.steps import ApprovalStep, NoticeStep
from placet.lib.prepared import Prepared
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.writing import Link, Notice, labelled, no_links, when
from placet.mailboxes.models import Mailbox

LONGEST_COMMENT = 10_000  # of their comment, in the mail that says what counted


# --- mails to the people asked ----------------------------------------------------------------------------


def ask(
    mailbox: Mailbox,
    request: Request,
    definition: Definition,
    assignment: Assignment,
    ask: Ask,
    code: str,
    why: Why,
) -> OutgoingMail:
    """The mail that asks one person."""
    person, key = ask.person, assignment.visit.step_key
    step, hidden = definition.approval(key), definition.hidden_in(key)
    on_page = entered_on_page_only(definition, key, request.data)
    left = [one for one in step.outcomes if on_page and step.needs_form_with(one)]
    proof = definition.proof_for(key)
    by_mail = proof != "page" and len(left) < len(step.outcomes)
    asked = asked_in(definition, key, request.data)
    by_reply = [one for one in step.outcomes if one not in left]
    commented = [one for one in by_reply if policy.needs_comment(definition, step, one.key, request)]
    names = {"name": request.requester.name, "title": request.title, "number": request.number}
    first = why.escalated.first if why.escalated is not None else ()
    with written_to(person) as said:
        changes = changes_since(request, definition, key, why.since) if why.since is not None else ()
        own_subject = subject_as_read(definition, step.mail, request.data)
        heading, preview, lead = asking_words(step, definition, why, names_itself=bool(own_subject))
        heading = heading.format(**names | {"title": own_subject or request.title})
        lead = lead.format(process=within(definition.name), step=step.name, **names)
        subject = with_code(heading, code)
        question = Question(
            heading=heading,
            preview=preview.format(**names),
            lead=" ".join([lead, *map(str, why.in_place), *why_again(why.clarified, why.unclarified)]),
            until=" ".join(until_when(definition, assignment.visit)),
            text=text_as_read(definition, step.mail, request.data),
            changes=[ShownChange.of(change) for change in changes],
            clarified=[*question_and_answer(why.clarified), *comments(why.news)],
            paragraphs=[*kept_lines(why.news), *others_in_words(step, assignment, person, first)],
            facts=[ShownFact.of(fact) for fact in facts_as_read(definition, request.data, hidden)],
            answers=[
                Link(_on_the_page(outcome), page_of(request, said), outcome.colour)
                # A prepared reply says in its subject alone what it is about, which most programs do not sign.
                if outcome in left or proof == "signed"
                else _answer(mailbox, code, subject, outcome, answer_lines(asked))
                for outcome in step.outcomes
            ],
            page=Link(_("Open the request in Placet (you will be asked to sign in)"), page_of(request, said)),
            by_mail=by_mail,
            how=" ".join(
                [
                    _how_of(step, by_reply, commented, asked, by_mail=by_mail),
                    *_what_the_page_asks(step, left, on_page),
                    *(_more_on_the_page(definition, key, request) if by_mail else []),
                    *([_how_to_sign()] if by_mail and proof == "signed" else []),
                ]
            ),
            code=code,
            asks=[] if step.is_revise and not by_mail else _asks(step, asked),
        )
        return queue(
            mailbox,
            "ask",
            person,
            said,
            cause=f"ask:{ask.public_id}",
            subject=subject,
            letter=question,
            priority=OutgoingMail.Priority.ASK,
            reply_to=reply_address(mailbox, code),
            may_be_away=why.may_be_away,
        )


def notice(
    mailbox: Mailbox, request: Request, definition: Definition, visit: Visit, step: NoticeStep, person: Person
) -> OutgoingMail:
    """To somebody who is told of a request, and asked for nothing: there is no code in it, so no reply decides."""
    names = {"name": request.requester.name, "title": request.title, "number": request.number}
    hidden = definition.hidden_in(visit.step_key)
    with written_to(person) as said:
        own_subject = subject_as_read(definition, step.mail, request.data)
        heading = own_subject or _("For your information: {title}").format(title=request.title)
        lead = _("{step}: {name} asked for {process} {number}.")
        letter = Question(
            heading=heading,
            preview=heading,
            lead=lead.format(step=step.name, process=within(definition.name), **names),
            facts=[ShownFact.of(fact) for fact in facts_as_read(definition, request.data, hidden)],
            answers=(),
            page=page_link(request, said),
            by_mail=False,
            how=_("Nothing is asked of you: a reply to this mail decides nothing."),
            code="",
            paragraphs=text_as_read(definition, step.mail, request.data),
        )
        return queue(
            mailbox,
            "notice",
            person,
            said,
            cause=f"visit:{visit.pk}",
            subject=with_code(heading, ""),
            letter=letter,
        )


def _on_the_page(outcome: Outcome) -> str:
    return _("{answer}, on the page").format(answer=no_links(outcome.shown))


def _answer(mailbox: Mailbox, code: str, subject: str, outcome: Outcome, lines: Sequence[str]) -> Link:
    label = outcome.shown
    return Link(no_links(label), answer_link(mailbox, code, subject, label, lines), outcome.colour)


def _asks(step: ApprovalStep, asked: Sequence[Asked]) -> list[ShownQuestion]:
    """The questions of a step; the outcome is the first of them, where replies may say it so."""
    shown = [ShownQuestion.of(one, step.outcomes) for one in asked]
    if not step.outcome_question:
        return shown
    answers = _("One of: {answers}.").format(answers=", ".join(outcome.shown for outcome in step.outcomes))
    return [ShownQuestion(_("{mark} Your answer").format(mark="Q1"), no_links(answers)), *shown]


def _how_of(
    step: ApprovalStep,
    outcomes: Sequence[Outcome],
    commented: Sequence[Outcome],
    asked: Sequence[Asked],
    *,
    by_mail: bool,
) -> str:
    if step.is_revise:
        return how_to_revise(by_mail=by_mail, in_lines=bool(asked))
    how = _how_to_do(by_mail=by_mail) if step.is_task else _how(outcomes, commented, by_mail=by_mail)
    return " ".join([how, *_how_to_answer(asked, by_mail=by_mail)])


def _how_to_answer(asked: Sequence[Asked], *, by_mail: bool) -> list[str]:
    if not asked or not by_mail:
        return []
    how = _(
        "Answer the questions below it, each on a line of its own that begins with its number and a colon."
    )
    return [how]


def _what_the_page_asks(
    step: ApprovalStep, outcomes: Sequence[Outcome], fields: Sequence[FormField]
) -> list[str]:
    """What these outcomes need, and no reply can say."""
    if not outcomes:
        return []
    answered = _("For {answers}, please open the request and sign in.").format(answers=quoted(outcomes))
    labels = ", ".join(_("“{word}”").format(word=one.label) for one in fields)
    return [
        *([answered] if len(outcomes) < len(step.outcomes) else []),
        _("To be filled in there: {fields}.").format(fields=no_links(labels)),
        *([no_file_is_taken()] if any(one.type == "files" for one in fields) else []),
    ]


def _more_on_the_page(definition: Definition, step_key: str, request: Request) -> list[str]:
    """That the form has more than this mail asks for: what comes and goes with what is entered."""
    if not conditional_now(definition, step_key, request.data).has_more:
        return []
    return [_("More of the form can be entered on the page: open the request and sign in.")]


def left_to_the_page(
    step: ApprovalStep, outcomes: Sequence[Outcome], fields: Sequence[FormField]
) -> list[str]:
    """The same of a reply that was not applied, whatever else it says."""
    if len(outcomes) < len(step.outcomes):
        return _what_the_page_asks(step, outcomes, fields)
    how = _how_to_do(by_mail=False) if step.is_task else _how((), (), by_mail=False)
    return [how, *_what_the_page_asks(step, outcomes, fields)]


def no_file_is_taken() -> str:
    return _("A file that is attached to a reply is not taken.")


def _how(outcomes: Sequence[Outcome], commented: Sequence[Outcome], *, by_mail: bool) -> str:
    """`commented`: those of which a comment has to say why."""
    if not by_mail:
        return _("This can be decided on the page only: please open the request and sign in.")
    how = _("Reply to this mail with {answers} on the first line; a comment can follow below it.")
    needs = (
        _("With {answers}, please say why below it.").format(answers=quoted(commented)) if commented else ""
    )
    return f"{how.format(answers=quoted(outcomes))} {needs}".rstrip()


def _how_to_sign() -> str:
    return _(
        "Your reply counts only if you sign it (S/MIME or OpenPGP) with a certificate or key that is known here, and "
        "leave this mail quoted below your answer. If you have none, open the request and sign in."
    )


def _how_to_do(*, by_mail: bool) -> str:
    if not by_mail:
        return _("This can be done on the page only: please open the request and sign in.")
    word = _("“{word}”").format(word=LABELS[TASK_DONE])
    return _(
        "When it is done, reply to this mail with {word} on the first line; a comment can follow below it."
    ).format(word=word)


def withdrawn(request: Request, assignment: Assignment, person: Person, by: Person | None) -> None:
    """To `person`, who was asked: nothing to do any more. `by`: None, where a step called the request and is over."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    names = {"name": request.requester.name, "title": request.title, "number": request.number}
    with written_to(person) as said:
        sentence = (
            _("“{title}” (number {number}) is not needed any more.")
            if by is None
            else _("{name} has withdrawn “{title}” (number {number}).")
        ).format(**names)
        queue(
            mailbox,
            "withdrawn",
            person,
            said,
            cause=f"assignment:{assignment.pk}",
            subject=_("No longer needed: {title}").format(title=request.title),
            letter=Notice(
                _("No answer needed any more"), [sentence], links=[page_link(request, said, tone="")]
            ),
        )


def not_needed(request: Request, assignment: Assignment, person: Person, last: Visit) -> None:
    """To `person`, who was asked in a branch that is not needed any more. `last`: the visit whose result made it so."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    step = definition_of(request.version).approval(assignment.visit.step_key)
    names = {"step": step.name, "title": request.title, "number": request.number}
    with written_to(person) as said:
        sentence = _("“{step}” for “{title}” (number {number}) needs no answer any more.").format(**names)
        # A comment is somebody else's: on one line it looks like nothing but a part of ours.
        lines = [*_decisions(request, last), *_undecided(request, last)]
        decided = [" ".join(line.split()) for line in lines]
        queue(
            mailbox,
            "not-needed",
            person,
            said,
            cause=f"assignment:{assignment.pk}",
            subject=_("No longer needed: {title}").format(title=request.title),
            letter=Notice(
                _("No answer needed any more"),
                [sentence, *decided],
                links=[page_link(request, said, tone="")],
            ),
        )


def expired(request: Request, assignment: Assignment, person: Person, end: datetime) -> None:
    """To `person`, who was asked and did not answer in time."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    step = definition_of(request.version).approval(assignment.visit.step_key)
    names = {"step": step.name, "title": request.title, "number": request.number}
    with written_to(person) as said:
        sentence = _("“{step}” for “{title}” (number {number}) was to be answered before {time}.")
        became = _("It was not decided by then, so it ended as “{answer}”. An answer no longer counts.")
        queue(
            mailbox,
            "expired",
            person,
            said,
            cause=f"assignment:{assignment.pk}",
            subject=_("No answer in time: {title}").format(title=request.title),
            letter=Notice(
                _("The time for an answer is over"),
                [
                    sentence.format(time=when(end), **names),
                    became.format(answer=no_links(step.outcome(step.expires_to).shown)),
                ],
                links=[page_link(request, said, tone="")],
            ),
        )


def confirmation(incoming: IncomingMail, decision: Decision, in_reply_to: str, code: str) -> None:
    """To somebody whose reply was applied: what it was read as. `code`: of what they answered, for the reply that takes
    it back."""
    visit = decision.assignment.visit
    request, definition = visit.request, definition_of(visit.request.version)
    outcome = definition.approval(visit.step_key).outcome(decision.outcome)
    left_files = bool(definition.files_filled_in(visit.step_key)) and decision.assignment.attachments.exists()
    with written_to(decision.by_person) as said:
        done = outcome.done
        asked = as_answered(definition, visit.step_key, decision.answers)
        answered = [*in_whose_place(decision), *(labelled(one.title, one.text) for one in asked)]
        sentence = (
            _("Your answer to “{title}” (number {number}) was read as: {answer}. With this comment:")
            if decision.comment and not answered
            else _("Your answer to “{title}” (number {number}) was read as: {answer}.")
        )
        if left_files:
            answered.append(_("The files that you had added on the page were not sent with it."))
        below = [*answered, *([_("With this comment:")] if decision.comment and answered else [])]
        can_be, footer = undo_mails.whether_it_can_be(definition, decision)
        queue(
            incoming.mailbox,
            "confirmation",
            decision.by_person,
            said,
            cause=f"incoming:{incoming.pk}",
            subject=with_code(
                _("{answer}: {title}").format(answer=done[:1].upper() + done[1:], title=request.title),
                code if can_be else "",
            ),
            letter=Notice(
                you_answered(outcome),
                [sentence.format(title=request.title, number=request.number, answer=done), *below],
                quote=_shown(decision.comment),
                links=[page_link(request, said)],
                footer=footer,
            ),
            priority=OutgoingMail.Priority.CONFIRMATION,
            reply_to=reply_address(incoming.mailbox, code) if can_be else "",
            in_reply_to=in_reply_to,
        )


def outcome_of(decision: Decision) -> Outcome:
    """What was answered, in the words of the version that the request runs on."""
    visit = decision.assignment.visit
    return definition_of(visit.request.version).approval(visit.step_key).outcome(decision.outcome)


def decided_elsewhere(decision: Decision, assignment: Assignment) -> str:
    """The name of the step that was decided, if it is another one than that of the assignment: in a block the answer of
    one branch may end the others."""
    visit = decision.assignment.visit
    if visit.pk == assignment.visit_id:
        return ""
    return definition_of(visit.request.version).approval(visit.step_key).name


def _shown(comment: str) -> str:
    """A comment, whole if anybody would read that much; the request's page has all of it."""
    return comment if len(comment) <= LONGEST_COMMENT else f"{comment[: LONGEST_COMMENT - 1]}…"


class Misuse(Enum):
    """What came with a reply code and proved nothing, as far as it can be told to the person who was asked."""

    OF_SOMEBODY_ELSE = auto()
    IN_THEIR_NAME = auto()  # From is their address: perhaps they wrote it themselves
    OF_AN_OLD_DATE = auto()  # so perhaps theirs too, by a clock that is wrong


def misused(ask: Ask, request: Request, mailbox: Mailbox, misuse: Misuse) -> None:
    """To the person asked, once an ask: a mail with their reply code was not applied."""
    with written_to(ask.person) as said:
        subject, title, what, advice = _ABOUT_MISUSE[misuse]()
        queue(
            mailbox,
            "code-misused",
            ask.person,
            said,
            cause=f"ask:{ask.public_id}",
            subject=subject.format(title=request.title),
            letter=Notice(
                title,
                [what.format(title=request.title, number=request.number), advice],
                links=[page_link(request, said)],
            ),
        )


def _of_somebody_else() -> tuple[str, str, str, str]:
    return (
        _("Somebody else answered in your place: {title}"),
        _("A reply that was not yours"),
        _(
            "A mail with your reply code for “{title}” (number {number}) came from an address or in a way that "
            "does not prove that you sent it. It was not applied."
        ),
        _(
            "If you forwarded the mail to a colleague, nothing is wrong: please answer yourself. If you answered "
            "from another address of yours, answer from the one that this mail went to. Otherwise tell your "
            "administrator."
        ),
    )


def _in_their_name() -> tuple[str, str, str, str]:
    return (
        _("An answer in your name was not applied: {title}"),
        _("An answer in your name"),
        _(
            "A mail with your reply code for “{title}” (number {number}) bears your address, but nothing proves that "
            "you sent it. It was not applied."
        ),
        _(
            "If it was yours, decide on the page below, and tell your administrator that your answers arrive without "
            "proof. If it was not yours, tell your administrator at once."
        ),
    )


def _of_an_old_date() -> tuple[str, str, str, str]:
    return (
        _("An answer with an old date: {title}"),
        _("A reply from before you were asked"),
        _(
            "A mail with your reply code for “{title}” (number {number}) says that it was written before you were "
            "asked. It was not applied, because it may be an old mail that somebody sent again."
        ),
        _(
            "If it was yours, the clock of your computer or telephone is wrong: set its date and time, and answer "
            "again. Otherwise tell your administrator."
        ),
    )


_ABOUT_MISUSE = {
    Misuse.OF_SOMEBODY_ELSE: _of_somebody_else,
    Misuse.IN_THEIR_NAME: _in_their_name,
    Misuse.OF_AN_OLD_DATE: _of_an_old_date,
}


def another_address(
    incoming: IncomingMail, person: Person, request: Request, *, address: str, page: str, offer_id: str
) -> None:
    """To the address that is known: is the one that a reply came from theirs, too? `page` asks it."""
    with written_to(person) as said:
        what = _(
            "An answer to “{title}” (number {number}), which you were asked about, came from {address}. Nobody here "
            "has this address, so the answer was not applied."
        )
        paragraphs = [
            what.format(title=request.title, number=request.number, address=address),
            _("If the address is yours, say so on the page below. Then answers from it count as yours."),
        ]
        queue(
            incoming.mailbox,
            "another-address",
            person,
            said,
            cause=f"incoming:{incoming.pk}:{offer_id}",
            subject=_("Is this address yours, too?"),
            letter=Notice(
                _("Is this address yours, too?"),
                paragraphs,
                links=[Link(_("Say yes or no"), page, "main")],
                footer=_("If you do not know the address, say no there. The link is good for 7 days."),
            ),
        )


# --- mails to requesters and administrators ---------------------------------------------------------------


def ended(request: Request, name: str, too_long: datetime | None = None) -> None:
    """To the requester: how it ended. `name`: of that end. `too_long`: the moment at which it had lasted as long as its
    process lets it, if that ended it."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    with written_to(request.requester) as said:
        title = labelled(name, request.title)
        sentence = _("Your request number {number} has ended.").format(number=request.number)
        why = _("It was not decided before {time}, which is as long as such a request may take.")
        reasons = [] if too_long is None else [why.format(time=when(too_long))]
        queue(
            mailbox,
            "ended",
            request.requester,
            said,
            cause=f"request:{request.pk}",
            subject=title,
            letter=Notice(
                title,
                [sentence, *reasons, *_decisions(request), *_undecided(request)],
                links=[page_link(request, said)],
            ),
        )


def _decisions(request: Request, visit: Visit | None = None) -> Iterator[str]:
    """Lines for each decision that counted, with its answers, of all visits or of one."""
    definition = definition_of(request.version)
    decided = _DECIDED(request=request.pk) if visit is None else _decided_in(visit)
    for step_key, answer, at, comment, answers, by, owner, by_id, owner_id in decided:
        step = definition.approval(step_key)
        line = (
            _("{step}: {answer} by {name}, {time} — “{comment}”")
            if comment
            else _("{step}: {answer} by {name}, {time}")
        )
        yield line.format(
            step=step.name,
            answer=step.outcome(answer).done,
            name=by if by_id == owner_id else in_place_of(by, owner),
            time=when(at),
            comment=comment[:LONGEST_QUOTE],
        )
        yield from (labelled(one.title, one.text) for one in as_answered(definition, step_key, answers))


def _undecided(request: Request, visit: Visit | None = None) -> Iterator[str]:
    """Lines for each step that ended because it was not decided in time, of all visits or of one."""
    definition = definition_of(request.version)
    if not any(step.expire for step in definition.approvals):
        return
    ends = Timer.objects.filter(what=Timer.What.EXPIRE, state=Timer.State.ACTED)
    ends = ends.filter(visit__request=request) if visit is None else ends.filter(visit=visit)
    for end in ends.select_related("visit").order_by("at", "id"):
        step = definition.approval(end.visit.step_key)
        answer = no_links(step.outcome(step.expires_to).shown)
        line = _("{step}: not decided before {time}, so it ended as “{answer}”")
        yield line.format(step=step.name, time=when(end.at), answer=answer)


def _as_lines(decisions: QuerySet[Decision]) -> QuerySet[Decision, tuple[Any, ...]]:
    by = ("by_person__name", "assignment__person__name", "by_person_id", "assignment__person_id")
    names = ("assignment__visit__step_key", "outcome", "at", "comment", "answers", *by)
    return decisions.order_by("at", "id").values_list(*names)


def _decided_in(visit: Visit) -> list[tuple[Any, ...]]:
    return list(_as_lines(Decision.objects.filter(assignment__visit=visit)))


_DECIDED = Prepared(
    lambda given: _as_lines(Decision.objects.filter(assignment__visit__request=given("request")))
)


def _what_helps(visit: Visit) -> str:
    if not visit.result:
        return _("Correct the people or groups, then open the request and press “Ask again”.")
    return _(
        "What it came to stands; only the way on is missing. Open the request and press “Ask again”: that tries it "
        "once more, and lets the request go round once more. If it comes back here, withdraw the request, and change "
        "its process for those to come."
    )


def stuck(request: Request, visit: Visit, seq: int) -> None:
    """To every administrator: a step cannot go on. Once each time, which the audit entry's `seq` tells apart."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    step = definition_of(request.version).steps[visit.step_key]
    for person in Person.objects.filter(is_administrator=True, is_active=True):
        with written_to(person) as said:
            why = _("“{title}” (number {number}) cannot go on: {reason}.")
            queue(
                mailbox,
                "stuck",
                person,
                said,
                cause=f"visit:{visit.pk}:{seq}",
                subject=_("Needs your help: {title}").format(title=request.title),
                letter=Notice(
                    _("“{step}” is stuck").format(step=step.name),
                    [
                        why.format(title=request.title, number=request.number, reason=visit.reason_as_read),
                        _what_helps(visit),
                    ],
                    links=[page_link(request, said)],
                ),
            )
