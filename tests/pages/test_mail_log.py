"""The mail log: what came, what was made of it, what went out, as an administrator sees it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse, reverse_lazy
from django.utils import timezone, translation
from django.utils.text import format_lazy
from pytest_django import DjangoAssertNumQueries

from placet.accounts.models import Person
from placet.approvals.models import Ask, Assignment, Decision
from placet.mail import outbox
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.models import Mailbox
from placet.panel import pager
from placet.panel.mail_source import source_of
from placet.panel.mail_words import APPLIED, OUT_STATES, RESULTS, STATES, refusals_of
from placet.replies import entry
from placet.replies.check_dkim import Checked
from tests.making import damage
from tests.pages.conftest import HOSTILE, answer

As = Callable[[Person | None], Client]


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


def page_of(browser: Client, mail: IncomingMail | OutgoingMail, **query: str) -> str:
    name = "panel:incoming_mail" if isinstance(mail, IncomingMail) else "panel:outgoing_mail"
    got = browser.get(reverse(name, args=[mail.pk]), query)
    assert got.status_code == 200
    return got.content.decode()


def story_on(page: str) -> list[str]:
    """The titles of the story's steps."""
    story = page.partition('class="card story"')[2].partition("</ol>")[0]
    return [part.partition("</h3>")[0] for part in story.split("<h3>")[1:]]


# --- the list ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, True),
        ({"state": "look"}, True),
        ({"state": "set_aside"}, True),
        ({"state": "handled"}, False),
        ({"result": "set_aside"}, True),
        ({"result": "decided"}, False),
        ({"q": "MALLORY"}, True),
        ({"q": "42"}, True),
        ({"q": "#42"}, True),
        ({"q": "43"}, False),
        ({"q": "9" * 60}, False),
        ({"q": "nobody at all"}, False),
        ({"q": "bob manag"}, True),
        ({"state": "' OR 1=1 --", "before": "-7", "result": "%"}, True),
        ({"before": "9" * 40}, True),
        ({"before": "1"}, True),
        ({"q": "zz\x00zz"}, False),
    ],
)
def test_the_mail_log_is_searched_and_filtered(
    query: dict[str, str], found: bool, ada: Client, incoming: IncomingMail, bob: Person
) -> None:
    IncomingMail.objects.update(verdict={**incoming.verdict, "request": 42}, person=bob)
    page = ada.get(reverse("panel:incoming"), query).content.decode()
    assert (reverse("panel:incoming_mail", args=[incoming.pk]) in page) is found


def test_what_is_to_look_at_is_counted_and_found(ada: Client, incoming: IncomingMail) -> None:
    assert "1 mail to look at." in ada.get(reverse("panel:incoming")).content.decode()
    IncomingMail.objects.update(state="handled", result="not_the_one_asked")
    page = ada.get(reverse("panel:incoming"), {"state": "look"}).content.decode()
    assert "not the one asked" in page
    IncomingMail.objects.update(state="handled", result="decided")
    assert "to look at." not in ada.get(reverse("panel:incoming")).content.decode()


def test_a_mail_that_was_looked_at_leaves_the_list_and_stays_under_its_state(
    ada: Client, incoming: IncomingMail
) -> None:
    log, mark = reverse("panel:incoming"), reverse("panel:looked_at", args=[incoming.pk])
    assert f'action="{mark}"' in page_of(ada, incoming)
    said = ada.post(mark, follow=True).content.decode()
    assert f"Mail {incoming.pk} is marked as looked at." in said and "No mail here." in said
    assert "to look at." not in ada.get(log).content.decode()
    aside = ada.get(log, {"state": "set_aside"}).content.decode()
    of_mail = reverse("panel:incoming_mail", args=[incoming.pk])
    assert of_mail in aside and "badge warn" not in aside
    page = page_of(ada, incoming)
    assert mark not in page and "Handle again" in page and "looked at" in page
    assert "nothing was done" in ada.post(mark, follow=True).content.decode()


def test_a_mail_that_is_set_aside_once_more_is_to_be_looked_at_once_more(
    ada: Client, incoming: IncomingMail
) -> None:
    ada.post(reverse("panel:looked_at", args=[incoming.pk]))
    ada.post(reverse("panel:handle_again", args=[incoming.pk]))
    IncomingMail.objects.update(state="set_aside", result="set_aside")
    assert "1 mail to look at." in ada.get(reverse("panel:incoming")).content.decode()


