"""Our mails: what people wrote adds no header, no link and no markup to them; what we write leads to the answer."""

import email
import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from placet.approvals import engine
from placet.approvals.form import FormInvalid
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.mail.marker import marker
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import answer, code_of, letter, reference_of, reply_to

pytestmark = pytest.mark.django_db

BOB = f"bob@{DOMAIN}"
APPROVALS = f"approvals@{DOMAIN}"
FIXED_HEADERS = {
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "x-auto-response-suppress",
    "auto-submitted",
    "x-mailer",
    "x-placet-reference",
}
THREADING = {"in-reply-to", "references"}

# One line each, as a form takes it: they become the title, the subject, a heading and a fact.
HOSTILE: dict[str, str] = {
    "script": "<script>alert(1)</script>",
    "a link": '<a href="https://evil.example/">Approve</a> <img src="https://evil.example/x.gif">',
    "out of an attribute": '"><img src=x onerror=alert(1)><a href="',
    "MJML": '</mj-text><mj-button href="https://evil.example">Approve</mj-button><mj-text>',
    "MJML's raw": "<mj-raw></html></mj-raw><mj-include path='/etc/passwd' />",
    "a template": "{{ code }}{{ page_link }}{% load static %}{% include 'mails/ask.txt' %}{# #}{% endautoescape %}",
    "plain addresses": "see https://evil.example/login or www.evil.example",
    "bare names": "evil.example/x, a@evil.example or 1e100.net for 1.250,00",
    "a header": "Desk Bcc: mallory@evil.example",
    "an encoded word": "=?utf-8?q?Desk=0D=0ABcc:_mallory=40evil.example?=",
    "an encoded reply code": "Desk =?utf-8?q?=5B=23aaaaaaaaaaaaaaaa=5D?= =?utf-8?b?WyNhYWFhYWFhYWFhYWFhYWFhXQ==?=",
    "a very long word": "W" * 200,
    "right to left": "\u202eevorppa\u202c \u05e9\u05d5\u05dc\u05d7\u05df \u0645\u0643\u062a\u0628",
    "emoji": "Desk 🪑👩🏽‍💻 \u2060and more 🇪🇺",
    "signs of an address": 'Desk, "Bob" <mallory@evil.example>; group: x@y;',
    "signs of a mailto link": "50% & more?body=Reject&cc=mallory@evil.example #1 + 2",
    "a reply code": "Desk [#aaaaaaaaaaaaaaaa] #bbbbbbbbbbbbbbbb",
    "a line of ours": "Approve: mailto:mallory@evil.example",
}
SEVERAL_LINES = (
    "Because.\r\nBcc: mallory@evil.example\r\n\r\n<b>bold</b> {{ code }}\r\n.\r\nApprove: https://evil.example/\n"
    "Reply code: #aaaaaaaaaaaaaaaa\n=== Reply above this line ===\n-- \n\u202eevil\n" + "very " * 300
)


@dataclass
class Seen(HTMLParser):
    """What a mail program finds in HTML: its elements in order, its links, its text."""

    elements: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    text: str = ""  # of what is shown: without title and styles
    hidden: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attributes)))
        self.links += [
            value or "" for name, value in attributes if name in ("href", "src", "background", "action")
        ]

        if tag in ("title", "style"):
            self.hidden = tag

    def handle_endtag(self, tag: str) -> None:
        self.hidden = "" if tag == self.hidden else self.hidden
        self.text += " "  # or the words of two elements would look like one

    def handle_data(self, data: str) -> None:
        self.text += "" if self.hidden else data.replace("\r\n", "\n")


def seen(markup: str) -> Seen:
    found = Seen()
    found.feed(markup)
    found.close()
    return found


