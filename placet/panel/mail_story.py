"""What was made of a mail, as a short story in the order in which it happened (`placet.replies.entry`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from placet.approvals.models import AskLine, Decision, Request, UndoneDecision
from placet.approvals.proofs import Level
from placet.approvals.record import DIGEST
from placet.lib.sentences import quoted
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.base import Action
from placet.panel.mail_words import APPLIED, FOLDERS, kind_of, refusals_of, result_of
from placet.portal.templatetags.pages import to_the_minute, words
from placet.replies import refusals
from placet.replies.settle import asked
from placet.replies.tell_start import STARTED

_ACTIONS = {
    Action.MOVE: gettext_lazy("Move to another folder"),
    Action.MARK_READ: gettext_lazy("Mark as read"),
    Action.DELETE: gettext_lazy("Delete"),
}
# Which step said no, by the key of the refusal.
_AUTOMATIC = frozenset(kind.key for kind in refusals_of(refusals.Automatic))
_INCOMPLETE = frozenset(kind.key for kind in refusals_of(refusals.Incomplete))
_NO_ASK = frozenset({refusals.NoCode.key, refusals.UnknownCode.key, refusals.CodesDisagree.key})
_NO_SENDER = frozenset(
    {
        refusals.SenderUnclear.key,
        refusals.NotTheOneAsked.key,
        refusals.NotProved.key,
        refusals.TooOld.key,
        refusals.MechanismNotConfirmed.key,
        refusals.StarterUnknown.key,
    }
)
_ASKED = frozenset({refusals.HelpAsked.key, refusals.StatusAsked.key, refusals.NotUndone.key})
_NOT_READ = frozenset({
    refusals.PageOnly.key, refusals.NotNamed.key, refusals.TooLarge.key, refusals.Sealed.key, refusals.Unclear.key,
    refusals.DigestUnclear.key, refusals.StartNotTaken.key, refusals.StartTwice.key,
})  # fmt: skip


@dataclass(frozen=True)
class Link:
    label: str
    href: str


@dataclass(frozen=True)
class Step:
    """One step. Text in `said` may be from strangers: it is escaped where it is shown."""

    title: str
    said: Sequence[str]
    tone: str = ""  # good, bad or warn: how its mark looks
    at: datetime | None = None
    links: Sequence[Link] = ()


def story(
    mail: IncomingMail, line: AskLine | None, told: Sequence[OutgoingMail], task: ServerTask | None
) -> list[Step]:
    """From "kept" to "marked on the server"; ends where it ended."""
    steps = [_kept(mail)]
    if mail.same_as is None:
        steps += _judged(mail, line)
        steps.append(_done(mail, line, told))
    if task is not None:
        steps.append(_marked(task))
    return steps


def _judged(mail: IncomingMail, line: AskLine | None) -> Iterator[Step]:
    """The steps between; those that were not reached are left out."""
    made, result = mail.verdict, mail.result
    if "automatic" in made:
        yield _automatic(made)
    if result in _NO_ASK:
        yield Step(_("Which ask does it answer?"), [mail.reason], "warn")
    if line is not None:
        yield _ask(line)
    if made.get("starts"):
        yield _starts(made, result)
    if result == refusals.WrongMailbox.key:
        yield Step(_("Does it count in this mailbox?"), _wrong_mailbox(mail), "warn")
    if result == refusals.TwoReadings.key:
        reason = _texts(made.get("refusal"), "reason")
        yield Step(_("Can it be read in one way only?"), [mail.reason, *reason], "warn")
    if result in _NO_SENDER:
        yield Step(_("Who sent it, and how do we know?"), _not_proved(mail), "warn")
    elif isinstance(made.get("proof"), Mapping) and made["proof"].get("address"):
        yield Step(_("Who sent it, and how do we know?"), _proof(made["proof"]), "good")
    if result in _NOT_READ:
        # The sentence of the refusal speaks to the sender.
        why = _texts(made.get("refusal"), "why") or [_told_sender(mail)]
        yield Step(_("What was read?"), why, "warn")
    elif "lines" in made:
        yield _read_lines(made["lines"])
    elif result == refusals.StartLacks.key:
        yield _lacks(made)
    elif "outcome" in made:
        yield _read(made, line)


def _kept(mail: IncomingMail) -> Step:
    said = [
        _(
            "From the folder “{folder}” of {mailbox}, as the server gave it, before anything was judged."
        ).format(folder=FOLDERS.get(mail.folder, mail.folder), mailbox=mail.mailbox.name)
    ]
    if mail.same_as is None:
        return Step(_("Kept"), said, at=mail.kept_at)
    said.append(_("The server had shown it before under another id: what was done then stands."))
    first = Link(_("The first time"), reverse("panel:incoming_mail", args=[mail.same_as.pk]))
    return Step(_("Shown again"), said, at=mail.kept_at, links=[first])


def _automatic(made: Mapping[str, Any]) -> Step:
    title = _("Did a program write it?")
    if not made["automatic"]:
        return Step(title, [_("No sign of it.")])
    kind, why = words(made["automatic"]), str(made.get("automatic_why", ""))
    if not why:
        return Step(title, [_("Yes: {kind}.").format(kind=kind)])
    return Step(title, [_("Yes, {kind}: {why}.").format(kind=kind, why=why)])


def _ask(line: AskLine) -> Step:
    request = line.assignment.visit.request
    said = _("Request {number}, “{title}”: it carries the reply code of the mail that asked {name}.").format(
        number=request.number, title=request.title, name=line.ask.person.name
    )
    page = reverse("portal:request", args=[request.public_id])
    return Step(_("Which ask does it answer?"), [said], "good", links=[Link(_("Open the request"), page)])


def _starts(made: Mapping[str, Any], result: str) -> Step:
    """Of a mail that starts a request, or is to."""
    said = _("It is to start a request of the process “{process}”, or brings what one lacked.").format(
        process=made["starts"]
    )
    request = Request.objects.filter(number=made.get("request") or 0).first() if result == STARTED else None
    page = [] if request is None else [reverse("portal:request", args=[request.public_id])]
    links = [Link(_("Open the request"), one) for one in page]
    return Step(_("What does it start?"), [said], "good" if request is not None else "", links=links)


def _lacks(made: Mapping[str, Any]) -> Step:
    refusal = made.get("refusal")
    wrong = refusal.get("wrong", ()) if isinstance(refusal, Mapping) else ()
    return Step(_("What is missing?"), [str(one) for one in wrong], "warn")


def _proof(proof: Mapping[str, Any]) -> list[str]:
    address = str(proof["address"])
    if proof.get("level") == Level.COLLEAGUE:
        said = _("Exchange says that a colleague sent it, signed in, from {address}.").format(address=address)
    elif proof.get("level") == Level.SUBMITTED:
        said = _("{address} sent it, signed in at our own mail server.").format(address=address)
    elif proof.get("level") == Level.SIGNED:
        return [
            _("{address} signed it with a key that is known here.").format(address=address),
            *_signed_with(proof),
        ]
    elif proof.get("checked_by") == "placet":
        return [
            _("The domain of {address} vouches for it: Placet checked its DKIM signature itself.").format(
                address=address
            ),
            *_small_key(proof),
        ]
    elif proof.get("level") == Level.OUTSIDE:
        said = _("The domain of {address} vouches for it: DMARC and DKIM passed.").format(address=address)
    else:
        said = _("From {address}.").format(address=address)
    return [said]


def _small_key(proof: Mapping[str, Any]) -> Iterator[str]:
    if proof.get("small_key"):
        yield _(
            "Its key has {bits} bits only: whoever runs that domain should sign with one of 2048 bits (RFC 8301)."
        ).format(bits=proof["small_key"])


def _signed_with(proof: Mapping[str, Any]) -> Iterator[str]:
    """What the signature rests on, as it was kept."""
    said = _("{scheme}, fingerprint {fingerprint}.")
    yield said.format(scheme=proof.get("signature", ""), fingerprint=proof.get("key_fingerprint", ""))
    if proof.get("certificate_issuer"):
        certificate = _("Certificate {serial} by {issuer}.")
        yield certificate.format(
            serial=proof.get("certificate_serial", ""), issuer=proof["certificate_issuer"]
        )
    if proof.get("signed_at"):
        yield _("Signed, as it says itself, on {time}.").format(time=_time(str(proof["signed_at"])))


def _time(iso: str) -> str:
    """In the reader's zone; as it is where it is none."""
    try:
        at = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return to_the_minute(at) if timezone.is_aware(at) else iso


