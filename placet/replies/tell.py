"""What became of a mail: a confirmation or a refusal as an outgoing mail, the mail log, the mark on the server.

All in the transaction of the effect. Strangers are told nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from placet.accounts.reader import LANGUAGES, as_read_by
from placet.alarms import dead_addresses
from placet.alarms.messages import why_returned
from placet.approvals import (
    answering_again,
    clarification_mails,
    delegate_mails,
    delegating,
    engine,
    engine_errors,
    engine_pending,
    messages,
)
from placet.approvals.mail_parts import either_of
from placet.approvals.messages import Misuse
from placet.approvals.models import AskLine, Assignment, Clarification, Decision, Delegate, PendingAnswer
from placet.approvals.outcomes import APPROVE, REJECT, Outcome
from placet.approvals.prepared_replies import answer_lines
from placet.approvals.record import Logged
from placet.approvals.standing import standing_of
from placet.approvals.steps import ApprovalStep
from placet.lib import clock
from placet.mail import outbox, tasks
from placet.mail.models import IncomingMail
from placet.mail.writing import labelled, when
from placet.replies import refusals, settle
from placet.replies.languages import FALLBACK, RefusalTexts
from placet.replies.languages.table import refusal_texts
from placet.replies.pick import Picked, answers_an_ask, bounced, without_codes
from placet.replies.prove import Proof
from placet.replies.read import with_signature
from placet.replies.read_likely import Likely
from placet.replies.tell_limits import last_of_the_hour, may_be_told

if TYPE_CHECKING:
    from placet.replies.entry import Reply

LONGEST_SHOWN = 4000  # characters of a text that the mail log keeps beside the raw mail
LONGEST_STAMP = 200  # the same of one header that a server writes
#: Of mails that may say something else than an answer that waits for its comment: that lapses.
_SAY_SOMETHING_ELSE = (
    refusals.Unclear, refusals.DigestUnclear, refusals.AnswersNotTaken, refusals.Changed
)  # fmt: skip


def decided(reply: "Reply") -> Logged:
    """What the mail log says of a reply that counts: a part of the record of its decision."""
    assert reply.line is not None and reply.answer is not None
    by, answer = reply.line.ask.person.name, settle.step_of(reply.line).outcome(reply.answer.outcome).done
    return logged_as(reply, "decided", _("{name}: {answer}").format(name=by, answer=answer))


def automatic(reply: "Reply", refusal: refusals.AutomaticReply, picked: Picked, proof: Proof) -> Logged:
    """What the mail log says of an automatic reply that says who is away."""
    known = replace(reply, line=picked.line, code=picked.code, proof=proof)
    return logged_as(known, refusal.key, refusal.sentence, told=False, shown=refusal.shown)


def was_automatic(reply: "Reply", logged: Logged) -> None:
    tasks.handled(reply.incoming, reply.settings)
    log_as(reply, logged)


def given(reply: "Reply", name: str) -> Logged:
    """What the mail log says of a reply that gave the question to somebody."""
    assert reply.line is not None
    said = _("{name} gave it to {delegate}.").format(name=reply.line.ask.person.name, delegate=name)
    return logged_as(reply, delegating.GIVEN, said)


def was_given(reply: "Reply", row: Delegate, logged: Logged) -> None:
    assert reply.line is not None and reply.mail is not None
    request = reply.line.assignment.visit.request
    delegate_mails.given(request, row, reply.incoming, reply.mail.message_id)
    tasks.handled(reply.incoming, reply.settings)
    log_as(reply, logged)


def applied(reply: "Reply", decision: Decision) -> None:
    """The reply counted; the mail log says so already (`entry.mine`)."""
    assert reply.mail is not None
    messages.confirmation(reply.incoming, decision, reply.mail.message_id, reply.code)
    tasks.handled(reply.incoming, reply.settings)


def clarified(reply: "Reply") -> Logged:
    """What the mail log says of the requester's answer to a question: a part of the record of it."""
    assert reply.line is not None and reply.line.asks_back is not None
    names = {"name": reply.line.ask.person.name, "asker": reply.line.asks_back.asked_by.name}
    return logged_as(reply, "clarified", _("{name} answered what {asker} asked.").format(**names))


def answer_sent(reply: "Reply", clarification: Clarification) -> None:
    assert reply.mail is not None
    clarification_mails.taken(reply.incoming, clarification, reply.mail.message_id)
    tasks.handled(reply.incoming, reply.settings)