def test_all_that_the_list_showed_is_marked_as_looked_at_and_nothing_that_came_meanwhile(
    ada: Client, incoming: IncomingMail
) -> None:
    _many(incoming.mailbox, 60)
    IncomingMail.objects.filter(result="decided").update(result="bounce", handled_at=timezone.now())
    shown = ada.get(reverse("panel:incoming"), {"state": "look", "result": "bounce"}).content.decode()
    assert "Those on the other pages of this list, too." in shown
    address = shown.partition(f'action="{reverse("panel:all_looked_at")}')[2].partition('"')[0]
    shown_at = shown.partition('name="shown_at" value="')[2].partition('"')[0]
    late = IncomingMail.objects.filter(result="bounce").last()
    assert late is not None
    IncomingMail.objects.filter(pk=late.pk).update(handled_at=timezone.now())
    query = address.replace("&amp;", "&")
    said = ada.post(reverse("panel:all_looked_at") + query, {"shown_at": shown_at}, follow=True)
    assert "59 mails are marked as looked at." in said.content.decode()
    left = IncomingMail.objects.filter(looked_at=None)
    assert set(left) == {late, incoming}  # that one has another result


@pytest.mark.parametrize("shown_at", ["", "soon", "2026-13-45T00:00:00+00:00", "2026-01-01T00:00:00", "\x00"])
def test_nothing_is_marked_as_looked_at_where_it_is_not_known_what_was_seen(
    shown_at: str, ada: Client, incoming: IncomingMail
) -> None:
    said = ada.post(reverse("panel:all_looked_at"), {"shown_at": shown_at}, follow=True).content.decode()
    assert "Nothing was done." in said
    assert IncomingMail.objects.filter(looked_at=None).count() == 1