def _wrong_mailbox(mail: IncomingMail) -> list[str]:
    asked_from = _texts(mail.verdict.get("refusal"), "asked_from")
    if not asked_from:
        return [mail.reason]
    where = _("Its ask went out from {address}, and was to be answered there.").format(address=asked_from[0])
    cure = _(
        "If both mailboxes belong to your organisation's Exchange, say so in the settings of one of them: Remote "
        "Approval, More settings, Mailboxes of the same organisation. Then have the person answer again."
    )
    return [mail.reason, where, cure]


def _not_proved(mail: IncomingMail) -> list[str]:
    facts = mail.verdict.get("refusal")
    found = _texts(facts, "reason") + _texts(facts, "problem")
    if address := _texts(facts, "address"):
        found.append(_("It says that it comes from {address}.").format(address=address[0]))
    if mechanism := _texts(facts, "mechanism"):
        found.append(_("Exchange names the mechanism {value}.").format(value=mechanism[0]))
    return [mail.reason, *found]


def _texts(facts: object, name: str) -> list[str]:
    """What is kept with the refusal under this name, if it is there."""
    value = facts.get(name) if isinstance(facts, Mapping) else None
    return [str(value)] if value else []


def _told_sender(mail: IncomingMail) -> str:
    return _("In words for the sender: “{sentence}”").format(sentence=mail.reason)