def asked_back(reply: "Reply") -> Logged:
    """The same of a question to the requester."""
    assert reply.line is not None
    requester = reply.line.assignment.visit.request.requester
    names = {"name": requester.name, "asker": reply.line.ask.person.name}
    return logged_as(reply, "asked_back", _("{asker} asked {name} something.").format(**names))


def question_sent(reply: "Reply", clarification: Clarification, logged: Logged) -> None:
    assert reply.mail is not None
    clarification_mails.asked(reply.incoming, clarification, reply.mail.message_id)
    tasks.handled(reply.incoming, reply.settings)
    log_as(reply, logged)


def incomplete(reply: "Reply", lacking: refusals.Incomplete) -> None:
    """The reply is clear and lacks something: kept, and its sender is asked for just that. Whoever was told enough in
    this hour is asked for nothing, and then nothing is kept."""
    line, answer = reply.line, reply.answer
    assert line is not None and answer is not None and reply.mail is not None and reply.proof is not None
    if not may_be_told(reply, lacking):
        refused(reply, lacking)
        return
    more = {"told": True, "shown": lacking.shown, "refusal": dict(lacking.facts)}
    logged = logged_as(reply, lacking.key, _waits(line.ask.person.name, lacking), **more)
    kept = engine_pending.Incomplete(
        answer.outcome,
        line.ask,
        line.facts_hash,
        reply.incoming,
        logged,
        reply.proof.as_json(),
        lacking.key,
        without_codes(answer.comment, reply.code),
        {name: without_codes(value, reply.code) for name, value in answer.answers.items()},
    )
    with as_read_by(line.ask.person):
        asking = _for_rest(lacking, answer.outcome, settle.step_of(line), reply.mail.message_id)
        asking = replace(asking, footer=last_of_the_hour(reply, lacking))
    engine.keep_incomplete(line.assignment_id, kept, asking)
    tasks.handled(reply.incoming, reply.settings)
    log_as(reply, logged)


def unclear(reply: "Reply", refusal: refusals.Unclear) -> None:
    """The reply is not clear. Where it most likely says one thing, its sender is asked whether that is right: a guess
    decides nothing, and is kept until they say so. Not where nothing could come of a yes."""
    line, mail, likely = reply.line, reply.mail, refusal.likely
    if likely is None or _needs_the_page(reply, likely) or not may_be_told(reply, refusal):
        refused(reply, refusal)
        return
    assert line is not None and mail is not None and reply.proof is not None
    person, step = line.ask.person, settle.step_of(line)
    with as_read_by(person):
        needed = refusals.ConfirmationNeeded(
            step.outcome(likely.outcome).shown, likely.words, refusal.why, refusal.language
        )
        asking = _for_confirmation(reply, step, likely, needed)
        asking = replace(asking, footer=last_of_the_hour(reply, needed))
    more = {"told": True, "shown": needed.shown, "refusal": dict(needed.facts)}
    logged = logged_as(reply, needed.key, _waits_for_yes(person.name, needed), **more)
    kept = engine_pending.Incomplete(
        likely.outcome,
        line.ask,
        line.facts_hash,
        reply.incoming,
        logged,
        reply.proof.as_json(),
        needed.key,
        without_codes(with_signature(mail.new_text, mail).strip(), reply.code),
        {name: without_codes(value, reply.code) for name, value in likely.answers.items()},
        lacks=PendingAnswer.Lacks.CONFIRMATION,
        language=asking.language,
    )
    try:
        engine.keep_incomplete(line.assignment_id, kept, asking)
    except engine_errors.EngineError:
        # Decided, withdrawn or changed meanwhile: whoever writes clearly is told which.
        refused(reply, refusal)
        return
    tasks.handled(reply.incoming, reply.settings)
    log_as(reply, logged)


def _needs_the_page(reply: "Reply", likely: Likely) -> bool:
    assert reply.line is not None
    return likely.outcome in {one.key for one in settle.left_to_the_page(reply.line)[0]}


def _waits_for_yes(name: str, needed: refusals.ConfirmationNeeded) -> str:
    """For the mail log."""
    said = _("{name} was understood as “{answer}”, from “{words}”, and is asked whether that is right.")
    return said.format(name=name, answer=needed.answer, words=needed.words)


