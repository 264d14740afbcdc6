"""What the pictures show: an organisation that has used Placet for a while, over the sandbox and through the whole path
of a reply. No page is empty, and there is a mail for each way that a reply may end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone

from placet.accounts import delegations, general
from placet.accounts.addresses import add_person
from placet.accounts.confirming import Claim, signed
from placet.accounts.delegations import Scope, Wanted
from placet.accounts.models import Calendar, Delegation, Group, Person
from placet.alarms import chosen
from placet.api import keys
from placet.api.models import Key
from placet.approvals import attachments, delegating, engine, undoing
from placet.approvals.engine_clarifications import Written
from placet.approvals.models import (
    Assignment,
    Attachment,
    AuthorityTable,
    Decision,
    Delegate,
    Draft,
    Process,
    ProcessDraft,
    Request,
    TableDraft,
)
from placet.approvals.processes import newest, publish
from placet.lib.sentences import Sentence
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import store
from placet.mailboxes.microsoft import certificates
from placet.mailboxes.models import Mailbox
from placet.replies import refusals
from placet.reports import work as reports
from placet.sandbox.mime import File
from placet.sandbox.server import Mail
from placet.webhooks.models import Delivery, Endpoint
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import INTERNAL, answer, letter, reply_to
from tests.making import one_step
from tests.pages.conftest import SECRET, SETTINGS
from tests.screenshots.office import authority_table, calendars, edited_table, imported_draft, offices
from tests.screenshots.webhooks import told_elsewhere

BOB = f"Bob Bobson <bob@{DOMAIN}>"
ROBERT = f"robert@{DOMAIN}"
MALLORY = "mallory@fabrikam.example"
LONG = (
    "The old one broke, and the supplier gives 5 % until Friday.\n\n"
    "Compared with the other two offers (see the files) it is the only one that can be delivered this year: "
    "https://supplier.example/catalogue/office/desks/height-adjustable/2026/a-very-long-address-without-any-end"
)
PEOPLE = (
    "Name,E-mail address,Manager,Groups\n"
    f"Erin Engineer,erin@{DOMAIN},bob@{DOMAIN},finance\n"
    f"Robert Bobson,bob@{DOMAIN},,\n"
    "Nobody,not an address,,\n"
    f"Carol Carolson,carol@{DOMAIN},,\n"
)
ASKED = {
    "decided": ("purchase", "Noise-cancelling headphones", "180", "The office is loud."),
    "rejected": ("purchase", "Espresso machine", "840", "The old one leaks."),
    "in-finance": ("purchase", "Team days in Lyon", "3,200", "Eight people, two nights."),
    "unclear": ("purchase", "Standing desk", "640", LONG),
    "open": ("purchase", "Height-adjustable desk for the new office on the third floor", "1,250", LONG),
    "one-outcome": ("travel-policy", "Travel policy of 2027", "1", "Please say that you have read it."),
    "withdrawn": ("purchase", "Whiteboard", "95", ""),
}

OFFERS = (
    File("offer of the supplier.pdf", "application/pdf", b"%PDF-1.7" * 100_000),
    File("a photograph of the old one.png", "image/png", b"PNG" * 10_000),
)


@dataclass
class Story:
    people: dict[str, Person]
    requests: dict[str, Request]
    mails: dict[str, IncomingMail]  # by how they ended
    second: Mailbox  # not active: as it is entered for Exchange Online
    left: Person
    imported: ProcessDraft
    table: AuthorityTable
    edited: TableDraft
    calendar: Calendar
    delegation: Delegation
    given: Delegate
    key: Key  # of Bob's
    delivery: Delivery  # of a webhook that failed for a while
    chat: Endpoint

    def rows(self) -> dict[str, dict[str, object]]:
        """What addresses that begin so are about; the longest beginning counts."""
        public_id = self.requests["open"].public_id
        file = Attachment.objects.filter(request__public_id=public_id).latest("pk")
        failed = OutgoingMail.objects.get(state=OutgoingMail.State.FAILED)
        fill_in = Assignment.objects.get(
            visit__request=self.requests["office-begun"], visit__step_key="offers"
        )
        held_one = Assignment.objects.get(visit__request=self.requests["held"], person=self.people["bob"])
        return {
            "requests/<uuid": {"public_id": public_id},
            "requests/<uuid:public_id>/fill/": {
                "public_id": fill_in.visit.request.public_id,
                "number": fill_in.pk,
            },
            "requests/<uuid:public_id>/give/": {"public_id": public_id, "number": self.given.assignment_id},
            "requests/<uuid:public_id>/undo/": {
                "public_id": held_one.visit.request.public_id,
                "number": held_one.pk,
            },
            "accounts/delegates/<int": {"pk": self.delegation.pk},
            "administration/people/<int:pk>/delegates/<int": {
                "pk": self.delegation.delegator_id,
                "number": self.delegation.pk,
            },
            "accounts/keys/<int": {"pk": self.key.pk},
            "administration/keys/<int": {"pk": self.key.pk},
            "files/<uuid": {"public_id": file.public_id},
            "api/^v1/(": {"path": "requests"},
            "api/^(": {"path": "nothing-here"},
            "start/<slug": {"key": "purchase"},
            "processes/<slug": {"key": "purchase"},
            "processes/<slug:key>/design/steps/<slug": {"key": "purchase", "step": "manager"},
            "processes/<slug:key>/design/form/<int": {"key": "purchase", "number": 1},
            "reports/<slug": {"key": "durations", "table_key": "weeks"},
            "confirm/": {"link": self._link()},
            "accounts/^password/reset/key/(": _password_key(self.people["carol"]),
            "administration/configuration/remote-approval/<int": {"pk": self.second.pk},
            "administration/configuration/remote-approval/consent/<str": {"server": "oauth2.googleapis.com"},
            "administration/configuration/remote-approval/<int:pk>/certificate/<str": {
                "pk": self.second.pk,
                "which": "in-use",
            },
            "administration/configuration/calendars/<int": {"pk": self.calendar.pk},
            "administration/configuration/guide/<slug": {"key": "register"},
            "administration/configuration/guide/for/<slug": {"key": "exchange-server"},
            "administration/mail/<int": {"pk": self.mails["decided"].pk},
            "administration/mail/<int:pk>/attachments/<int": {"pk": self.mails["decided"].pk, "number": 1},
            "administration/mail/outgoing/<int": {"pk": failed.pk},
            "administration/people/import/<str": resolve(self._preview()).kwargs,
            "administration/people/<int": {"pk": self.people["carol"].pk},
            "administration/people/<int:pk>/reactivate": {"pk": self.left.pk},
            "administration/tables/<int": {"pk": self.table.pk},
            "administration/tables/<int:pk>/<int": {"pk": self.table.pk, "number": 2},
            "administration/tables/drafts/<int": {"pk": self.edited.pk},
            "processes/-/new/<slug": {"name": "order"},
            "processes/<slug:key>/import": {"key": self.imported.process.key},
            "processes/<slug:key>/draft.yaml": {"key": self.imported.process.key},
            "processes/<slug:key>/discard": {"key": self.imported.process.key},
            "administration/groups/<int": {"pk": Group.objects.get(key="finance").pk},
            "administration/webhooks/<int": {"pk": self.delivery.endpoint_id},
            "administration/webhooks/<int:pk>/deliveries/<int": {
                "pk": self.delivery.endpoint_id,
                "number": self.delivery.pk,
            },
            "processes/<slug:key>/chats/<int": {"key": "purchase", "pk": self.chat.pk},
        }

    def _link(self) -> str:
        """Of the mail that asks Bob whether another address is his."""
        asked = self.mails["another not_the_one_asked"]
        asked.refresh_from_db()
        return signed(Claim(self.people["bob"].pk, ROBERT, f"{asked.pk}:{asked.verdict['offer']['id']}"))

    def _preview(self) -> str:
        ada = Client()
        ada.force_login(self.people["ada"])
        file = SimpleUploadedFile("people.csv", PEOPLE.encode())
        return urlsplit(ada.post(reverse("panel:import_people"), {"file": file})["Location"]).path


def told(world: World) -> Story:
    people = world.people
    _organisation(people["ada"])
    second = _second_mailbox(world)
    requests = _requests(world)
    _replies(world, {name: _ask(world, request) for name, request in requests.items()})
    left = add_person("Erik Former", f"erik@{DOMAIN}")
    engine.deactivate(left, people["ada"])
    people["fred"] = add_person("Fred Newcomer", f"fred@{DOMAIN}")
    requests["stuck"] = _start("purchase", people["dave"], "Projector", "840", "Nobody approves for Dave.")
    world.run_until_quiet()
    failed = OutgoingMail.objects.filter(kind="ask").earliest("pk")
    failed.state, failed.last_error = OutgoingMail.State.FAILED, "550 5.1.10 The recipient is not known here."
    failed.sent_at = None
    failed.save()
    _kept(world)
    requests |= offices(world)
    requests["asked-back"] = _asked_back(people)
    requests["held"] = held(people)
    mails: dict[str, IncomingMail] = {}
    for mail in IncomingMail.objects.order_by("pk"):
        mails[f"another {mail.result}" if mail.result in mails else mail.result] = mail
    ada = people["ada"]
    calendar = calendars(ada, people)
    delegation, given = _delegates(people, requests["open"])
    for day in reports.due(10):
        reports.work(day)
    return Story(
        people,
        requests,
        mails,
        second,
        left,
        imported_draft(ada),
        authority_table(),
        edited_table(ada),
        calendar,
        delegation,
        given,
        _keys(people),
        *told_elsewhere(ada, requests["open"]),
    )


def _keys(people: dict[str, Person]) -> Key:
    """Bob has one that decides, and one that an administrator made for him, of which another takes the place."""
    keys.make(people["bob"], "Chat assistant", {keys.Scope.DECISIONS_WRITE}, by=people["bob"])
    scopes = {keys.Scope.REQUESTS_WRITE, keys.Scope.REQUESTS_READ}
    old, _text = keys.make(people["bob"], "ERP", scopes, processes=["purchase"], by=people["ada"])
    return keys.rotate(old, people["ada"], timedelta(days=1))[0]


def _delegates(people: dict[str, Person], request: Request) -> tuple[Delegation, Delegate]:
    """Carol has two, one of them for small amounts; Ada answers for her, too, and names somebody for absences; Bob is
    away and gave a question to Dave."""
    now = timezone.now()
    scope = Scope(("purchase",), ("finance",), Decimal("5000"), "EUR")
    wanted = Wanted(people["dave"], now, now + timedelta(days=9), scope=scope, note="Spring holiday")
    delegation = delegations.make(people["carol"], wanted, people["carol"])
    everything = Wanted(people["ada"], now + timedelta(days=30), only_delegate=True)
    delegations.make(people["carol"], everything, people["ada"])
    absent = Wanted(people["bob"], now, when=Delegation.When.ABSENT)
    delegations.make(people["ada"], absent, people["ada"])
    over = delegations.make(people["ada"], Wanted(people["dave"], now), people["ada"])
    delegations.end(over.pk, people["ada"])
    seat = Assignment.objects.get(visit__request=request, person=people["bob"])
    return delegation, delegating.give(seat.pk, people["bob"], people["dave"], "He knows the supplier.")


# --- who and where ----------------------------------------------------------------------------------------


def _organisation(ada: Person) -> None:
    entered = {
        "organisation": "Contoso",
        "home_url": "https://contoso.example/",
        "terms_url": "https://contoso.example/terms",
        "privacy_url": "https://contoso.example/privacy",
        "private_targets": ["10.20.0.0/16", "hooks.corp.example", "127.0.0.1:9000"],
    }
    general.save(entered, by=ada.pk)
    chosen.save(minutes=30, address="https://hooks.slack.com/services/T0/B0/a-secret", by=ada.pk)
    for name in ("Legal", "Works council"):
        Group.objects.create(key=name.lower().replace(" ", "-"), name=name)


def _second_mailbox(world: World) -> Mailbox:
    entered = {**SETTINGS, "username": f"office@{DOMAIN}"}
    second = store.save(entered, secrets={"client_secret": SECRET}, by=f"ada@{DOMAIN}").mailbox
    made = certificates.make("Placet", 12).to_text()
    second.secrets |= {"certificate": made, "certificate_waiting": made}
    second.settings |= {
        "token_uri": "http://127.0.0.1:9/contoso.example/oauth2/v2.0/token",  # nobody is there
        "own_domains": [DOMAIN, "contoso-group.example", "subsidiary-with-a-long-name.example"],
        "same_organisation": [world.mailbox.address],
        "own_networks": ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"],
    }
    second.save()
    return second


def _password_key(person: Person) -> dict[str, object]:
    return {"uidb36": user_pk_to_url_str(person), "key": default_token_generator.make_token(person)}


# --- what was asked ---------------------------------------------------------------------------------------


def _start(key: str, by: Person, item: str, amount: str, reason: str, files: Sequence[File] = ()) -> Request:
    version = newest(Process.objects.get(key=key))
    assert version is not None
    draft = Draft.objects.create(person=by, process=version.process, version=version)
    for file in files:
        attachments.keep(draft, "quotes", SimpleUploadedFile(file.name, file.content, file.kind), by)
    return engine.start(version, by, {"item": item, "amount": amount, "reason": reason}, draft)


def _requests(world: World) -> dict[str, Request]:
    alice, bob = world.people["alice"], world.people["bob"]
    publish(_with_one_outcome())
    made = {
        name: _start(key, alice, item, amount, reason, OFFERS if name == "open" else ())
        for name, (key, item, amount, reason) in ASKED.items()
    }
    engine.withdraw(made["withdrawn"].pk, alice)
    asked = Assignment.objects.get(visit__request=made["in-finance"], person=bob)
    engine.decide(asked.pk, by=bob, outcome="approve", comment="Good idea.", channel=Decision.Channel.PAGE)
    world.send()
    return made


def _with_one_outcome() -> dict[str, object]:
    definition = one_step([{"manager": True}], key="travel-policy", name="Acknowledgement")
    definition["form"] = [*definition["form"], {"name": "reason", "label": "Why?", "type": "long_text"}]
    definition["steps"]["step"] |= {"name": "Manager", "outcomes": ["approve"]}
    del definition["steps"]["rejected"]
    del definition["transitions"][1]
    return definition


def _asked_back(people: dict[str, Person]) -> Request:
    """Two are asked; one question to the requester is answered, one waits, and so does the clock."""
    process = one_step([{"person": people[name].email} for name in ("bob", "carol")], key="venue", rule="all")
    process["steps"]["step"] |= {"name": "Choice of the venue", "due": "3 working days", "expire": {}}
    process["transitions"].append({"from": "step", "outcome": "expired", "to": "rejected"})
    version = publish({**process, "name": "Venue"})
    request = engine.start(
        version, people["alice"], {"item": "Team meeting in the old harbour", "amount": "2,100"}
    )
    asked = {seat.person_id: seat for seat in Assignment.objects.filter(visit__request=request)}
    first = engine.ask_back(
        asked[people["carol"].pk].pk,
        people["carol"],
        Written("Does that include the lunch?\nAnd for how many?"),
    )
    engine.clarify(first.pk, people["alice"], Written("Yes, it does: for twelve, with vegetarian dishes."))
    engine.ask_back(asked[people["bob"].pk].pk, people["bob"], Written("Is there a tram in the evening?"))
    return request


def held(people: dict[str, Person]) -> Request:
    """Bob took his answer back and gave another one, which can still be undone."""
    process = one_step(
        [{"person": people[name].email} for name in ("bob", "carol")], key="raise", undo="60 minutes"
    )
    process["steps"]["step"] |= {"name": "Personnel office"}
    version = publish({**process, "name": "Salary change"})
    request = engine.start(version, people["alice"], {"item": "Raise for the new team lead", "amount": "300"})
    seat = Assignment.objects.get(visit__request=request, person=people["bob"])
    page = Decision.Channel.PAGE
    engine.decide(seat.pk, by=people["bob"], outcome="reject", comment="Not in this quarter.", channel=page)
    undoing.undo(seat.pk, people["bob"])
    comment = "I mistook the amount: this one is in the budget."
    engine.decide(seat.pk, by=people["bob"], outcome="approve", comment=comment, channel=page)
    return request


def _ask(world: World, request: Request) -> Mail:
    return world.newest("bob", f"Please decide: {request.title[:20]}")


# --- what was answered ------------------------------------------------------------------------------------


def _replies(world: World, asks: dict[str, Mail]) -> None:
    sandbox, asked = world.sandbox, asks["unclear"]
    file = File("budget.xlsx", "application/vnd.ms-excel", b"PK\x03\x04" * 400)
    sandbox.reply_as("bob", asks["decided"].id, "fine, go ahead, but watch the budget", files=[file])
    sandbox.reply_as("bob", asks["rejected"].id, "reject\n\nPlease ask for a repair first.")
    world.run_until_quiet()
    sandbox.reply_as("bob", asks["decided"].id, "reject")
    sandbox.reply_as("bob", asks["withdrawn"].id, "approve")
    sandbox.reply_as("bob", asked.id, "Which of the two is it? I would rather see both offers first.")
    sandbox.reply_as("bob", asked.id, "Approved for 500 EUR")
    sandbox.place("approvals", answer(asked, BOB, headers=["Auto-Submitted: auto-replied", *INTERNAL]))
    lunch = letter(BOB, to=reply_to(asked), subject="Lunch on Friday?", text="Yes", headers=INTERNAL)
    sandbox.place("approvals", lunch)
    sandbox.place("approvals", answer(asked, BOB, f"Mallory Moss <{MALLORY}>", headers=INTERNAL))
    sandbox.deliver(answer(asked, BOB), mail_from=MALLORY)
    sandbox.deliver(letter(MALLORY, to=world.mailbox.address, subject="Our offer of the week", text="Buy!"))
    sandbox.read_receipt("bob", asked.id)
    sandbox.send_as("dave", answer(asked, f"Dave Daveson <dave@{DOMAIN}>"))
    sandbox.place("approvals", answer(asked, f"Robert <{ROBERT}>", headers=INTERNAL))
    world.run_until_quiet()
    ada = Client()
    ada.force_login(world.people["ada"])
    not_his = IncomingMail.objects.filter(result="not_the_one_asked").latest("pk")
    ada.post(reverse("panel:offer_address", args=[not_his.pk]))


def _kept(world: World) -> None:
    """Ways to end that need more than one reply: a mail that breaks a reader, and one from outside with an old Date."""
    decided = IncomingMail.objects.filter(result="decided").latest("pk")
    raw, subject = bytes(decided.raw), "RE: Please decide: Standing desk"
    verdict = {**decided.verdict, "subject": subject, "new_text": "approve"}
    dated = "Its Date is 2025-11-24 10:00 UTC."
    for result, state, reason, more in (
        ("too_old", "handled", refusals.TooOld(Sentence(dated)).sentence, {"refusal": {"reason": dated}}),
        ("set_aside", "set_aside", "It could not be handled: ValueError.", {}),
    ):
        IncomingMail.objects.create(
            mailbox=world.mailbox, server_id=result, fingerprint=result, folder="inbox", raw=raw,
            facts=decided.facts, state=state, result=result, reason=reason, verdict={**verdict, **more},
            handled_at=timezone.now(), person=decided.person,
        )  # fmt: skip