def parsed(mail: OutgoingMail) -> EmailMessage:
    message = email.message_from_bytes(bytes(mail.raw), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def check_headers(mail: OutgoingMail) -> None:
    message = parsed(mail)
    names = [name.lower() for name in message]
    assert len(names) == len(set(names)), names
    assert set(names) >= FIXED_HEADERS
    assert set(names) - FIXED_HEADERS <= THREADING | {"reply-to"}
    for name in ("from", "to", "reply-to"):
        if name in names:
            (one,) = message[name].addresses
            assert one.addr_spec == {"from": APPROVALS, "to": mail.to}.get(name, one.addr_spec)
            assert not message[name].defects
    assert max(len(line) for line in bytes(mail.raw).splitlines()) <= 998  # RFC 5322 2.1.1
    assert bytes(mail.raw).isascii()


def check_links(mail: OutgoingMail) -> None:
    """Only ours: pages of this installation, and mail to our mailbox."""
    message = parsed(mail)
    markup = part(message, "html")
    assert "url(" not in markup, "nothing is fetched when a mail is opened"
    assert "@import" not in markup
    found = seen(markup)
    for link in found.links:
        page = link.startswith(f"{settings.PLACET.public_url}/requests/")
        assert page or link.startswith(("mailto:approvals%2B", f"mailto:{APPROVALS}?")), link
    assert not {tag for tag, _ in found.elements} & {"script", "img", "iframe", "form", "object", "base"}
    assert not [name for _, names in found.elements for name in names if name.startswith("on")]
    for shown in (part(message, "plain"), found.text):
        bare = re.sub(r"mailto:approvals\S*", "", shown.replace(settings.PLACET.public_url, ""))
        linked = re.search(r"://|www\.|mailto:|@\w|\w[.][^\W\d_]", bare)
        assert not linked, "mail programs make links of what looks like one"


def start(world: World, item: str, reason: str = "") -> tuple[OutgoingMail, Mail]:
    """A request with these words; the ask as it was written, and as it lies in Bob's mailbox."""
    world.request("900", item, reason=reason)
    world.send()
    ask = OutgoingMail.objects.filter(kind="ask").order_by("pk").last()
    assert ask is not None
    return ask, world.newest("bob")


# --- what requesters write ----------------------------------------------------------------------------------


@pytest.mark.dressed("reason")
@pytest.mark.parametrize("reason", ["", SEVERAL_LINES], ids=["", "and several lines"])
@pytest.mark.parametrize("item", HOSTILE.values(), ids=list(HOSTILE))
def test_what_a_requester_writes_adds_no_header_link_or_markup_to_an_ask(
    world: World, item: str, reason: str
) -> None:
    plain, _ = start(world, "Desk", "Because." if reason else "")
    hostile, asked = start(world, item, reason)
    check_headers(hostile)
    check_links(hostile)
    expected, found = (seen(part(parsed(mail), "html")) for mail in (plain, hostile))
    assert found.elements == expected.elements, "the same elements as of a harmless request"
    assert len(found.links) == len(expected.links)
    code = code_of(asked)
    lines = part(parsed(hostile), "plain").splitlines()
    for beginning in ("Approve: ", "Reject: ", "Open the request in Placet", "Reply code: ", marker()):
        assert len([line for line in lines if line.startswith(beginning)]) == 1, beginning
    assert f"Reply code: #{code}" in lines
    assert {
        address for mail in world.sandbox.mails("approvals", "sentitems") for address in mail.recipients
    } == {BOB}

    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")], IncomingMail.objects.get().reason
    for mail in OutgoingMail.objects.all():
        check_headers(mail)
        check_links(mail)


def test_what_a_requester_writes_is_shown_as_it_was_written(world: World) -> None:
    ask, _ = start(world, HOSTILE["script"], "One.\nTwo & <three>.")
    message = parsed(ask)
    assert message["Subject"].startswith(f"Please decide: {HOSTILE['script']} [#")
    shown = seen(part(message, "html")).text
    assert HOSTILE["script"] in shown
    assert "One.\nTwo & <three>." in shown
    assert HOSTILE["script"] in part(message, "plain")
    assert "    | Two & <three>." in part(message, "plain")


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x0b"])
def test_a_title_of_two_lines_is_refused_by_the_form(world: World, end: str) -> None:
    with pytest.raises(FormInvalid):
        world.request(item=f"Desk{end}Bcc: mallory@evil.example")


@pytest.mark.parametrize(
    "name",
    [
        "Alice\r\nBcc: mallory@evil.example",
        '<b>Alice</b> "Archer" <mallory@evil.example>',
        "Archer, Alice; mallory@evil.example",
        "=?utf-8?q?Alice=0ABcc=3A_mallory=40evil.example?=",
        "Алиса " * 15 + "👩🏽‍💻",
        "{{ code }} www.evil.example https://evil.example",
    ],
)
def test_a_name_adds_nothing_to_a_mail(world: World, name: str) -> None:
    for person in ("alice", "bob"):
        world.people[person].name = name
        world.people[person].save()
    ask, asked = start(world, "Desk")
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert OutgoingMail.objects.count() == 3
    for mail in OutgoingMail.objects.all():
        check_headers(mail)
        check_links(mail)
    assert parsed(ask)["To"].addresses[0].addr_spec == BOB


def test_every_kind_of_mail_carries_hostile_words_as_words(world: World) -> None:
    """Title, name, unclear reply, comment and the reason a step is stuck."""
    item, hostile = HOSTILE["a link"], "<b>{{ code }}</b> https://evil.example/ www.evil.example"
    _, asked = start(world, item, SEVERAL_LINES)
    world.sandbox.reply_as("bob", asked.id, f"{hostile}?")
    world.sandbox.send_as("dave", answer(asked, f'"{hostile}" <dave@{DOMAIN}>', text=hostile))
    world.run_until_quiet()
    world.sandbox.reply_as("bob", asked.id, f"approve\n\n{hostile}")
    world.run_until_quiet()
    world.sandbox.reply_as("bob", asked.id, "reject")
    gone = world.request(item=item)
    engine.withdraw(gone.pk, world.people["alice"])
    world.people["alice"].manager = None
    world.people["alice"].save()
    stuck = world.request(item=item)
    world.run_until_quiet()
    assert Visit.objects.get(request=stuck).state == Visit.State.STUCK
    kinds = set(OutgoingMail.objects.values_list("kind", flat=True))
    assert kinds >= {
        "ask",
        "refusal-unclear",
        "refusal-already_decided",
        "code-misused",
        "confirmation",
        "ended",
        "withdrawn",
        "stuck",
    }
    for mail in OutgoingMail.objects.all():
        check_headers(mail)
        check_links(mail)


def test_a_message_id_of_a_stranger_s_making_adds_no_header(world: World) -> None:
    _, asked = start(world, "Desk")
    raw = answer(asked, BOB, text="What?")
    hostile = b'Message-ID: <x\tBcc:mallory@evil.example,"a" =?utf-8?q?=0D=0A?=>'
    world.sandbox.send_as("bob", re.sub(rb"Message-ID: <[^>]*>", hostile.replace(b"\\", b"\\\\"), raw))
    world.run_until_quiet()
    refusal = OutgoingMail.objects.get(kind="refusal-unclear")
    check_headers(refusal)
    assert not {name.lower() for name in parsed(refusal)} & THREADING


# --- links that answer --------------------------------------------------------------------------------------


def mailto_links(mail: Mail) -> list[str]:
    return [link for link in seen(mail.html).links if link.startswith("mailto:")]


def click(world: World, link: str) -> None:
    """What a mail program does with a mailto link (RFC 6068), and then its user presses Send."""
    parts = urlsplit(link)
    fields = dict(pair.split("=", 1) for pair in parts.query.split("&"))
    raw = letter(
        BOB,
        to=unquote(parts.path),
        subject="=?utf-8?q?" + "".join(f"={byte:02X}" for byte in unquote(fields["subject"]).encode()) + "?=",
        text=unquote(fields["body"]),
    )
    world.sandbox.send_as("bob", raw)
    world.run_until_quiet()


def test_the_links_of_an_ask_open_a_mail_that_answers_it(world: World) -> None:
    _, asked = start(world, "Desk")
    code = code_of(asked)
    links = mailto_links(asked)
    bodies = [parse_qs(urlsplit(link).query)["body"] for link in links]
    assert bodies == [[f"{word}\r\n\r\n#{code}"] for word in ("Approve", "Reject")]
    for link in links:
        assert link.startswith(f"mailto:approvals%2B{code}@{DOMAIN}?")
        assert "+" not in link, "some mail programs read + as a space"
        assert " " not in link
        assert parse_qs(urlsplit(link).query)["subject"] == [f"Re: Please decide: Desk [#{code}]"]
        assert link in asked.text


@pytest.mark.parametrize("plus", [True, False], ids=["plus addressing", "no plus addressing"])
@pytest.mark.parametrize(("at", "outcome"), [(0, "approve"), (1, "reject")])
@pytest.mark.parametrize("item", ["Desk", HOSTILE["signs of a mailto link"], HOSTILE["emoji"]])
def test_a_click_and_send_decides(world: World, at: int, outcome: str, item: str, plus: bool) -> None:
    with_plus_addressing(world, plus)
    _, asked = start(world, item)
    click(world, mailto_links(asked)[at])
    assert world.decisions() == [("Bob", outcome)]


def test_the_links_of_a_refusal_answer_too(world: World) -> None:
    _, asked = start(world, "Desk")
    world.sandbox.reply_as("bob", asked.id, "What?")
    world.run_until_quiet()
    refusal = world.newest("bob", "Not applied")
    assert reply_to(refusal) == reply_to(asked)
    click(world, mailto_links(refusal)[1])
    assert world.decisions() == [("Bob", "reject")]


def test_the_page_link_carries_no_right(world: World) -> None:
    _, asked = start(world, "Desk")
    request = Request.objects.get()
    (link,) = [link for link in seen(asked.html).links if not link.startswith("mailto:")]
    assert link == f"{settings.PLACET.public_url}/requests/{request.public_id}/"
    assert code_of(asked) not in link
    path = urlsplit(link).path
    nobody = Client().get(path)
    assert nobody.status_code == 302
    assert nobody["Location"].startswith(reverse("account_login"))
    stranger = Client()
    stranger.force_login(world.people["dave"])
    assert stranger.get(path).status_code in (403, 404)
    bob = Client()
    bob.force_login(world.people["bob"])
    assert bob.get(path).status_code == 200
    assert not Decision.objects.exists(), "nothing is decided by a GET"


# --- what we write ------------------------------------------------------------------------------------------


def test_the_text_of_an_ask_reads_well(world: World) -> None:
    _, asked = start(world, "Standing desk", "My back.\nIt hurts.")
    request, code = Request.objects.get(), code_of(asked)
    lines = asked.text.replace("\r\n", "\n").split("\n")
    links = mailto_links(asked)
    page = f"{settings.PLACET.public_url}/requests/{request.public_id}/"
    assert [line for line in lines if line] == [
        marker(),
        "Please decide: Standing desk",
        f"Alice Aliceson asks for your decision on purchase request {request.number}: Manager.",
        "What do you need? Standing desk",
        "Amount: 900.00 EUR",
        "Why?",
        "    | My back.",
        "    | It hurts.",
        "Reply to this mail with “approve” or “reject” on the first line; a comment can follow below it.",
        f"Approve: {links[0]}",
        f"Reject: {links[1]}",
        f"Open the request in Placet (you will be asked to sign in): {page}",
        f"Reply code: #{code}",
        "It is yours alone: please do not forward this mail.",
        f"Mail reference: {reference_of(asked)}",
    ]
    assert "\n\n\n" not in asked.text.replace("\r\n", "\n")


def test_the_text_of_a_confirmation_says_what_was_understood(world: World) -> None:
    _, asked = start(world, "Standing desk")
    number = Request.objects.get().number
    world.sandbox.reply_as("bob", asked.id, "Approved\n\nGood price.\nSecond line.")
    world.run_until_quiet()
    lines = world.newest("bob", "Approved:").text.replace("\r\n", "\n").split("\n")
    assert lines[0] == "You approved this request"
    sentence = f"Your answer to “Standing desk” (number {number}) was read as: approved. With this comment:"
    assert sentence in lines
    assert lines[lines.index(sentence) + 1 :][:4] == ["", "> Good price.", "> Second line.", ""]
    assert "If this is not what you meant, tell the requester at once." in lines


def test_the_text_of_a_refusal_says_what_was_read_and_how_to_answer_again(world: World) -> None:
    _, asked = start(world, "Standing desk")
    world.sandbox.reply_as("bob", asked.id, "Which one\nis it?")
    world.run_until_quiet()
    refusal = world.newest("bob", "Not applied: Standing desk")
    lines = refusal.text.replace("\r\n", "\n").split("\n")
    assert lines[0] == "Nothing was decided: your answer could not be read for certain."
    assert [line for line in lines if line.startswith(">")] == ["> Which one", "> is it?"]
    again = "Please answer again with “Approve” or “Reject” alone on the first line; a comment can follow below it."
    assert again in " ".join(refusal.text.split())
    assert code_of(refusal) == code_of(asked), "its links answer the same ask"
    assert refusal.header("In-Reply-To"), "it stands in the thread of the reply"


def test_the_requester_hears_how_it_ended_and_by_whom(world: World) -> None:
    _, asked = start(world, "Standing desk")
    world.sandbox.reply_as("bob", asked.id, "No\n\nToo dear.")
    world.run_until_quiet()
    ended = world.newest("alice", "Rejected: Standing desk")
    assert re.search(r"^Manager: rejected by Bob Bobson, .+ UTC — “Too dear\.”", ended.text, re.MULTILINE)
    assert ended.header("Reply-To") is None
    assert "#" not in ended.subject


# --- plus addressing ----------------------------------------------------------------------------------------


def with_plus_addressing(world: World, on: bool) -> None:
    row = Mailbox.objects.get(pk=world.mailbox.pk)
    world.mailbox = store.save({**row.settings, "plus_addressing": on}, by="a test", mailbox=row).mailbox


def test_a_reply_goes_to_the_plus_address(world: World) -> None:
    _, asked = start(world, "Desk")
    assert reply_to(asked) == f"approvals+{code_of(asked)}@{DOMAIN}"
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def test_the_plus_address_alone_decides_nothing_and_the_sender_is_told(world: World) -> None:
    _, asked = start(world, "Desk")
    world.sandbox.send_as("bob", to=reply_to(asked), subject="no code here", text="approve")
    world.run_until_quiet()
    assert world.decisions() == []
    assert world.results() == ["not_named"]
    world.sandbox.reply_as("bob", world.newest("bob", "Not applied").id, "approve")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def test_a_reply_under_another_subject_that_quotes_our_mail_decides(world: World) -> None:
    _, asked = start(world, "Desk")
    world.sandbox.reply_as("bob", asked.id, "approve", subject="no code here any more")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


@pytest.mark.parametrize(
    ("changed", "decided"),
    [
        ({}, True),
        ({"subject": "AW: {subject}"}, True),
        ({"subject": "About the desk", "text": "approve\n\n#{code}"}, True),
        ({"subject": "About the desk"}, False),
    ],
    ids=["as it is", "another prefix", "the code in the text", "the code in the quote only"],
)
def test_without_plus_addressing_the_code_is_in_subject_and_body_and_replies_work(
    world: World, changed: dict[str, Any], decided: bool
) -> None:
    with_plus_addressing(world, False)
    _, asked = start(world, "Desk")
    code = code_of(asked)
    assert reply_to(asked) == APPROVALS
    assert asked.subject.endswith(f"[#{code}]")
    assert f"#{code}" in asked.text
    assert f"#{code}" in seen(asked.html).text
    assert f"{code}@" not in asked.mime.decode(), "in no address"
    fill = {"subject": asked.subject, "code": code}
    changed = {name: value.format(**fill) for name, value in changed.items()}
    world.sandbox.reply_as("bob", asked.id, changed.pop("text", "approve"), **changed)
    world.run_until_quiet()
    assert world.decisions() == ([("Bob", "approve")] if decided else [])
    assert Assignment.objects.filter(state=Assignment.State.OPEN).exists() != decided