def _for_confirmation(
    reply: "Reply", step: ApprovalStep, likely: Likely, needed: refusals.ConfirmationNeeded
) -> answering_again.AskForRest:
    """In the language of the text, if it is known how to ask in it; with a link for the yes, and one for each answer
    that was not understood."""
    assert reply.line is not None and reply.mail is not None
    language, said = _texts(needed.language, needed="confirm")
    words = _words(step.outcomes, language, said)
    left, _fields = settle.left_to_the_page(reply.line)
    understood = step.outcome(likely.outcome)
    word = next(word for one, word in words if one is understood)
    others = [one for one in words if one[0] is not understood and one[0] not in left]
    return answering_again.AskForRest(
        language,
        said.confirm_subject,
        said.understood(word, likely.words),
        reply.mail.message_id,
        without_codes(with_signature(reply.mail.new_text, reply.mail).strip(), reply.code),
        [(understood, said.yes), *others],
        labelled(said.yes, word),  # a red "Yes" beside a green "Approve" might be taken for the other
        answer_lines(settle.asked(reply.line), likely.answers),
    )


def _waits(name: str, lacking: refusals.Incomplete) -> str:
    """For the mail log."""
    return _("{name} answered “{answer}”, which waits for its comment.").format(
        name=name, answer=lacking.answer
    )


def _for_rest(
    lacking: refusals.Incomplete, outcome: str, step: ApprovalStep, in_reply_to: str
) -> answering_again.AskForRest:
    """In the language of the answer, if it is known how to ask in it."""
    language, said = _texts(lacking.language, needed="say_why")
    word = next(word for one, word in _words(step.outcomes, language, said) if one.key == outcome)
    return answering_again.AskForRest(language, said.say_why_subject, said.why_needed(word), in_reply_to)


def refused(
    reply: "Reply",
    refusal: refusals.Refusal,
    tell_sender: Callable[["Reply", refusals.Refusal], bool] | None = None,
) -> None:
    """The reply did not count: say so to whom it may be said. `tell_sender`: how, where it is not as of one question;
    whether they were told."""
    told = False
    if isinstance(refusal, refusals.Automatic):
        assert reply.mail is not None
        known = _note_bounce(reply) if isinstance(refusal, refusals.Bounce) else answers_an_ask(reply.mail)
        if known:
            tasks.handled(reply.incoming, reply.settings)
    elif refusal.told:
        if tell_sender is not None:
            told = tell_sender(reply, refusal)
        elif isinstance(refusal, refusals.HelpAsked | refusals.StatusAsked):
            told = _tell_asked(reply, refusal)
        else:
            told = _tell(reply, refusal)
        tasks.handled(reply.incoming, reply.settings)
    more = {"told": told, "shown": refusal.shown, "refusal": dict(refusal.facts)}
    logged = logged_as(reply, refusal.key, refusal.sentence, **more)
    if reply.line is not None:
        ask, request = reply.line.ask, reply.line.assignment.visit.request
        if refusal.notify_asked:
            # From the mailbox that asked: the one that this came into may be another organisation's.
            asked_from = ask.outgoing.mailbox if ask.outgoing is not None else reply.incoming.mailbox
            messages.misused(ask, request, asked_from, _misuse(refusal))
        for line in _in_order(reply.lines or [reply.line]):
            engine.note_refused(
                line.assignment.visit.request_id,
                person=ask.person,
                reason=refusal.key,
                incoming=reply.incoming,
                logged=logged,
                doubted=line.assignment if _leaves_in_doubt(line, refusal) else None,
            )
    log_as(reply, logged)


def _in_order(lines: Sequence[AskLine]) -> list[AskLine]:
    """As their requests are locked."""
    return sorted(lines, key=lambda line: (line.assignment.visit.request_id, line.line))


def _leaves_in_doubt(line: AskLine, refusal: refusals.Refusal) -> bool:
    """Whether whoever is asked may have said something else. What the requester answers to a question says nothing of
    that."""
    return isinstance(refusal, _SAY_SOMETHING_ELSE) and line.asks_back_id is None


def _misuse(refusal: refusals.Refusal) -> Misuse:
    if isinstance(refusal, refusals.TooOld):
        return Misuse.OF_AN_OLD_DATE
    bears_their_address = isinstance(refusal, refusals.Unproved | refusals.MechanismNotConfirmed)
    return Misuse.IN_THEIR_NAME if bears_their_address else Misuse.OF_SOMEBODY_ELSE


