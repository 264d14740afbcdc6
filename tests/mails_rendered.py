"""Every kind of mail that Placet sends, with what might stand in it: for tests, and for people to look at.

Needs a migrated database and leaves nothing in it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import count
from pathlib import Path
from typing import Any

from allauth.core.context import request_context
from django.db import transaction
from django.test import RequestFactory, override_settings
from django.utils import timezone
from django.utils.translation import gettext as _

from placet.accounts import delegations
from placet.accounts.adapter import Adapter
from placet.accounts.addresses import add_person
from placet.accounts.general import general
from placet.accounts.invitations import invite, send_password_link
from placet.accounts.models import Group, Installation, Person, RevocationList
from placet.accounts.reader import as_read_by
from placet.alarms import checkpoints
from placet.alarms import messages as alarm_messages
from placet.alarms.models import Outage
from placet.api import key_mails
from placet.api.models import Key
from placet.approvals import (
    clarification_mails,
    delegate_mails,
    delegating,
    digest_mails,
    digesting,
    digests,
    engine,
    engine_asks,
    engine_clarifications,
    engine_errors,
    engine_escalation,
    escalation_mails,
    messages,
    reassigning,
    start_mails,
    stop_mails,
    undo_mails,
    undoing,
)
from placet.approvals.definitions import definition_of
from placet.approvals.digest_mails import LineTold
from placet.approvals.engine_clarifications import Written
from placet.approvals.models import (
    Ask,
    AskLine,
    Assignment,
    Clarification,
    Decision,
    Delegate,
    MailedStart,
    Request,
    Timer,
    Version,
)
from placet.approvals.processes import publish
from placet.approvals.proofs import Level
from placet.audit.models import AuditEntry, Checkpoint
from placet.commands.process import SAMPLES
from placet.lib.sentences import Sentence
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import store
from placet.mailboxes.base import Folder, Received
from placet.mailboxes.models import Mailbox
from placet.mailboxes.secrets import CERTIFICATE
from placet.mailboxes.settings import MailboxSettings
from placet.replies import refusals, settle_digest, settle_give, tell, tell_digest
from placet.replies.entry import Reply, known_words, walk
from placet.replies.parse import OwnMail, parse
from placet.replies.pick import Picked, _lines_of
from placet.replies.prove import Proof
from placet.replies.read_digest import reading_of
from placet.replies.read_likely import Likely
from placet.replies.read_result import Answer
from placet.replies.tell_limits import last_of_the_hour
from placet.webhooks import telling
from placet.webhooks.models import Endpoint
from tests.once import Together

_NUMBERS = count(1)

TEXTS = {
    "en": {
        "process": "Purchase request",
        "item": "What do you need?",
        "amount": "Amount",
        "contract": "Signed contract",
        "until": "Needed until",
        "urgent": "Is it urgent?",
        "reason": "Why?",
        "manager": "Manager",
        "finance": "Finance",
        "approved": "Approved",
        "rejected": "Rejected",
        "title": "Height-adjustable desk for the new office",
        "because": "The old one broke.\nThe supplier gives 5 % until Friday; see the offer of last week.",
        "comment": "Fine, go ahead, but watch the budget.",
        "unclear": "Which of the two desks is it?\nI would rather see both offers first.",
        "name": "Alice Requester",
        "approve": "Approve",
        "wrong": "“Q1 Cost centre”: This needs an answer.",
        "no_file": "“Signed contract”: Please add a file.",
        "understood": "“Q2 Colour”: Red",
        "changes": "Needs changes",
        "account": "Account",
        "delivery": "Day of delivery",
        "who": "Who takes it over?",
    },
    "fr": {
        "process": "Demande d’achat",
        "item": "De quoi avez-vous besoin\N{NO-BREAK SPACE}?",
        "amount": "Montant",
        "contract": "Contrat signé",
        "until": "Nécessaire avant le",
        "urgent": "Est-ce urgent\N{NO-BREAK SPACE}?",
        "reason": "Pourquoi\N{NO-BREAK SPACE}?",
        "manager": "Responsable",
        "finance": "Finances",
        "approved": "Demande approuvée",
        "rejected": "Demande refusée",
        "title": "Bureau réglable en hauteur pour le nouveau local",
        "because": "L’ancien est cassé.\n"
        "Le fournisseur accorde 5\N{NO-BREAK SPACE}% jusqu’à vendredi, voir l’offre de la semaine dernière.",
        "comment": "D’accord, mais attention au budget.",
        "unclear": "Duquel des deux bureaux s’agit-il\N{NO-BREAK SPACE}?\nJ’aimerais d’abord voir les deux offres.",
        "name": "Alice Demandeuse",
        "approve": "Approuver",
        "wrong": "«\N{NO-BREAK SPACE}Q1 Centre de coûts\N{NO-BREAK SPACE}»\N{NO-BREAK SPACE}: "
        "Une réponse est nécessaire ici.",
        "no_file": "«\N{NO-BREAK SPACE}Contrat signé\N{NO-BREAK SPACE}»\N{NO-BREAK SPACE}: "
        "Veuillez ajouter un fichier.",
        "understood": "«\N{NO-BREAK SPACE}Q2 Couleur\N{NO-BREAK SPACE}»\N{NO-BREAK SPACE}: Rouge",
        "changes": "À modifier",
        "account": "Compte",
        "delivery": "Jour de livraison",
        "who": "Qui le prend en charge\N{NO-BREAK SPACE}?",
    },
}


@dataclass
class Scene:
    """People, a mailbox and a process, all in one language."""

    language: str
    mailbox: Mailbox
    alice: Person
    bob: Person
    carol: Person
    ada: Person
    version: Version

    @property
    def texts(self) -> dict[str, str]:
        return TEXTS[self.language]

    def request(self) -> Request:
        entered = {
            "item": self.texts["title"],
            "amount": "1250.00",
            "until": "2026-12-31",
            "urgent": "yes",
            "reason": self.texts["because"],
        }
        return engine.start(self.version, self.alice, entered)

    def asked(self, person: Person) -> Assignment:
        waiting = Assignment.objects.filter(person=person, state=Assignment.State.OPEN)
        return waiting.select_related("visit__request").latest("pk")


def every_mail(language: str) -> Iterator[tuple[str, str, str]]:
    """(name, HTML, text) of each kind, as somebody of this language gets it."""
    for _kind, name, raw in _raw(language):
        yield name, *_parts(raw)


def raw_mails(language: str) -> dict[str, bytes]:
    """The bytes of one mail of each kind, by the kind's key."""
    return {kind: raw for kind, _name, raw in _raw(language)}