class Plans:
    """How SQLite finds what is asked of it, with the values as they are given: partial indexes depend on them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if " FROM " in sql and not many:
            self.asked.append((sql, params))
        return execute(sql, params, many, context)

    def without_index(self) -> list[str]:
        """Queries that read a mail row by row, with all its bytes."""
        read = re.compile(
            r"SCAN mail_(incoming|outgoing)mail$|USING INDEX mail_(incoming|outgoing)mail_mailbox"
        )
        with connection.cursor() as cursor:
            return [
                sql
                for sql, params in self.asked
                if any(read.search(step) for step in _plan(cursor, sql, params))
            ]


def _plan(cursor: Any, sql: str, params: Any) -> list[str]:
    return [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="about how SQLite reads rows")
@pytest.mark.parametrize(
    "address",
    [
        reverse_lazy("panel:home"),
        reverse_lazy("panel:support_file"),
        "/healthz",
        *(
            format_lazy("{}?state={}", reverse_lazy("panel:incoming"), one)
            for one in STATES
            if one != "handled"
        ),
        format_lazy("{}?result=bounce", reverse_lazy("panel:incoming")),
        *(format_lazy("{}?state={}", reverse_lazy("panel:outgoing"), one) for one in OUT_STATES),
    ],
    ids=str,
)
def test_no_count_and_no_filter_reads_every_byte_of_every_mail(
    address: str, ada: Client, incoming: IncomingMail
) -> None:
    plans = Plans()
    with connection.execute_wrapper(plans):
        assert ada.get(str(address)).status_code == 200
    assert any("mail_incomingmail" in sql or "mail_outgoingmail" in sql for sql, _params in plans.asked)
    assert plans.without_index() == []


def _many(mailbox: Mailbox, number: int) -> None:
    IncomingMail.objects.bulk_create(
        IncomingMail(
            mailbox=mailbox, server_id=f"m{one}", fingerprint=f"{one}", folder="inbox", raw=b"",
            state=IncomingMail.State.HANDLED, result="decided", verdict={"subject": f"Mail {one}."},
        )
        for one in range(number)
    )  # fmt: skip


def _link(page: str, which: str) -> str:
    return page.partition(f'rel="{which}" href="')[2].partition('"')[0].replace("&amp;", "&")


def test_the_list_is_paged_with_few_queries_and_keeps_its_filter(
    ada: Client, incoming: IncomingMail, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    _many(incoming.mailbox, 120)
    with django_assert_max_num_queries(8):
        page = ada.get(reverse("panel:incoming"), {"state": "handled"}).content.decode()
    assert "Mail 119." in page
    assert "Mail 70." in page
    assert "Mail 69." not in page
    assert "Newer" not in page
    older = _link(page, "next")
    assert older.startswith("?state=handled&before=")
    # Mails that come meanwhile move nothing on the page below.
    IncomingMail.objects.create(
        mailbox=incoming.mailbox, server_id="new", fingerprint="new", folder="inbox", raw=b""
    )
    below = ada.get(reverse("panel:incoming") + older).content.decode()
    assert "Mail 69." in below
    assert "Mail 20." in below
    assert "Mail 70." not in below
    oldest = ada.get(reverse("panel:incoming") + _link(below, "next")).content.decode()
    assert "Mail 0." in oldest
    assert "Older" not in oldest
    assert "Mail 69." in ada.get(reverse("panel:incoming") + _link(oldest, "prev")).content.decode()
    again = ada.get(reverse("panel:incoming") + _link(below, "prev")).content.decode()
    assert "Mail 119." in again
    assert "Mail 69." not in again


def test_of_several_mailboxes_the_lists_say_which_one(
    ada: Client, incoming: IncomingMail, ask: OutgoingMail
) -> None:
    lists = [reverse("panel:incoming"), reverse("panel:outgoing")]
    for page in lists:
        assert f"<bdi>{incoming.mailbox.name}</bdi>" not in ada.get(page).content.decode()
    Mailbox.objects.create(name=HOSTILE, address="second@contoso.example")
    for page in lists:
        shown = ada.get(page).content.decode()
        assert f"<bdi>{incoming.mailbox.name}</bdi>" in shown
        assert HOSTILE not in shown


def test_beyond_the_last_page_the_newest_is_shown(ada: Client, incoming: IncomingMail) -> None:
    page = ada.get(reverse("panel:incoming"), {"before": incoming.pk}).content.decode()
    assert reverse("panel:incoming_mail", args=[incoming.pk]) in page


def test_every_result_has_its_words() -> None:
    assert {kind.key for kind in refusals_of()} | APPLIED | {"set_aside"} == set(RESULTS)


def test_a_page_is_the_newest_when_less_than_a_page_is_newer(incoming: IncomingMail) -> None:
    found = pager.page_of(IncomingMail.objects.all(), RequestFactory().get("/", {"after": "0"}))
    assert [mail.pk for mail in found.rows] == [incoming.pk]
    assert (found.newer, found.older) == (None, None)


# --- one mail that came -----------------------------------------------------------------------------------


def test_an_incoming_mail_is_shown_as_text_without_its_reply_codes(
    ada: Client, incoming: IncomingMail
) -> None:
    of_mail = reverse("panel:incoming_mail", args=[incoming.pk])
    for address in (reverse("panel:incoming"), of_mail, f"{of_mail}?show=source", f"{of_mail}?show=text"):
        page = ada.get(address).content.decode()
        assert "<script>" not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page
        assert "abcdefghijklmnop" not in page
    assert "Anonymous" in page
    assert "mallory@evil.example" in page
    assert "It could not be handled: ValueError." in page


@pytest.mark.parametrize("show", ["text", "source", "html", "<script>"])
def test_control_and_direction_characters_are_made_visible(
    show: str, ada: Client, incoming: IncomingMail
) -> None:
    IncomingMail.objects.update(
        verdict={"subject": "pay \u202eevil\u202c \x1b[2J"}, raw=b"A: b\r\n\r\n\x1b[2J\x00\xff \xe2\x80\xae"
    )
    assert not set(page_of(ada, incoming, show=show)) & {"\u202e", "\x1b", "\x00"}


def test_a_code_that_an_encoding_breaks_over_two_lines_is_left_out_of_the_source(
    ada: Client, incoming: IncomingMail
) -> None:
    raw = (
        b"Content-Transfer-Encoding: quoted-printable\r\nSubject: =?utf-8?q?=5B=23abcdefghijklmnop=5D?=\r\n\r\n"
        b"x [#abcdefgh=\r\nijklmnop] y +abcdefghijklmno=\r\np@x"
    )
    IncomingMail.objects.update(raw=raw)
    page = page_of(ada, incoming, show="source")
    assert "abcdefgh" not in page
    assert "ijklmnop" not in page
    assert "x [#…] y +…@x" in page


def test_the_raw_mail_is_a_download_that_no_browser_opens(ada: Client, incoming: IncomingMail) -> None:
    answer = ada.get(reverse("panel:raw", args=[incoming.pk]))
    assert answer.content == bytes(incoming.raw)
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == f'attachment; filename="mail-{incoming.pk}.eml"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_of_a_large_mail_only_the_beginning_is_shown(ada: Client, incoming: IncomingMail) -> None:
    IncomingMail.objects.update(raw=b"A: b\r\n\r\n" + b"x" * 200_000)
    page = page_of(ada, incoming, show="source")
    assert len(page) < 100_000
    assert "Only the beginning is shown" in page


def test_a_mail_that_was_set_aside_is_handled_again_once(ada: Client, incoming: IncomingMail) -> None:
    assert "Handle again reads it once more as if it had just come" in page_of(ada, incoming)
    address = reverse("panel:handle_again", args=[incoming.pk])
    assert "handled once more now" in ada.post(address, follow=True).content.decode()
    incoming.refresh_from_db()
    assert incoming.state == IncomingMail.State.KEPT
    assert "not set aside any more" in ada.post(address, follow=True).content.decode()


def test_the_page_of_a_mail_that_is_damaged_where_it_lies_says_so(
    ada: Client, incoming: IncomingMail
) -> None:
    damage(incoming)
    IncomingMail.objects.update(state="kept", due=timezone.now())
    assert entry.take_in(incoming.pk)
    assert "It could not be handled: Damaged." in page_of(ada, incoming)


def test_so_does_that_of_one_that_was_to_be_sent(ada: Client, ask: OutgoingMail) -> None:
    damage(ask)
    OutgoingMail.objects.update(due=timezone.now())
    assert outbox.work(ask.pk)
    assert "Placet itself failed: Damaged." in page_of(ada, ask)
    assert ada.get(reverse("panel:outgoing_html", args=[ask.pk])).status_code == 200


def test_what_was_made_of_a_decision_is_told_in_its_order(
    ada: Client, incoming: IncomingMail, asked: Assignment, bob: Person
) -> None:
    ask = Ask.objects.get(lines__assignment=asked)
    verdict = {
        "automatic": None, "ask": str(ask.public_id), "request": asked.visit.request.number, "outcome": "approve",
        "proof": {"level": "colleague", "address": "bob@contoso.example"}, "rests_on": ["fine, go ahead"],
        "comment": "watch the budget",
    }  # fmt: skip
    IncomingMail.objects.update(
        state="handled", result="decided", reason="Bob Manager: approved", verdict=verdict,
        handled_at=timezone.now(), person=bob,
    )  # fmt: skip
    ServerTask.objects.create(incoming=incoming, action="move", folder="Done", done_at=timezone.now())
    told = OutgoingMail.objects.create(
        mailbox=incoming.mailbox, kind="confirmation", to=bob.email, cause=f"incoming:{incoming.pk}",
        reference="r", message_id="<r@x>", subject="Approved", raw=b"A: b\r\n\r\nhi",
    )  # fmt: skip
    page = page_of(ada, incoming)
    assert story_on(page) == [
        "Kept", "Did a program write it?", "Which ask does it answer?", "Who sent it, and how do we know?",
        "What was read?", "What was done?", "On the server",
    ]  # fmt: skip
    assert "Exchange says that a colleague sent it, signed in, from bob@contoso.example." in page
    assert "It rests on: “fine, go ahead”" in page
    assert "Comment: watch the budget" in page
    assert "Move to the folder “Done”: done." in page
    assert f'href="{reverse("panel:outgoing_mail", args=[told.pk])}"' in page
    assert reverse("portal:request", args=[asked.visit.request.public_id]) in page


def test_each_signature_that_was_checked_is_on_record_line_by_line(
    ada: Client, incoming: IncomingMail
) -> None:
    checked = [
        Checked(
            number, "contoso.example", selector, "rsa-sha256", selector == "new", record="v=DKIM1; p=MII"
        ).as_json()
        for number, selector in enumerate(("old", "new"))
    ]
    IncomingMail.objects.update(facts={**incoming.facts, "dkim": checked})
    page = page_of(ada, incoming)
    assert re.search(r"<th scope=\"row\">dkim 1: selector</th><td[^>]*>old<", page)
    assert re.search(r"<th scope=\"row\">dkim 2: holds</th><td[^>]*>yes<", page)
    assert "{" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("result", "made", "steps", "sentence"),
    [
        ("automatic_reply", {"automatic": "automatic reply", "automatic_why": "Auto-Submitted"},
         ["Kept", "Did a program write it?", "What was done?"], "Yes, automatic reply: Auto-Submitted."),
        ("bounce", {"automatic": "bounce", "automatic_why": ""},
         ["Kept", "Did a program write it?", "What was done?"], "It was not read for an answer"),
        ("no_code", {"automatic": None},
         ["Kept", "Did a program write it?", "Which ask does it answer?", "What was done?"], "Nobody was told."),
        ("not_proved", {"automatic": None, "refusal": {"reason": "DMARC must be one pass"}},
         ["Kept", "Did a program write it?", "Who sent it, and how do we know?", "What was done?"],
         "DMARC must be one pass"),
        ("unclear", {"automatic": None, "refusal": {"why": "It asks something."}},
         ["Kept", "Did a program write it?", "What was read?", "What was done?"], "It asks something."),
    ],
)  # fmt: skip
def test_the_story_ends_where_it_ended(
    result: str, made: dict[str, object], steps: list[str], sentence: str, ada: Client, incoming: IncomingMail
) -> None:
    IncomingMail.objects.update(state="handled", result=result, reason="So.", verdict=made)
    page = page_of(ada, incoming)
    assert story_on(page) == steps
    assert sentence in page


@pytest.mark.parametrize(
    ("result", "refusal", "in_story", "in_list"),
    [
        ("unclear", {"why": "It asks something."}, "It asks something.", "It asks something."),
        ("page_only", {}, "In words for the sender: “Your answer did not count.”", None),
        ("already_decided", {}, "It was not applied (already decided).", None),
    ],
)
def test_what_a_refusal_says_to_its_sender_is_not_said_to_administrators(
    result: str,
    refusal: dict[str, str],
    in_story: str,
    in_list: str | None,
    ada: Client,
    incoming: IncomingMail,
) -> None:
    verdict = {"automatic": None, "refusal": refusal}
    IncomingMail.objects.update(
        state="handled", result=result, reason="Your answer did not count.", verdict=verdict
    )
    assert in_story in page_of(ada, incoming)
    rows = ada.get(reverse("panel:incoming")).content.decode().partition("<tbody>")[2]
    assert "Your answer" not in rows
    assert in_list is None or in_list in rows


def test_a_mail_that_was_shown_again_leads_to_the_first(ada: Client, incoming: IncomingMail) -> None:
    again = IncomingMail.objects.create(
        mailbox=incoming.mailbox, server_id="2", fingerprint="f" * 64, folder="inbox", raw=b"",
        same_as=incoming, state="duplicate", result="set_aside",
    )  # fmt: skip
    page = page_of(ada, again)
    assert story_on(page) == ["Shown again"]
    assert reverse("panel:incoming_mail", args=[incoming.pk]) in page


def test_a_mark_that_failed_on_the_server_is_told(ada: Client, incoming: IncomingMail) -> None:
    ServerTask.objects.create(incoming=incoming, action="delete", failed=True, last_error="ErrorAccessDenied")
    page = page_of(ada, incoming)
    assert "Delete: failed." in page
    assert "ErrorAccessDenied" in page


def test_the_page_of_a_mail_needs_few_queries(
    ada: Client,
    incoming: IncomingMail,
    asked: Assignment,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    ask = Ask.objects.get(lines__assignment=asked)
    IncomingMail.objects.update(verdict={"ask": str(ask.public_id)}, state="handled", result="no_longer_open")
    with django_assert_max_num_queries(13):
        page_of(ada, incoming)


# --- mail out ---------------------------------------------------------------------------------------------


@pytest.fixture
def ask(mailbox: Mailbox, asked: Assignment) -> OutgoingMail:
    return OutgoingMail.objects.get()


def code_of(mail: OutgoingMail) -> str:
    return mail.subject.partition("[#")[2].rstrip("]")


def test_a_mail_that_failed_is_sent_again(ada: Client, ask: OutgoingMail) -> None:
    address = reverse("panel:send_again", args=[ask.pk])
    assert "has not failed" in ada.post(address, follow=True).content.decode()
    OutgoingMail.objects.update(state=OutgoingMail.State.FAILED, last_error=f"550 {HOSTILE}", tries=8)
    page = ada.get(reverse("panel:outgoing"), {"state": "failed"}).content.decode()
    assert "550 &lt;script&gt;" in page
    assert "8 tries" in page
    of_mail = page_of(ada, ask)
    assert "This mail could not be sent." in of_mail
    assert "550 &lt;script&gt;" in of_mail
    assert "is tried again now" in ada.post(address, follow=True).content.decode()
    ask.refresh_from_db()
    assert (ask.state, ask.tries) == (OutgoingMail.State.WAITING, 0)


def test_a_mail_that_may_have_gone_out_is_shown_as_that_and_sent_again_by_hand(
    ada: Client, ask: OutgoingMail
) -> None:
    OutgoingMail.objects.update(state=OutgoingMail.State.UNSURE, started_at=timezone.now())
    page = ada.get(reverse("panel:outgoing"), {"state": "unsure"}).content.decode()
    assert 'class="badge bad">perhaps sent' in page
    assert "Nobody can say whether this mail was sent." in page_of(ada, ask)
    assert 'state=unsure">perhaps sent' in ada.get(reverse("panel:home")).content.decode()
    again = reverse("panel:send_again", args=[ask.pk])
    assert "is tried again now" in ada.post(again, follow=True).content.decode()
    ask.refresh_from_db()
    assert ask.state == OutgoingMail.State.WAITING


@pytest.mark.parametrize("sign", ["#", "+", "=23", "=2B", "%23", "%2B"])
def test_no_code_is_shown_wherever_an_encoding_breaks_its_line(sign: str) -> None:
    code = "k7q2mfx3wz5ta4ub"
    for at in range(len(sign) + len(code) + 1):
        if sign.startswith("=") and 0 < at < 3:
            continue  # a soft break never stands there
        link = f"{sign}{code}"
        broken = f"{link[:at]}=\r\n{link[at:]}"
        source = source_of(f"Subject: x\r\n\r\nmailto:a?subject=3DDesk%5B{broken}%5D".encode())
        assert code not in source.body.replace("=\n", ""), broken


def test_the_reply_code_of_an_ask_is_nowhere_in_the_mail_log(ada: Client, ask: OutgoingMail) -> None:
    code = code_of(ask)
    assert len(code) == 16
    assert code.encode() in bytes(ask.raw)
    of_mail = reverse("panel:outgoing_mail", args=[ask.pk])
    html = reverse("panel:outgoing_html", args=[ask.pk])
    for address in (
        reverse("panel:outgoing"),
        of_mail,
        html,
        f"{of_mail}?show=text",
        f"{of_mail}?show=source",
    ):
        page = ada.get(address).content.decode()
        assert code not in page.replace("=\n", "").replace("<wbr>", "")
        assert code[:12] not in page
    assert "Please decide: A chair [#…]" in ada.get(reverse("panel:outgoing")).content.decode()


def test_an_outgoing_mail_says_to_whom_about_what_and_how_far_it_came(
    ada: Client, ask: OutgoingMail, asked: Assignment
) -> None:
    now = timezone.now()
    OutgoingMail.objects.update(
        state="sent", sent_at=now, started_at=now, bounced_at=now + timedelta(minutes=1)
    )
    page = page_of(ada, ask)
    assert "bob@contoso.example" in page.replace("<wbr>", "")
    assert reverse("portal:request", args=[asked.visit.request.public_id]) in page
    assert story_on(page) == ["Written", "Handed to the server", "Sent", "Came back"]
    assert reverse("panel:person", args=[asked.person.pk]) in page
    assert (
        f'<iframe class="mail-frame" src="{reverse("panel:outgoing_html", args=[ask.pk])}" sandbox=""' in page
    )


def test_a_confirmation_leads_to_the_mail_that_it_answers(
    ada: Client, incoming: IncomingMail, asked: Assignment
) -> None:
    number = asked.visit.request.number
    IncomingMail.objects.update(verdict={"request": number})
    mail = OutgoingMail.objects.create(
        mailbox=incoming.mailbox, kind="refusal-unclear", to="bob@contoso.example", cause=f"incoming:{incoming.pk}",
        reference="r", message_id="<r@x>", subject="Not applied", raw=b"A: b\r\n\r\nhi",
    )  # fmt: skip
    page = page_of(ada, mail)
    assert reverse("panel:incoming_mail", args=[incoming.pk]) in page
    assert f"Request {number}, " in page
    assert "answer not applied: unclear" in page


@pytest.mark.parametrize("kind", ["account", "another-address", "something-new"])
def test_links_that_whoever_has_them_may_use_are_not_shown(kind: str, ada: Client, ask: OutgoingMail) -> None:
    raw = b"Subject: x\r\n\r\nChoose a password: https://placet.example/accounts/password/reset/key/1-secret/\r\n"
    OutgoingMail.objects.update(kind=kind, raw=raw)
    for show in ("", "html", "text", "source"):
        page = page_of(ada, ask, show=show)
        assert "is not shown here" in page
        assert "secret" not in page
    assert ada.get(reverse("panel:outgoing_html", args=[ask.pk])).status_code == 404


@pytest.mark.parametrize("about", ["account:x", "incoming:999999", "assignment:999999", "visit:99:3", "else"])
def test_a_mail_about_nothing_that_is_there_still_opens(about: str, ada: Client, ask: OutgoingMail) -> None:
    OutgoingMail.objects.update(cause=about)
    assert "About</dt>" not in page_of(ada, ask)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, True),
        ({"q": "BOB@"}, True),
        ({"q": "chair"}, True),
        ({"q": "nobody"}, False),
        ({"state": "waiting"}, True),
        ({"state": "sent"}, False),
        ({"state": "bounced"}, False),
        ({"q": "9" * 60}, False),
    ],
)
def test_mail_out_is_searched_and_filtered(
    query: dict[str, str], found: bool, ada: Client, ask: OutgoingMail
) -> None:
    page = ada.get(reverse("panel:outgoing"), query).content.decode()
    assert (reverse("panel:outgoing_mail", args=[ask.pk]) in page) is found


def test_the_mails_of_a_request_are_found_by_its_number(
    ada: Client, ask: OutgoingMail, asked: Assignment, bob: Person, as_: As
) -> None:
    request = asked.visit.request
    page = reverse("portal:decide", args=[request.public_id])
    as_(bob).post(page, answer(asked))
    assert Decision.objects.exists()
    ended = OutgoingMail.objects.exclude(pk=ask.pk).get()
    found = ada.get(reverse("panel:outgoing"), {"q": f"#{request.number}"}).content.decode()
    for mail in (ask, ended):
        assert reverse("panel:outgoing_mail", args=[mail.pk]) in found
    assert "No mail here." in ada.get(reverse("panel:outgoing"), {"q": "#7"}).content.decode()


def test_the_mail_log_speaks_french(ada: Client, incoming: IncomingMail, admin: Person) -> None:
    Person.objects.filter(pk=admin.pk).update(language="fr")
    with translation.override("fr"):
        page = page_of(ada, incoming)
    assert "Traiter à nouveau" in page
    assert "Handle again" not in page


def test_what_a_mail_was_read_as_is_told_in_french(
    ada: Client, incoming: IncomingMail, admin: Person
) -> None:
    Person.objects.filter(pk=admin.pk).update(language="fr")
    made = {"automatic": "automatic reply", "outcome": "reject"}
    IncomingMail.objects.update(state="handled", result="decided", verdict=made)
    page = page_of(ada, incoming)
    assert re.search(r"Oui\s: réponse automatique\.", page)
    assert re.search(r"Comme\s: refuser\.", page)
    assert "écrit par un programme (réponse automatique)" in page


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_mail_that_still_reads_as_it_did_is_not_said_to_have_changed(
    language: str, ada: Client, incoming: IncomingMail, admin: Person
) -> None:
    Person.objects.filter(pk=admin.pk).update(language=language)
    raw = b"From: bob@contoso.example\r\nAuto-Submitted: auto-replied\r\n\r\nAway.\r\n"
    IncomingMail.objects.update(
        state="handled", result="automatic_reply", verdict={"automatic": "automatic reply"}, raw=raw
    )
    assert 'class="note"' not in page_of(ada, incoming)


def test_a_mail_in_another_mailbox_says_where_it_was_asked_and_what_to_do(
    ada: Client, incoming: IncomingMail
) -> None:
    refusal = {"asked_from": "approvals@fabrikam.example"}
    IncomingMail.objects.update(
        state="handled",
        result="wrong_mailbox",
        verdict={**incoming.verdict, "shown": True, "refusal": refusal},
    )
    page = page_of(ada, incoming)
    assert "Does it count in this mailbox?" in story_on(page)
    assert "approvals@fabrikam.example" in page
    assert "Mailboxes of the same organisation" in page
    assert "in another mailbox" in ada.get(reverse("panel:incoming"), {"state": "look"}).content.decode()