def _tell(reply: "Reply", refusal: refusals.Refusal) -> bool:
    """Tell the proved sender, unless they were told enough in this hour."""
    assert reply.line is not None and reply.mail is not None and reply.proof is not None
    if not may_be_told(reply, refusal):
        return False
    person = reply.line.ask.person
    unclear = refusal if isinstance(refusal, refusals.Unclear) else None
    read = refusal if isinstance(refusal, _IN_ITS_LANGUAGE) else None
    given = refusal.given if isinstance(refusal, refusals.AnswersNotTaken) else {}
    decides = reply.line.asks_back_id is None
    answer_again = (
        decides and isinstance(refusal, refusals.ANSWER_AGAIN) and not _lacks_what_is_on_page(refusal)
    )
    step = settle.step_of(reply.line)
    left, fields = settle.left_to_the_page(reply.line) if answer_again else ((), ())
    by_reply = [one for one in step.outcomes if one not in left] if answer_again else []
    with as_read_by(person):
        again = _again(read.language if read else "", by_reply) if by_reply else None
        heading = _heading(refusal)
        if again is not None:
            again = replace(again, lines=answer_lines(settle.asked(reply.line), given))
        if again is not None and isinstance(refusal, refusals.AnswersNotTaken | refusals.NotNamed):
            # First what is wrong; what was not taken ends with how to answer in the language of the person.
            says_how = isinstance(refusal, refusals.AnswersNotTaken) and again.language == get_language()
            again = replace(again, how="" if says_how else again.how, how_last=True)
        sentences = _sentences(refusal, again)
        if again is None:
            sentences += messages.left_to_the_page(step, left, fields)
        elif again.language in LANGUAGES:  # above them: they end with what the quote below is
            with translation.override(again.language):
                sentences = [*messages.left_to_the_page(step, left, fields), *sentences]
    answering_again.refusal(
        reply.incoming,
        person,
        reply.line.assignment.visit.request,
        key=refusal.key,
        sentences=sentences,
        heading=heading,
        quote=unclear.read_text if unclear else "",
        again=again,
        code=reply.code,
        in_reply_to=reply.mail.message_id,
        footer=last_of_the_hour(reply, refusal),
    )
    return True


def _heading(refusal: refusals.Refusal) -> str:
    """Of a mail about a reply that was no answer; else "": that it was not applied."""
    if isinstance(refusal, refusals.NotAskedBack):
        return _("Your question was not sent")
    if isinstance(refusal, refusals.NotClarified):
        return _("Your answer was not sent")
    if isinstance(refusal, refusals.NotUndone):
        return _("Your answer was not taken back")
    return _("It was given to nobody") if isinstance(refusal, refusals.NotGiven) else ""


def _how_to_clarify(question: Clarification) -> list[str]:
    """To the requester, who was asked something about their request."""
    how = _(
        "{name} asked you something about your request. Reply to that mail with your answer above the quoted text: it "
        "is passed on as you write it, to everybody who is asked."
    )
    return [how.format(name=question.asked_by.name), _("“Status” alone says where the request stands.")]


def _tell_asked(reply: "Reply", refusal: refusals.HelpAsked | refusals.StatusAsked) -> bool:
    """What the proved sender wants to know, unless they were told enough in this hour. With how to answer, as long as
    nothing is decided."""
    assert reply.line is not None and reply.mail is not None
    if not may_be_told(reply, refusal):
        return False
    line, request = reply.line, reply.line.assignment.visit.request
    # The requester, who was asked something, has nothing to decide.
    is_open = line.assignment.state == Assignment.State.OPEN and line.asks_back is None
    step = settle.step_of(line)
    left, fields = settle.left_to_the_page(line) if is_open else ((), ())
    by_reply = [one for one in step.outcomes if one not in left] if is_open else []
    with as_read_by(line.ask.person):
        if isinstance(refusal, refusals.HelpAsked) and line.asks_back is not None:
            heading, sentences = _("How to answer"), _how_to_clarify(line.asks_back)
        elif isinstance(refusal, refusals.HelpAsked):
            heading, sentences = (
                _("How to answer"),
                [*messages.left_to_the_page(step, left, fields), *_commands(line, step)],
            )
        else:
            heading, sentences = _("Where the request stands"), standing_of(request)
        again = _again("", by_reply) if by_reply else None
        if again is not None:
            lines = answer_lines(settle.asked(line))
            how = _("Reply with {answers} alone on the first line; a comment can follow below it.")
            again = replace(
                again,
                how=how.format(answers=either_of([word for _outcome, word in again.words])),
                subject=heading,
                heading=heading,
                lines=lines,
                how_last=isinstance(refusal, refusals.StatusAsked),
            )
    answering_again.refusal(
        reply.incoming,
        line.ask.person,
        request,
        key=refusal.key,
        sentences=sentences,
        heading=heading,
        again=again,
        code=reply.code,
        in_reply_to=reply.mail.message_id,
        footer=last_of_the_hour(reply, refusal),
    )
    return True