def raw_mails_once(language: str, together: Together) -> Mapping[str, bytes]:
    """The same, written once for all processes of a run: that takes five seconds of a processor."""
    return {kind: raw for kind, _name, raw in _raw_once(language, together)}


def every_mail_once(language: str, together: Together) -> Mapping[str, tuple[str, str]]:
    """HTML and text of each, by its name, out of the same mails."""
    return {name: _parts(raw) for _kind, name, raw in _raw_once(language, together)}


def _raw(language: str) -> list[tuple[str, str, bytes]]:
    """Kind, name and bytes of each. Nothing is left behind in the database."""
    before = OutgoingMail.objects.count()
    # pytest-django puts another backend in place of ours.
    with override_settings(EMAIL_BACKEND="placet.mail.backend.OutboxBackend"), transaction.atomic():
        mails = [(mail.kind, name, bytes(mail.raw)) for name, mail in _queued(language)]
        transaction.set_rollback(True)
    assert OutgoingMail.objects.count() == before, "nothing is left behind"
    return mails


def _raw_once(language: str, together: Together) -> list[tuple[str, str, bytes]]:
    def write(folder: Path) -> None:
        for number, (kind, name, raw) in enumerate(_raw(language)):
            (folder / f"{number:03} {kind} {name}").write_bytes(raw)

    files = sorted(together.files(f"mails-{language}", write).iterdir())
    kinds_and_names = [file.name.split(" ", 2)[1:] for file in files]
    return [
        (kind, name, file.read_bytes()) for file, (kind, name) in zip(files, kinds_and_names, strict=True)
    ]


def shipped_ask() -> bytes:
    """An ask of the process that comes with Placet."""
    with override_settings(EMAIL_BACKEND="placet.mail.backend.OutboxBackend"), transaction.atomic():
        version = publish((SAMPLES / "purchase.yaml").read_text())
        entered = {"item": TEXTS["en"]["title"], "amount": "1250.00", "reason": TEXTS["en"]["because"]}
        engine.start(version, _scene("en").alice, entered)
        mail = OutgoingMail.objects.filter(kind="ask").latest("pk")
        transaction.set_rollback(True)
    return bytes(mail.raw)


def recorded(language: str) -> list[dict[str, Any]]:
    """What the audit entries say that come of these mails, in their order."""
    with override_settings(EMAIL_BACKEND="placet.mail.backend.OutboxBackend"), transaction.atomic():
        list(_queued(language))
        entries = list(AuditEntry.objects.order_by("pk").values_list("what", flat=True))
        transaction.set_rollback(True)
    return entries


def _parts(raw: bytes) -> tuple[str, str]:
    """HTML and text."""
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return _part(message, "html"), _part(message, "plain")


def _queued(language: str) -> Iterator[tuple[str, OutgoingMail]]:
    scene = _scene(language)
    for name, write in KINDS.items():
        before = OutgoingMail.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        kind = write(scene)
        mail = OutgoingMail.objects.filter(pk__gt=before, kind=kind).order_by("pk").last()
        assert mail is not None, name
        yield name, mail


def _part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def _scene(language: str) -> Scene:
    texts = TEXTS[language]
    Installation.objects.update_or_create(
        id=1,
        defaults={
            "organisation": "Contoso",
            "home_url": "https://contoso.example/",
            "terms_url": "https://contoso.example/terms",
            "privacy_url": "https://contoso.example/privacy",
            "language": language,
        },
    )
    entered = {"username": f"approvals@{_DOMAIN}", "client_id": _CLIENT, "token_uri": _TOKENS, "active": True}
    mailbox = store.save(
        entered, secrets={"client_secret": "Q8x~a-secret-of-the-sample-mails"}, by="ada"
    ).mailbox
    Mailbox.objects.exclude(pk=mailbox.pk).update(active=False)
    bob = _person("Bob Manager", "bob", language)
    alice = _person(texts["name"], "alice", language, manager=bob)
    carol, ada = _person("Carol Finance", "carol", language), _person("Ada Admin", "ada", language)
    ada.is_administrator = True
    ada.save()
    group, _ = Group.objects.get_or_create(key="finance", defaults={"name": "Finance"})
    group.members.set([carol])
    return Scene(language, mailbox, alice, bob, carol, ada, publish(_definition(texts)))


_DOMAIN = "mails.example"
_CLIENT = "535fb089-9ff3-47b6-9bfb-4f1264799865"
_TOKENS = f"https://login.microsoftonline.com/{_DOMAIN}/oauth2/v2.0/token"


def _person(name: str, local: str, language: str, manager: Person | None = None) -> Person:
    person = add_person(name, f"{local}@{_DOMAIN}", manager=manager, password="correct horse battery")
    person.language, person.zone = language, "Europe/Paris"
    person.save()
    return person


def _definition(texts: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "key": "sample-mails",
        "name": texts["process"],
        "title": "{item}",
        "form": [
            {"name": "item", "label": texts["item"], "type": "text"},
            {"name": "amount", "label": texts["amount"], "type": "money", "currency": "EUR"},
            {"name": "until", "label": texts["until"], "type": "date"},
            {"name": "urgent", "label": texts["urgent"], "type": "yes_no"},
            {"name": "reason", "label": texts["reason"], "type": "long_text"},
        ],
        "start": "manager",
        "steps": {
            "manager": {"kind": "approval", "name": texts["manager"], "ask": [{"manager": True}]},
            "finance": {"kind": "approval", "name": texts["finance"], "ask": [{"group": "finance"}]},
            "approved": {"kind": "end", "name": texts["approved"], "result": "approved"},
            "rejected": {"kind": "end", "name": texts["rejected"], "result": "rejected"},
        },
        "transitions": [
            {"from": "manager", "outcome": "approve", "to": "finance"},
            {"from": "manager", "outcome": "reject", "to": "rejected"},
            {"from": "finance", "outcome": "approve", "to": "approved"},
            {"from": "finance", "outcome": "reject", "to": "rejected"},
        ],
        **more,
    }


# --- the kinds ----------------------------------------------------------------------------------------------


def _ask(scene: Scene) -> str:
    scene.request()
    return "ask"


def _ask_on_the_page(scene: Scene) -> str:
    version = publish(_definition(scene.texts, proof="page"))
    Scene(**{**vars(scene), "version": version}).request()
    return "ask"