def _read(made: Mapping[str, Any], line: AskLine | None) -> Step:
    said = [_("As: {outcome}.").format(outcome=words(made["outcome"]))]
    if rests_on := quoted(made.get("rests_on", [])):
        said.append(_("It rests on: {words}").format(words=rests_on))
    if made.get("comment"):
        said.append(_("Comment: {text}").format(text=made["comment"]))
    answers = made.get("answers")
    if isinstance(answers, Mapping):
        titles = _questions(line)
        said += [
            _("{question}: {answer}").format(question=titles.get(name, name), answer=text)
            for name, text in answers.items()
        ]
    links = []
    if earlier := made.get("completes_mail"):
        said.append(_("It gives what an earlier answer lacked, whose outcome counts."))
        links.append(Link(_("The earlier answer"), reverse("panel:incoming_mail", args=[earlier])))
    return Step(_("What was read?"), said, "good", links=links)


def _questions(line: AskLine | None) -> dict[str, str]:
    """By name, each as the mail that asked it shows it."""
    return {one.field.name: one.title for one in asked(line)} if line is not None else {}


def _read_lines(lines: Sequence[Mapping[str, Any]]) -> Step:
    """What a reply to a digest says of each line that it names."""
    said = []
    for one in lines:
        sentence = _("[{line}] Request {number}: {outcome}, from “{words}”.")
        said.append(
            sentence.format(
                line=one["line"], number=one["request"], outcome=words(one["outcome"]), words=one["words"]
            )
        )
        if one["comment"]:
            said.append(_("Comment: {text}").format(text=one["comment"]))
    return Step(_("What was read?"), said, "good")


def _became_of_lines(mail: IncomingMail) -> list[str]:
    """Of how many lines the answer counted; the record of each request says why another did not."""
    # With those that were taken back since: they counted.
    counted = sum(model.objects.filter(incoming=mail).count() for model in (Decision, UndoneDecision))
    number = len(mail.verdict.get("lines", ()))
    applied = ngettext("{n} answer was applied.", "{n} answers were applied.", counted).format(n=counted)
    left = number - counted
    if not left:
        return [applied]
    not_applied = ngettext(
        "{n} was not: it was decided, withdrawn or changed before.",
        "{n} were not: they were decided, withdrawn or changed before.",
        left,
    )
    return [applied, not_applied.format(n=left)]


def _done(mail: IncomingMail, line: AskLine | None, told: Sequence[OutgoingMail]) -> Step:
    """What came of it, and who was told."""
    title, links = _("What was done?"), [_told(one) for one in told]
    if mail.state == IncomingMail.State.KEPT:
        return Step(title, [_("Nothing yet: the mail waits to be taken in.")])
    if mail.state == IncomingMail.State.SET_ASIDE:
        said = [mail.reason, _("It was set aside: nothing was decided, and nobody was told.")]
        return Step(title, said, "bad", mail.handled_at, links)
    if mail.result == DIGEST:
        return Step(title, [mail.reason, *_became_of_lines(mail)], "good", mail.handled_at, links)
    if mail.result in APPLIED:
        return Step(title, [mail.reason], "good", mail.handled_at, links)
    said = [_("It was not applied ({result}).").format(result=result_of(mail))]
    if mail.result in _ASKED:
        said = [_("It asks for something and answers nothing ({result}).").format(result=result_of(mail))]
    if mail.result in _INCOMPLETE and told:
        said.append(mail.reason)
    if mail.result in _AUTOMATIC:
        said = [_("It was not read for an answer, and is not answered.")]
    elif not told:
        said.append(_("Nobody was told."))
    return Step(title, said, "warn" if line is not None else "", mail.handled_at, links)


def _told(mail: OutgoingMail) -> Link:
    label = _("Mail to {address}: {kind}").format(address=mail.to, kind=kind_of(mail))
    return Link(label, reverse("panel:outgoing_mail", args=[mail.pk]))


def _marked(task: ServerTask) -> Step:
    title = _("On the server")
    what = str(_ACTIONS[Action(task.action)])
    if task.folder:
        what = _("Move to the folder “{folder}”").format(folder=task.folder)
    if task.done_at:
        return Step(title, [_("{what}: done.").format(what=what)], "good", task.done_at)
    if task.failed:
        return Step(title, [_("{what}: failed.").format(what=what), task.last_error], "bad")
    return Step(title, [_("{what}: still to be done.").format(what=what)])