def _commands(line: AskLine, step: ApprovalStep) -> list[str]:
    """What a reply may say that answers nothing."""
    question = _(
        "Reply with “Question:” and your question to ask whoever made the request; that decides nothing."
    )
    status = _("Reply with “Status” alone to read where the request stands.")
    if step.delegate is False or line.ask.person_id != line.assignment.person_id:
        return [question, status]
    give = _(
        "Reply with “Give to” and somebody’s full name or address to have them asked in your place, too; a comment "
        "for them can follow after a colon."
    )
    return [question, status, give]


_IN_ITS_LANGUAGE = (refusals.Unclear, refusals.AnswersNotTaken)


def _texts(code: str, needed: str = "answer_again") -> tuple[str, RefusalTexts]:
    """A language and what is said in it: that of the answer, that of the person where the answer's is not known,
    English where nothing is said in either. `needed`: the text without which a language will not do."""
    known = refusal_texts(settings.PLACET.words_dir)
    for language in (code, (get_language() or "").partition("-")[0]):
        found = known.get(language)
        if found is not None and getattr(found, needed):
            return language, found
    return FALLBACK, known[FALLBACK]


def _again(code: str, outcomes: Sequence[Outcome]) -> answering_again.AnswerAgain:
    """With the words of these, and no others."""
    language, said = _texts(code)
    words = _words(outcomes, language, said)
    how = said.how(word for _outcome, word in words)
    return answering_again.AnswerAgain(language, said.subject, said.nothing_decided, how, said.by_link, words)


def _words(outcomes: Sequence[Outcome], language: str, said: RefusalTexts) -> list[tuple[Outcome, str]]:
    """What a step offers, with the words to write in a language."""
    every = {APPROVE: said.approve, REJECT: said.reject}
    with translation.override(language):
        return [
            (outcome, every[outcome.key] if outcome.is_built_in else outcome.shown) for outcome in outcomes
        ]


def _sentences(refusal: refusals.Refusal, again: answering_again.AnswerAgain | None) -> list[str]:
    """Why, in the language that is active: the person's. Where they are asked to answer again, in that of `again`, if
    anything is said in it."""
    nothing = _("Your answer changed nothing.")
    if isinstance(refusal, refusals.AlreadyDecided):
        said = _SOMEBODY_ANSWERED if refusal.answer else _SOMEBODY_DID[refusal.outcome]
        first = said.format(
            name=refusal.who, time=when(datetime.fromisoformat(refusal.when)), answer=refusal.answer
        )
        where = [_("That decided “{step}”.").format(step=refusal.step)] if refusal.step else []
        until = [can_be_undone_until(refusal.until)] if refusal.until else []
        return [" ".join([first, *where, nothing, *until])]
    if isinstance(refusal, refusals.NoLongerOpen | refusals.MayNotDecide):
        return [f"{refusal.why} {nothing}"]
    if isinstance(refusal, refusals.NotAskedBack | refusals.NotClarified):
        return [f"{refusal.sentence} {refusal.why}"]
    if isinstance(refusal, refusals.AnswersNotTaken):
        return _about_answers(refusal)
    if isinstance(refusal, refusals.NotGiven | refusals.NotUndone):
        return list(refusal.said)
    if isinstance(refusal, refusals.Unclear) and again is not None:
        return _why_unclear(refusal, again.language)
    if again is not None and again.language in LANGUAGES:
        with translation.override(again.language):
            return [refusal.sentence]
    return [refusal.sentence]


def can_be_undone_until(moment: str) -> str:
    """`moment`: in ISO 8601."""
    sentence = _("That decision can be taken back until {time}; if it is, you are asked again.")
    return sentence.format(time=when(datetime.fromisoformat(moment)))


def why_not(refusal: refusals.Refusal) -> list[str]:
    """Why an answer to a line of a digest was not applied, in the language that is active."""
    return _sentences(refusal, None)


def _lacks_what_is_on_page(refusal: refusals.Refusal) -> bool:
    """Whether another reply would lack the same."""
    return isinstance(refusal, refusals.AnswersNotTaken) and refusal.on_page