def _ask_for_a_file(*, task: bool) -> "Any":
    """What grants needs a file, which the page alone takes; with a rejection beside it, or nothing else."""

    def write(scene: Scene) -> str:
        contract = {"name": "contract", "label": scene.texts["contract"], "type": "files"}
        plain = _definition(scene.texts, start_form={"hide": ["contract"]})
        plain["form"].append(contract)
        plain["steps"]["manager"] |= {"form": {"fill": ["contract"], "require": ["contract"]}}
        if task:
            plain["steps"]["manager"]["kind"] = "task"
            plain["transitions"][:2] = [{"from": "manager", "outcome": "done", "to": "finance"}]
        Scene(**{**vars(scene), "version": publish(plain)}).request()
        return "ask"

    return write


def _ask_to_do(scene: Scene) -> str:
    """A task with something to fill in, beside an approval that asks a question."""
    Scene(**{**vars(scene), "version": publish(_side_by_side(scene))}).request()
    return "ask"


def _ask_about_changes(scene: Scene) -> str:
    """Bob is asked once more, after Carol entered another amount."""
    Scene(**{**vars(scene), "version": publish(_side_by_side(scene))}).request()
    entered = {"amount": "1300", "until": "2027-01-31"}
    engine.decide(
        scene.asked(scene.carol).pk,
        by=scene.carol,
        outcome="done",
        channel=Decision.Channel.PAGE,
        entered=entered,
    )
    return "ask"


def _sent_back(scene: Scene) -> None:
    """Bob sends the request back, beside whom Carol approved it."""
    plain = _side_by_side(scene)
    changes = {
        "key": "changes", "label": scene.texts["changes"], "grants": False, "comment": "required",
        "returns": "requester",
    }  # fmt: skip
    steps, ways = plain["steps"], plain["transitions"]
    steps["manager"] = {**steps["manager"], "outcomes": ["approve", changes, "reject"]}
    del steps["manager"]["questions"]
    steps["finance"] = {**steps["finance"], "kind": "approval", "form": {"hide": ["until", "amount"]}}
    ways[-1] = {"from": "finance", "outcome": "approve", "ends_branch": "approved"}
    ways.append({"from": "finance", "outcome": "reject", "ends_branch": "rejected"})
    Scene(**{**vars(scene), "version": publish(plain)}).request()
    _page_answer(scene, scene.carol, "approve")
    _page_answer(scene, scene.bob, "changes", scene.texts["unclear"])


def _page_answer(scene: Scene, by: Person, outcome: str, comment: str = "", **entered: str) -> None:
    engine.decide(
        scene.asked(by).pk,
        by=by,
        outcome=outcome,
        comment=comment,
        channel=Decision.Channel.PAGE,
        entered=entered,
    )


def _ask_to_revise(scene: Scene) -> str:
    _sent_back(scene)
    return "ask"


def _ask_about_what_was_revised(scene: Scene) -> str:
    """Bob is asked once more, with what Alice changed and what she says; Carol's approval still holds."""
    _sent_back(scene)
    _page_answer(scene, scene.alice, "revised", scene.texts["comment"], amount="990", until="2027-01-31")
    return "ask"


def _ask_with_a_deadline(scene: Scene) -> str:
    plain = _definition(scene.texts)
    plain["steps"]["manager"] |= {"due": {"field": "until"}, "expire": {"after": "2 working days"}}
    plain["transitions"].append({"from": "manager", "outcome": "expired", "to": "rejected"})
    Scene(**{**vars(scene), "version": publish(plain)}).request()
    return "ask"


def _reminder(scene: Scene) -> str:
    _ask_with_a_deadline(scene)
    asked = scene.asked(scene.bob)
    request = asked.visit.request
    engine_asks.ask(request, definition_of(request.version), asked, again=True, reminder=True)
    return "ask"


def _digest(scene: Scene) -> str:
    """Bob is asked three things, and a fourth on the page."""
    Person.objects.filter(pk=scene.bob.pk).update(in_digests=True)
    timed = _definition(scene.texts)
    timed["steps"]["manager"] |= {"due": "9 working days", **_needing_a_comment(scene)}
    timed["transitions"].append({"from": "manager", "outcome": "changes", "to": "rejected"})
    paged = _definition(scene.texts, key="sample-on-the-page", proof="page")
    for plain in (_definition(scene.texts), timed, _definition(scene.texts), paged):
        Scene(**{**vars(scene), "version": publish(plain)}).request()
    Person.objects.filter(pk=scene.bob.pk).update(in_digests=False)
    digests.release(scene.bob)
    digesting.work(scene.bob.pk)
    return "digest"


def _needing_a_comment(scene: Scene) -> dict[str, Any]:
    changes = {"key": "changes", "label": scene.texts["changes"], "grants": False, "comment": "required"}
    return {
        "outcomes": ["approve", changes, {"key": "reject", "comment": "required"}],
        "rule": [{"reject": "any"}, {"changes": "any"}, {"approve": "all"}],
        "otherwise": "reject",
    }


def _digest_reply(scene: Scene, text: str) -> Reply:
    _digest(scene)
    lines = list(_lines_of([Ask.objects.latest("pk").code_hash]))
    reply = _reply_to(scene, lines[0])
    assert reply.mail is not None
    reply.lines, reply.mail = lines, replace(reply.mail, new_text=text)
    return reply


def _digest_unclear(scene: Scene) -> str:
    reply = _digest_reply(scene, f"1 {scene.texts['approve']}\n2-3 {scene.texts['unclear']}\n9 ok")
    assert reply.mail is not None
    reading = reading_of(reply.mail, settle_digest.asked(reply.lines), known_words())
    unclear = refusals.DigestUnclear(reply.mail.new_text, reading.problem, reading.entries)
    tell.refused(reply, unclear, tell_digest.refused)
    return "refusal-digest_unclear"


def _digest_help(scene: Scene) -> str:
    tell.refused(_digest_reply(scene, "?"), refusals.HelpAsked(), tell_digest.refused)
    return "refusal-help_asked"


def _digest_confirmation(scene: Scene) -> str:
    reply = _digest_reply(scene, f"1,3 {scene.texts['approve']}")
    assert reply.mail is not None and reply.proof is not None
    answers = reading_of(reply.mail, settle_digest.asked(reply.lines), known_words()).answers
    picked = Picked(reply.lines[0], reply.code, (), tuple(reply.lines))
    engine.withdraw(reply.lines[2].assignment.visit.request_id, scene.alice)
    logged = tell_digest.logged(reply, answers)
    tell_digest.applied(reply, settle_digest.apply(picked, answers, reply.proof, reply.incoming, logged))
    return "confirmation"


def _digest_taken_back(scene: Scene) -> str:
    """Bob is asked in digests, so the next one asks again."""
    reply = _digest_reply(scene, "")
    with as_read_by(scene.bob):
        lines = [LineTold(line, _("taken back")) for line in reply.lines[:2]]
    digest_mails.undone(reply.incoming, scene.bob, lines, "", is_collected=True)
    return "undone"


def _asked_in_digests_again(scene: Scene) -> str:
    """One that Bob took back, and another one."""
    reply = _reply(scene)
    with _undoing(scene):
        decision = _decided(reply, scene.bob, "approve", "")
        Person.objects.filter(pk=scene.bob.pk).update(in_digests=True)
        undoing.undo(decision.assignment_id, scene.bob)
        scene.request()
        Person.objects.filter(pk=scene.bob.pk).update(in_digests=False)
        digests.release(scene.bob)
        digesting.work(scene.bob.pk)
    return "digest"


def _last_of_the_hour(refusal: refusals.Refusal, *, to_digest: bool = False) -> "Any":
    def write(scene: Scene) -> str:
        reply = _digest_reply(scene, "?") if to_digest else _reply(scene)
        more = (replace(reply.settings, refusals_per_hour=number) for number in range(1, 100))
        reply.settings = next(one for one in more if last_of_the_hour(replace(reply, settings=one), refusal))
        tell.refused(reply, refusal, tell_digest.refused if to_digest else None)
        return f"refusal-{refusal.key}"

    return write


def _escalating(scene: Scene, how: str) -> Timer:
    """Carol is asked, too, or in Bob's place, because he did not answer."""
    plain = _definition(scene.texts)
    rung = {"when": "1 working day after", how: [{"person": scene.carol.email}]}
    expire = {"after": "3 working days", "warn": "4 working hours before"}
    plain["steps"]["manager"] |= {"due": "2 working days", "escalate": [rung], "expire": expire}
    plain["transitions"].append({"from": "manager", "outcome": "expired", "to": "rejected"})
    Scene(**{**vars(scene), "version": publish(plain)}).request()
    visit = scene.asked(scene.bob).visit
    timer = Timer.objects.select_related("visit__request").get(visit=visit, what="escalate")
    timer.visit.request = visit.request
    return timer


def _escalated(how: str, kind: str) -> Any:
    def write(scene: Scene) -> str:
        rung = _escalating(scene, how)
        Timer.objects.filter(pk=rung.pk).update(state="acted", acted_at=timezone.now())
        definition = definition_of(rung.visit.request.version)
        assert engine_escalation.escalate(rung.visit.request, definition, rung)
        return kind

    return write


def _not_escalated(scene: Scene) -> str:
    rung = _escalating(scene, "also")
    with as_read_by(scene.ada):
        reason = str(Sentence("nobody in the group “{group}” can be asked", group="heads"))
    escalation_mails.nobody_else(rung.visit.request, rung.visit, rung, reason)
    return "not-escalated"


def _warned(scene: Scene) -> str:
    visit = _escalating(scene, "also").visit
    end = Timer.objects.get(visit=visit, what="expire")
    escalation_mails.warned(visit.request, definition_of(visit.request.version), visit, end)
    return "warned"


def _warning(scene: Scene) -> str:
    visit = _escalating(scene, "also").visit
    asked = scene.asked(scene.bob)
    engine_asks.ask(visit.request, definition_of(visit.request.version), asked, again=True, warning=True)
    return "ask"


def _ask_in_place(scene: Scene) -> str:
    """Bob gives it to Carol."""
    _gives(scene)
    return "ask"


def _gives(scene: Scene) -> Delegate:
    scene.request()
    return delegating.give(scene.asked(scene.bob).pk, scene.bob, scene.carol, scene.texts["comment"])


def _ask_with_a_delegate(scene: Scene) -> str:
    """Carol answers for Bob until some day; his own mail says so, and hers, which comes last."""
    now = timezone.now()
    wanted = delegations.Wanted(scene.carol, now, now + timedelta(days=9))
    made = delegations.make(scene.bob, wanted, scene.bob)
    scene.request()
    delegations.end(made.pk, scene.bob)
    return "ask"


def _answered_for(scene: Scene) -> str:
    seat = _gives(scene).assignment
    engine.decide(
        seat.pk,
        by=scene.carol,
        outcome="approve",
        comment=scene.texts["comment"],
        channel=Decision.Channel.PAGE,
    )
    return "answered-for"


def _given(scene: Scene) -> str:
    reply = _reply(scene)
    assert reply.line is not None
    row = delegating.give(reply.line.assignment_id, scene.bob, scene.carol, scene.texts["comment"])
    delegate_mails.given(reply.line.assignment.visit.request, row, reply.incoming, "")
    return "given"


def _reassigned(kind: str) -> Any:
    """Ada has Carol asked in Bob's place."""

    def write(scene: Scene) -> str:
        seat = scene.asked(scene.bob) if scene.request() else None
        assert seat is not None
        reassigning.reassign(seat.pk, scene.ada, scene.carol, scene.texts["comment"])
        return kind

    return write


def _hand_on(scene: Scene) -> str:
    seat = scene.asked(scene.bob) if scene.request() else None
    assert seat is not None
    delegate_mails.hand_on(seat.visit.request, seat, scene.carol)
    return "hand-on"


def _hand_on_of_a_delegate(scene: Scene) -> str:
    seat = scene.asked(scene.bob) if scene.request() else None
    assert seat is not None
    delegate_mails.hand_on(seat.visit.request, seat, scene.carol, scene.alice)
    return "hand-on"


def _not_given(scene: Scene) -> str:
    reply = _reply(scene)
    assert reply.line is not None
    with as_read_by(scene.bob):
        seat = delegating.seat_to_look_at(reply.line.assignment)
        said = settle_give.who_may_be_meant("Carol", [], seat, scene.bob)
    tell.refused(reply, refusals.NotGiven(said))
    return "refusal-not_given"


def _expired(scene: Scene) -> str:
    _ask_with_a_deadline(scene)
    asked = scene.asked(scene.bob)
    messages.expired(asked.visit.request, asked, scene.bob, timezone.now())
    return "expired"


def _question_back(proof: str = "colleague") -> Callable[[Scene], str]:
    def written(scene: Scene) -> str:
        _asked_back(scene, proof)
        return "clarification"

    return written


def _asked_back(scene: Scene, proof: str = "colleague") -> Clarification:
    """Bob asks Alice something; the time stands still."""
    plain = _definition(scene.texts, proof=proof)
    plain["steps"]["manager"] |= {"due": "3 working days"}
    Scene(**{**vars(scene), "version": publish(plain)}).request()
    return engine.ask_back(scene.asked(scene.bob).pk, scene.bob, Written(scene.texts["unclear"]))


def _clarified(scene: Scene) -> str:
    clarification = _asked_back(scene)
    engine.clarify(clarification.pk, scene.alice, Written(scene.texts["because"]))
    return "ask"