def _about_answers(refusal: refusals.AnswersNotTaken) -> list[str]:
    missing = _("Your answer was “{answer}”, and this is missing or cannot be read:").format(
        answer=refusal.answer
    )
    if refusal.on_page:
        where = _("That can be entered on the page only: please open the request, and answer there.")
        return [missing, *refusal.wrong, where, *([messages.no_file_is_taken()] if refusal.files else [])]
    how = _(
        "Please answer again with all of it: “{answer}” on the first line, and each answer on a line below it."
    )
    understood = [_("This was understood:"), *refusal.understood] if refusal.understood else []
    return [missing, *refusal.wrong, *understood, how.format(answer=refusal.answer)]


_SOMEBODY_DID = {
    APPROVE: gettext_lazy("{name} approved this on {time}, before your answer came."),
    REJECT: gettext_lazy("{name} rejected this on {time}, before your answer came."),
}
_SOMEBODY_ANSWERED = gettext_lazy("{name} answered “{answer}” on {time}, before your answer came.")


def _why_unclear(refusal: refusals.Unclear, language: str) -> list[str]:
    """Why is said in the languages of the pages only; in others the words that count must do."""
    why = []
    if language in LANGUAGES:
        with translation.override(language):
            why = [str(refusal.why)]
    return [*why, _texts(language)[1].was_read] if refusal.read_text else why


def _note_bounce(reply: "Reply") -> bool:
    """A mail of ours came back: shown on its request."""
    assert reply.mail is not None
    outgoing = bounced(reply.mail, reply.incoming.mailbox)
    if outgoing is None:
        return False
    if outgoing.bounced_at is None:
        outgoing.bounced_at = clock.now()
        outgoing.save(update_fields=["bounced_at"])
        outbox.certainly_sent(outgoing)
        returned = reply.mail.returned
        if returned is not None:
            dead_addresses.note(outgoing, returned.recipients, returned.status)
        ask = getattr(outgoing, "ask", None)
        if ask is not None:
            for line in _in_order(ask.lines.select_related("assignment__visit")):
                engine.note_bounce(
                    line.assignment.visit.request_id,
                    person=ask.person,
                    reason=why_returned(returned.status if returned else ""),
                    incoming=reply.incoming,
                )
    return True


# --- the mail log -----------------------------------------------------------------------------------------


def logged_as(reply: "Reply", result: str, reason: str, **more: Any) -> Logged:
    proved = reply.line is not None and reply.proof is not None
    person = reply.line.ask.person_id if proved and reply.line is not None else None
    if reply.starter is not None:
        person = reply.starter.pk
    return Logged(result, str(reason), verdict(reply, **more), person)


def log_as(reply: "Reply", logged: Logged) -> None:
    IncomingMail.objects.filter(pk=reply.incoming.pk).update(**logged.columns)


def verdict(reply: "Reply", **more: Any) -> dict[str, Any]:
    """What was made of a mail, as JSON; reply codes are left out."""
    found: dict[str, Any] = dict(more)
    if reply.mail is not None:
        mail = reply.mail
        found |= {
            "subject": (reply.received or mail).subject[:LONGEST_SHOWN],
            "from": mail.from_line[:LONGEST_SHOWN],
            "automatic": mail.automatic,
            "automatic_why": str(mail.automatic_why),
            "new_text": mail.new_text[:LONGEST_SHOWN],
            "auth_as": [value[:LONGEST_STAMP] for value in mail.auth_as[:5]],
            "auth_mechanism": [value[:LONGEST_STAMP] for value in mail.auth_mechanism[:5]],
        }
    if reply.line is not None:
        found |= {"ask": str(reply.line.ask.public_id), "request": reply.line.assignment.visit.request.number}
    if reply.process is not None:
        found["starts"] = reply.process.name
    if reply.lines:
        found["requests"] = sorted({line.assignment.visit.request.number for line in reply.lines})
    if reply.proof is not None:
        found["proof"] = reply.proof.as_json()
    if reply.answer is not None:
        found |= {
            "outcome": reply.answer.outcome,
            "comment": reply.answer.comment[:LONGEST_SHOWN],
            "rests_on": list(reply.answer.rests_on),
            "answers": dict(reply.answer.answers),
        }
        if reply.answer.completes and reply.line is not None and reply.line.completes is not None:
            found["completes_mail"] = reply.line.completes.incoming_id
    return {name: _without_codes(value, reply.code) for name, value in found.items()}


def _without_codes(value: Any, code: str) -> Any:
    match value:
        case str():
            return without_codes(value, code)
        case dict():
            return {name: _without_codes(one, code) for name, one in value.items()}
        case list() | tuple():
            return [_without_codes(one, code) for one in value]
    return value