def _unclarified(scene: Scene) -> str:
    visit = _asked_back(scene).visit
    engine_clarifications.give_up(visit.request, definition_of(visit.request.version), visit)
    return "ask"


def _question_needless(scene: Scene) -> str:
    _asked_back(scene)
    engine.decide(scene.asked(scene.bob).pk, by=scene.bob, outcome="reject", channel=Decision.Channel.PAGE)
    return "clarification-needless"


def _question_sent(scene: Scene) -> str:
    reply = _reply(scene)
    clarification = _asked_back(scene)
    clarification_mails.asked(reply.incoming, clarification, "x@mails.example")
    return "clarification-asked"


def _answer_sent(scene: Scene) -> str:
    reply = _reply(scene)
    clarification = engine.clarify(_asked_back(scene).pk, scene.alice, Written(scene.texts["because"]))
    clarification_mails.taken(reply.incoming, clarification, "x@mails.example")
    return "clarification-taken"


def _ask_with_questions(scene: Scene) -> str:
    """Bob is asked for an answer of the process's own, which needs a comment, and three questions."""
    Scene(**{**vars(scene), "version": publish(_with_questions(scene))}).request()
    return "ask"


def _not_needed(scene: Scene) -> str:
    """Carol is told that Bob has rejected beside her."""
    both = _side_by_side(scene)
    both["steps"]["both"]["result"][0]["cancel"] = "others"
    Scene(**{**vars(scene), "version": publish(both)}).request()
    asked, answers = scene.asked(scene.bob), {"pay": "12"}
    engine.decide(
        asked.pk, by=scene.bob, outcome="reject", comment=scene.texts["comment"], channel=Decision.Channel.PAGE,
        answers=answers,
    )  # fmt: skip
    return "not-needed"


def _with_questions(scene: Scene) -> dict[str, Any]:
    said, plain = scene.texts, _definition(scene.texts)
    changes = {"key": "changes", "label": said["changes"], "grants": False, "comment": "required"}
    plain["steps"]["manager"] |= {
        "questions": [
            {"name": "pay", "label": said["account"], "type": "number", "digits": 0, "required": True},
            {"name": "on", "label": said["delivery"], "type": "date"},
            {"name": "who", "label": said["who"], "type": "person"},
        ],
        "outcomes": ["approve", changes, {"key": "reject", "comment": "required"}],
        "rule": [{"reject": "any"}, {"changes": "any"}, {"approve": "all"}],
        "otherwise": "reject",
    }
    plain["transitions"].append({"from": "manager", "outcome": "changes", "to": "rejected"})
    return plain


def _side_by_side(scene: Scene) -> dict[str, Any]:
    plain = _definition(scene.texts)
    steps = plain["steps"]
    question = {"name": "pay", "label": scene.texts["amount"], "type": "number", "required": True}
    return {
        **plain, "start": "both",
        "steps": {
            **steps,
            "both": {
                "kind": "parallel", "name": "Both", "branches": {key: {"start": key} for key in ("manager", "finance")},
                "result": [{"rejected": "any"}, {"approved": "all"}], "otherwise": "rejected",
            },
            "manager": {**steps["manager"], "questions": [question]},
            "finance": {
                **steps["finance"], "kind": "task", "form": {"fill": ["amount", "until"], "require": ["until"]},
            },
        },
        "transitions": [
            {"from": "both", "outcome": "approved", "to": "approved"},
            {"from": "both", "outcome": "rejected", "to": "rejected"},
            {"from": "manager", "outcome": "approve", "ends_branch": "approved"},
            {"from": "manager", "outcome": "reject", "ends_branch": "rejected"},
            {"from": "finance", "outcome": "done", "ends_branch": "approved"},
        ],
    }  # fmt: skip


def _confirmation(scene: Scene) -> str:
    reply = _reply(scene)
    decision = _decided(reply, scene.bob, "approve", scene.texts["comment"])
    messages.confirmation(reply.incoming, decision, "", "")
    return "confirmation"


def _confirmation_that_can_be_undone(scene: Scene) -> str:
    reply = _reply(scene)
    with _undoing(scene):
        decision = _decided(reply, scene.bob, "approve", scene.texts["comment"])
        messages.confirmation(reply.incoming, decision, "", "abcdefghijklmnop")
    return "confirmation"


def _undone(scene: Scene) -> str:
    reply = _reply(scene)
    with _undoing(scene):
        decision = _decided(reply, scene.bob, "approve", "")
        undo_mails.undone(reply.incoming, undoing.undo(decision.assignment_id, scene.bob), "")
    return "undone"


@contextmanager
def _undoing(scene: Scene) -> Iterator[None]:
    """What the request runs on lets answers be undone."""
    version = scene.asked(scene.bob).visit.request.version
    before = version.definition
    Version.objects.filter(pk=version.pk).update(definition={**before, "undo": "10 minutes"})
    yield
    Version.objects.filter(pk=version.pk).update(definition=before)


def _not_undone(scene: Scene) -> str:
    until = timezone.now() - timedelta(minutes=5)
    late = engine_errors.NotUndone(Sentence(), until=until, since=until + timedelta(minutes=1))
    with as_read_by(scene.bob):
        said = undo_mails.why_it_stands(late)
    return str(_refused(refusals.NotUndone(said))(scene))


def _confirmation_of_a_refusal(scene: Scene) -> str:
    reply = _reply(scene)
    messages.confirmation(reply.incoming, _decided(reply, scene.bob, "reject", ""), "", "")
    return "confirmation"


def _ended(scene: Scene) -> str:
    _decided(_reply(scene), scene.bob, "approve", scene.texts["comment"])
    engine.decide(
        scene.asked(scene.carol).pk, by=scene.carol, outcome="reject", channel=Decision.Channel.PAGE
    )
    return "ended"


def _notice(scene: Scene) -> str:
    plain = _definition(scene.texts)
    to = [{"person": scene.carol.email}]
    tell = {"kind": "notice", "name": scene.texts["finance"], "to": to, "text": scene.texts["because"]}
    version = publish(
        {
            **plain,
            "start": "tell",
            "steps": {**plain["steps"], "tell": tell},
            "transitions": [{"from": "tell", "outcome": "sent", "to": "manager"}, *plain["transitions"]],
        }
    )
    Scene(**{**vars(scene), "version": version}).request()
    return "notice"


def _withdrawn(scene: Scene) -> str:
    engine.withdraw(scene.request().pk, scene.alice)
    return "withdrawn"


def _misused(scene: Scene) -> str:
    tell.refused(_reply(scene), refusals.NotTheOneAsked("mallory@fabrikam.example"))
    return "code-misused"


def _in_their_name(scene: Scene) -> str:
    tell.refused(_reply(scene), refusals.NotProved(Sentence("DMARC must be one pass; it is: fail.")))
    return "code-misused"


def _too_old(scene: Scene) -> str:
    tell.refused(_reply(scene), refusals.TooOld(Sentence("Its Date is 2025-11-24 10:00 UTC.")))
    return "code-misused"


def _stuck(scene: Scene) -> str:
    Person.objects.filter(pk=scene.alice.pk).update(manager=None)
    scene.request()
    Person.objects.filter(pk=scene.alice.pk).update(manager=scene.bob)
    return "stuck"


def _another_address(scene: Scene) -> str:
    reply = _reply(scene)
    assert reply.line is not None
    request = reply.line.assignment.visit.request
    page = f"{general().public_url}/confirm/c2FtcGxl/"
    address = "bob@fabrikam.example"
    messages.another_address(reply.incoming, scene.bob, request, address=address, page=page, offer_id="1")
    return str(OutgoingMail.objects.latest("pk").kind)


def _alarm(*, sending_kind: str = "", of_sending: bool = False) -> "Any":
    def write(scene: Scene) -> str:
        outage = _outage(scene, of_sending=of_sending)
        outage.mailbox.sending_kind = sending_kind
        alarm_messages.alarm(outage, _second(scene))
        return alarm_messages.ALARM

    return write


def _alarm_over(ended: Outage.Ended, *, of_sending: bool = False) -> "Any":
    def write(scene: Scene) -> str:
        outage = _outage(scene, of_sending=of_sending)
        outage.over_at, outage.ended = timezone.now(), ended
        alarm_messages.over(outage, scene.mailbox)
        return alarm_messages.OVER

    return write


def _stamps_changed(scene: Scene) -> str:
    scene.mailbox.stamps = {"missed": {"count": 3, "since": timezone.now().isoformat(), "incoming": 1}}
    alarm_messages.stamps(scene.mailbox, scene.mailbox, "stamps:1")
    return alarm_messages.STAMPS


def _address_probe(scene: Scene) -> str:
    alarm_messages.probe(scene.bob, _came_back(scene), scene.mailbox, "address:1")
    return alarm_messages.PROBE


def _dead_address(scene: Scene) -> str:
    alarm_messages.dead_address(scene.bob, "5.1.1", scene.mailbox, "address:1")
    return alarm_messages.DEAD_ADDRESS


def _came_back(scene: Scene) -> OutgoingMail:
    scene.request()
    return OutgoingMail.objects.latest("pk")


def _webhook_off(why: Endpoint.Disabled, chat: bool = False) -> "Any":
    def write(scene: Scene) -> str:
        Endpoint.objects.update(told_at=timezone.now())
        endpoint = Endpoint.objects.create(
            kind=Endpoint.Kind.SLACK if chat else Endpoint.Kind.WEBHOOK,
            process=scene.version.process if chat else None,
            secrets={"url": "https://hooks.mails.example/T0/B0"},
            owner=scene.ada,
            description=scene.texts["account"],
            active=False,
            disabled_at=timezone.now(),
            disabled_why=why,
            failing_since=timezone.now() - timedelta(days=5),
        )
        assert telling.work(endpoint.pk)
        return telling.OFF

    return write


def _outage(scene: Scene, *, of_sending: bool = False) -> Outage:
    mailbox = Mailbox.objects.get(pk=scene.mailbox.pk)
    mailbox.trouble = mailbox.sending_trouble = {}
    Outage.objects.filter(mailbox=mailbox).update(over_at=timezone.now())
    since = timezone.now() - timedelta(minutes=42)
    return Outage.objects.create(mailbox=mailbox, since=since, of_sending=of_sending)


def _second(scene: Scene) -> Mailbox:
    address = f"second@{_DOMAIN}"
    return Mailbox.objects.get_or_create(address=address, defaults={"name": address})[0]


def _expiry(days: int, certificate: bool = False) -> "Any":
    def write(scene: Scene) -> str:
        on = timezone.localdate() + timedelta(days=days)
        mailbox = Mailbox.objects.get(pk=scene.mailbox.pk)
        mailbox.secrets = {CERTIFICATE: "-----BEGIN"} if certificate else {}
        ending = alarm_messages.Ending(mailbox, on, days)
        alarm_messages.expiry(ending, scene.mailbox, f"expiry:{days}:{certificate}")
        return alarm_messages.EXPIRY

    return write


def _revocation_list(is_over: bool) -> "Any":
    def write(scene: Scene) -> str:
        ends = timezone.now() + timedelta(days=-1 if is_over else 2)
        one = RevocationList(issuer="CN=Contoso People,O=Contoso", next_update_at=ends)
        alarm_messages.revocation_list(one, is_over, scene.mailbox, f"revocation-list:{is_over}")
        return alarm_messages.REVOCATION_LIST

    return write


def _checkpoint(scene: Scene) -> str:
    texts = [f"placet/1a2b3c4d\n{size}\n{'A' * 43}=\nentry {size}" for size in (1078, 1042)]
    days = [timezone.localdate() - timedelta(days=ago) for ago in (0, 1)]
    kept = [Checkpoint(day=day, text=text) for day, text in zip(days, texts, strict=True)]
    said, to = general(), (scene.bob.email, "")
    with as_read_by(scene.bob), transaction.atomic():
        letter = checkpoints.letter(kept, said)
        alarm_messages.queue(scene.mailbox, checkpoints.KIND, to, said, f"checkpoint:{days[0]}", letter)
    return checkpoints.KIND


def _key_made(by: str, *more: str) -> "Any":
    def write(scene: Scene) -> str:
        maker = {"bob": scene.bob, "ada": scene.ada, "": None}[by]
        scopes = {"requests:read", "requests:write", *more}
        key = Key.objects.create(
            public=f"{next(_NUMBERS):08}", digest="0" * 64, name="ERP", person=scene.bob, scopes=sorted(scopes),
            created_by=maker, expires_at=timezone.now() + timedelta(days=365),
        )  # fmt: skip
        with transaction.atomic():
            key_mails.made(key, maker)
        return key_mails.MADE

    return write


def _key_expiry(days: int) -> "Any":
    def write(scene: Scene) -> str:
        on = timezone.localdate() + timedelta(days=days)
        key = Key(public="1a2B3c4D", name="ERP", person=scene.bob, scopes=["requests:read"])
        with transaction.atomic():
            key_mails.expiry(key, on, days, f"key-expiry:{days}")
        return key_mails.EXPIRY

    return write


def _reset(scene: Scene) -> str:
    link = Adapter().get_reset_password_from_key_url("3-c2FtcGxlLWtleQ")
    context = {"user": scene.bob, "password_reset_url": link}
    with request_context(RequestFactory(SERVER_NAME="localhost").get("/")):  # as on the page that sends it
        Adapter().send_mail("account/email/password_reset_key", scene.bob.email, context)
    return "account"


def _invitation(scene: Scene) -> str:
    invite(scene.bob, scene.ada)
    return "account"


def _password_link(scene: Scene) -> str:
    send_password_link(scene.bob, scene.ada)
    return "account"


def _refused(refusal: refusals.Refusal) -> "Any":
    def write(scene: Scene) -> str:
        tell.refused(_reply(scene), refusal)
        return f"refusal-{refusal.key}"

    return write


def _by_mail(kind: str, *texts: str) -> "Any":
    """What Alice reads whose mail is to start a request; each further text is what she sends then."""

    def write(scene: Scene) -> str:
        form = _definition(scene.texts)["form"]
        form[1] |= {"required": True}
        offer = {
            "name": "offer",
            "label": scene.texts["contract"],
            "type": "files",
            "endings": ["pdf"],
            "required": True,
        }
        rules = {"subject": "item", "text": "reason", "attachments": "offer"}
        publish(_definition(scene.texts, key="by-mail", form=[*form, offer], start_by_mail=rules))
        for text in texts:
            _alice_writes(scene, text)
        if kind == "start-expired":
            start_mails.expired(MailedStart.objects.latest("pk"))
        return kind

    return write


def _not_started(scene: Scene) -> str:
    publish(_definition(scene.texts, key="by-mail"))
    _alice_writes(scene, "{because}")
    return "refusal-start_not_taken"


def _alice_writes(scene: Scene, text: str) -> None:
    raw = EmailMessage()
    raw["From"], raw["To"] = scene.alice.email, "approvals+start-by-mail@mails.example"
    raw["Subject"], raw["Message-ID"] = scene.texts["title"], f"<{next(_NUMBERS)}@mails.example>"
    raw.set_content(text.format(**scene.texts))
    if "{amount}" in text:
        raw.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="offer.pdf")
    raw.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="setup.exe")
    facts = {
        "item_class": "",
        "size": 1,
        "sender": "",
        "from": "",
        "message_id": "",
        "voting": "",
        "too_large": False,
    }
    incoming = IncomingMail.objects.create(
        mailbox=scene.mailbox, server_id=f"sample-{next(_NUMBERS)}", fingerprint=f"{next(_NUMBERS):064}",
        folder=Folder.INBOX, raw=raw.as_bytes(), facts=facts,
    )  # fmt: skip
    settings = MailboxSettings(username="approvals@mails.example", refusals_per_hour=100)
    walk(Reply(incoming, "", settings), lambda *_asked: Proof(Level.COLLEAGUE, scene.alice.email, "mail"))


def _answers_not_taken(scene: Scene) -> str:
    """What it says of the questions was written in the reader's language when the reply was taken in."""
    said = scene.texts
    refusal = refusals.AnswersNotTaken(
        said["approve"], [said["wrong"]], [said["understood"]], {"colour": "red"}
    )
    return str(_refused(refusal)(scene))


def _file_missing(scene: Scene) -> str:
    said = scene.texts
    refusal = refusals.AnswersNotTaken(said["approve"], [said["no_file"]], [], {}, on_page=True, files=True)
    return str(_refused(refusal)(scene))


def _unclear(language: str) -> "Any":
    def write(scene: Scene) -> str:
        why = Sentence("“{text}” asks something.", text=scene.texts["unclear"].split("\n")[0])
        tell.refused(_reply(scene), refusals.Unclear(scene.texts["unclear"], why, language or scene.language))
        return "refusal-unclear"

    return write


def _comment_needed(scene: Scene) -> str:
    reply = replace(_reply(scene), answer=Answer("reject", "", ("no",), ""))
    tell.incomplete(reply, refusals.CommentNeeded("Reject"))
    return "refusal-comment_needed"


def _confirmation_needed(language: str) -> "Any":
    def write(scene: Scene) -> str:
        reply = _reply(scene)
        assert reply.mail is not None
        reply.mail = replace(reply.mail, new_text=scene.texts["unclear"])
        likely = Likely("reject", scene.texts["unclear"].split("\n")[1])
        why = Sentence("It holds no words that are an answer for certain.")
        tell.unclear(reply, refusals.Unclear(scene.texts["unclear"], why, language or scene.language, likely))
        return "refusal-confirmation_needed"

    return write


def _stopped(scene: Scene) -> str:
    scene.request()
    asked = scene.asked(scene.bob)
    stop_mails.stopped(asked.visit.request, asked, scene.bob, "Not decided in time", timezone.now())
    return "stopped"


def _ended_too_late(scene: Scene) -> str:
    scene.request()
    messages.ended(scene.asked(scene.bob).visit.request, "Not decided in time", timezone.now())
    return "ended"


KINDS: dict[str, Any] = {
    "digest-taken-back": _digest_taken_back,
    "digest-again": _asked_in_digests_again,
    "digest-help-the-last-of-the-hour": _last_of_the_hour(refusals.HelpAsked(), to_digest=True),
    "refused-the-last-of-the-hour": _last_of_the_hour(refusals.Changed()),
    "status-the-last-of-the-hour": _last_of_the_hour(refusals.StatusAsked()),
    "ask": _ask,
    "ask-on-the-page": _ask_on_the_page,
    "ask-for-a-file": _ask_for_a_file(task=False),
    "ask-to-add-a-file": _ask_for_a_file(task=True),
    "ask-to-do": _ask_to_do,
    "ask-with-questions": _ask_with_questions,
    "ask-about-changes": _ask_about_changes,
    "ask-to-revise": _ask_to_revise,
    "ask-about-what-was-revised": _ask_about_what_was_revised,
    "ask-with-a-deadline": _ask_with_a_deadline,
    "digest": _digest,
    "refused-digest_unclear": _digest_unclear,
    "digest-help": _digest_help,
    "digest-confirmation": _digest_confirmation,
    "reminder": _reminder,
    "expired": _expired,
    "took-too-long": _stopped,
    "ended-because-it-took-too-long": _ended_too_late,
    "ask-because-others-did-not-answer": _escalated("also", "ask"),
    "ask-in-place-of-others": _escalated("instead", "ask"),
    "others-are-asked-too": _escalated("also", "escalated"),
    "others-are-asked-instead": _escalated("instead", "escalated"),
    "nobody-else-to-ask": _not_escalated,
    "warning": _warning,
    "warned": _warned,
    "confirmation": _confirmation,
    "confirmation-that-can-be-undone": _confirmation_that_can_be_undone,
    "undone": _undone,
    "confirmation-of-a-rejection": _confirmation_of_a_refusal,
    "unclear": _unclear(""),
    "unclear-in-german": _unclear("de"),
    "unclear-in-arabic": _unclear("ar"),
    **{
        f"refused-{refusal.key}": _refused(refusal)
        for refusal in (
            refusals.NotNamed(),
            refusals.HelpAsked(),
            refusals.StatusAsked(),
            refusals.PageOnly(),
            refusals.Sealed("S/MIME encrypted"),
            refusals.TooLarge(26_000_000, 25_000_000),
            refusals.Changed(),
            refusals.NoLongerOpen(Sentence("The request was withdrawn.")),
            refusals.MayNotDecide(Sentence("Nobody decides their own request in this process.")),
            refusals.NotAskedBack(Sentence("Your last question still waits for its answer.")),
            refusals.NotClarified(Sentence("This question was answered already.")),
            refusals.AlreadyDecided(
                "Carol Finance", "reject", "2026-11-24T09:30:00+00:00", until="2026-11-24T09:40:00+00:00"
            ),
        )
    },
    "started-by-mail": _by_mail("started", "{because}\n{amount}: 1250\n{until}: 2026-12-31"),
    "refused-start_lacks": _by_mail("refusal-start_lacks", "{because}\n{until}: 03/04/2027"),
    "refused-start_twice": _by_mail("refusal-start_twice", *["{amount}: 1251"] * 2),
    "refused-start_not_taken": _not_started,
    "start-expired": _by_mail("start-expired", "{because} …"),
    "refused-not_undone": _not_undone,
    "refused-answers_not_taken": _answers_not_taken,
    "refused-file-missing": _file_missing,
    "refused-incomplete": _comment_needed,
    "refused-likely": _confirmation_needed(""),
    "refused-likely-in-arabic": _confirmation_needed("ar"),
    "refused-not_given": _not_given,
    "ask-in-place-of-somebody": _ask_in_place,
    "ask-with-a-delegate": _ask_with_a_delegate,
    "answered-for": _answered_for,
    "given": _given,
    "ask-instead-of-somebody": _reassigned("ask"),
    "somebody-else-is-asked": _reassigned("reassigned"),
    "hand-on": _hand_on,
    "hand-on-of-a-delegate": _hand_on_of_a_delegate,
    "notice": _notice,
    "question-back": _question_back(),
    "question-back-on-the-page": _question_back("page"),
    "question-answered": _clarified,
    "question-not-answered": _unclarified,
    "question-sent": _question_sent,
    "question-answer-sent": _answer_sent,
    "question-needs-no-answer": _question_needless,
    "ended": _ended,
    "withdrawn": _withdrawn,
    "not-needed": _not_needed,
    "code-misused": _misused,
    "answer-in-their-name": _in_their_name,
    "answer-with-an-old-date": _too_old,
    "another-address": _another_address,
    "stuck": _stuck,
    "alarm": _alarm(),
    "alarm-over": _alarm_over(Outage.Ended.WORKS),
    "alarm-over-by-switching-off": _alarm_over(Outage.Ended.OFF),
    "alarm-not-read": _alarm(sending_kind="smtp"),
    "alarm-not-sending": _alarm(sending_kind="smtp", of_sending=True),
    "alarm-not-sending-over": _alarm_over(Outage.Ended.WORKS, of_sending=True),
    "alarm-not-sending-over-by-switching-off": _alarm_over(Outage.Ended.OFF, of_sending=True),
    "stamps-changed": _stamps_changed,
    "address-probe": _address_probe,
    "dead-address": _dead_address,
    "secret-expires": _expiry(14),
    "secret-expires-tomorrow": _expiry(1),
    "secret-expires-today": _expiry(0),
    "secret-has-expired": _expiry(-1),
    "certificate-expires": _expiry(14, certificate=True),
    "certificate-expires-today": _expiry(0, certificate=True),
    "certificate-has-expired": _expiry(-1, certificate=True),
    "key-made-by-an-administrator": _key_made("ada"),
    "key-made-at-the-command-line": _key_made(""),
    "key-that-decides": _key_made("bob", "decisions:write"),
    "revocation-list-ends": _revocation_list(is_over=False),
    "revocation-list-has-ended": _revocation_list(is_over=True),
    "key-expires": _key_expiry(14),
    "key-expires-tomorrow": _key_expiry(1),
    "key-expires-today": _key_expiry(0),
    "key-has-expired": _key_expiry(-1),
    "webhook-off": _webhook_off(Endpoint.Disabled.FAILING),
    "webhook-gone": _webhook_off(Endpoint.Disabled.GONE),
    "chat-off": _webhook_off(Endpoint.Disabled.FAILING, chat=True),
    "checkpoint": _checkpoint,
    "password-reset": _reset,
    "password-link": _password_link,
    "invitation": _invitation,
}


def _reply(scene: Scene) -> Reply:
    """A mail of Bob's that answers a new ask, as far as it was proved."""
    scene.request()
    lines = AskLine.objects.select_related("ask__person", "assignment__visit__request__version")
    return _reply_to(scene, lines.latest("pk"))


def _reply_to(scene: Scene, line: AskLine) -> Reply:
    raw = b"From: bob@mails.example\nSubject: Re: this\nMessage-ID: <%d@mails.example>\n\n..." % next(
        _NUMBERS
    )
    incoming = IncomingMail.objects.create(
        mailbox=scene.mailbox,
        server_id=f"sample-{next(_NUMBERS)}",
        fingerprint=f"{next(_NUMBERS):064}",
        folder=Folder.INBOX,
        raw=raw,
    )
    received = Received(
        server_id="",
        folder=Folder.INBOX,
        raw=raw,
        transport_headers="",
        item_class="",
        received_at=None,
        size=len(raw),
    )
    settings = MailboxSettings(username="approvals@mails.example", refusals_per_hour=100)
    mail = parse(received, OwnMail(scene.mailbox.address, ""))
    proof = Proof(Level.COLLEAGUE, scene.bob.email, "mail")
    return Reply(incoming, "", settings, mail, line, "abcdefghijklmnop", proof)


def _decided(reply: Reply, by: Person, outcome: str, comment: str) -> Decision:
    assert reply.line is not None
    return engine.decide(
        reply.line.assignment_id,
        by=by,
        outcome=outcome,
        comment=comment,
        channel=Decision.Channel.MAIL,
        incoming=reply.incoming,
    )
