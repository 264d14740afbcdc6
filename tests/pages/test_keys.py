"""Keys of the API on pages: people make, rotate and revoke their own; administrators see all, and make others' that
decide nothing."""

import re
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from placet.accounts.models import Person
from placet.api import key_mails, keys
from placet.api.keys import Scope
from placet.api.models import Key
from placet.approvals.models import Version
from placet.audit.models import AuditEntry
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox

pytestmark = pytest.mark.django_db
As = Callable[[Person | None], Client]
MINE, ALL = "/accounts/keys/", "/administration/keys/"
_KEY = re.compile(r"plc_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}")


def text_on(page: Any) -> str:
    assert page.status_code == 200, page.content.decode()
    [text] = set(_KEY.findall(page.content.decode()))
    return str(text)


def made_by(client: Client, *scopes: str, address: str = MINE, **more: Any) -> Any:
    return client.post(address, {"name": "ERP", "scopes": scopes, **more})


def mails_about_keys() -> list[tuple[str, str]]:
    return list(OutgoingMail.objects.filter(kind="key-made").order_by("pk").values_list("to", "subject"))


def test_each_scope_is_shown_as_refusals_name_it(as_: As, bob: Person) -> None:
    labels = "".join(re.findall("<label.*?</label>", as_(bob).get(MINE).content.decode()))
    assert set(Scope) - keys.ADMINISTRATORS_ONLY == {one for one in Scope if f">{one.value}</code>" in labels}


# --- one's own --------------------------------------------------------------------------------------------


def test_a_key_of_ones_own_is_shown_once_and_works(
    as_: As, bob: Person, version: Version, mailbox: Mailbox
) -> None:
    client = as_(bob)
    last = timezone.localdate() + timedelta(days=30)
    page = made_by(client, "requests:read", processes=["purchase"], last=last.isoformat())
    text = text_on(page)
    key = keys.presented(text)
    assert key is not None and key.person == bob and key.created_by == bob
    assert (key.scopes, key.processes) == (["requests:read"], ["purchase"])
    assert key.expires_at is not None and timezone.localtime(key.expires_at).date() == last
    assert "whsec_" in page.content.decode() and "no-store" in page["Cache-Control"]
    listed = client.get(MINE).content.decode()
    assert f"plc_{key.public}_…" in listed and text not in listed and "whsec_" not in listed
    assert mails_about_keys() == [], "whoever makes one knows it"


def test_a_key_has_the_floor_that_was_chosen_and_only_administrators_choose_the_weakest(
    as_: As, bob: Person, admin: Person, mailbox: Mailbox
) -> None:
    client = as_(bob)
    key = keys.presented(text_on(made_by(client, "requests:write", floor="page")))
    assert key is not None and key.floor == "page"
    assert (
        "sign-in, on the page of the request" in client.get(MINE).content.decode().partition("Make a key")[0]
    )
    assert made_by(client, "requests:write", floor="outside").status_code == 422
    given = made_by(as_(admin), "requests:write", address=f"{ALL}new/", person=bob.email, floor="outside")
    key = keys.presented(text_on(given))
    assert key is not None and key.floor == "outside"
    assert "a mail account, also from outside" in as_(admin).get(ALL).content.decode()


def test_a_key_that_decides_is_made_by_whoever_says_so_and_they_are_told(
    as_: As, bob: Person, mailbox: Mailbox
) -> None:
    client = as_(bob)
    refused = made_by(client, "decisions:write")
    assert refused.status_code == 422 and "Say so, or do not let the key" in refused.content.decode()
    assert not Key.objects.exists()
    key = keys.presented(text_on(made_by(client, "decisions:write", decides="on")))
    assert key is not None and key.scopes == ["decisions:write"]
    assert mails_about_keys() == [(bob.email, "A key for your account was made")]


def test_what_it_may_is_written_to_whoever_reads_it(
    as_: As, bob: Person, admin: Person, mailbox: Mailbox
) -> None:
    made_by(as_(bob), "decisions:write", "requests:read", decides="on")
    letter = message_from_bytes(bytes(OutgoingMail.objects.get().raw), policy=default).get_body(("plain",))
    assert letter is not None and "as you: answer in your name; read" in letter.get_content()
    assert "answer in your name; read" in as_(bob).get(MINE).content.decode()
    assert "answer in this person’s name; read" in as_(admin).get(ALL).content.decode()
    with override("fr"):
        in_french = key_mails.scopes_in_words(Key.objects.get(), to_its_person=True)
    assert in_french == "répondre en votre nom\N{NO-BREAK SPACE}; lire les demandes et les processus"


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["mail-log:read"]},  # of an administrator only
        {"name": " "},
        {"processes": ["none"]},
        {"last": "2001-01-01"},
        {"last": "2999-01-01"},
    ],
)
def test_what_cannot_be_made_comes_back_as_it_was_typed(
    as_: As, bob: Person, wrong: dict[str, object]
) -> None:
    page = as_(bob).post(MINE, {"name": "ERP", "scopes": ["requests:read"], **wrong})
    assert page.status_code == 422 and not Key.objects.exists()


def test_of_a_key_that_is_rotated_both_are_valid_as_long_as_was_chosen(as_: As, bob: Person) -> None:
    client = as_(bob)
    old, first = keys.make(bob, "ERP", {Scope.DECISIONS_WRITE}, by=bob)
    second = text_on(client.post(f"{MINE}{old.pk}/rotate/", {"hours": "1"}))
    new = keys.presented(second)
    assert new is not None and new.scopes == old.scopes and keys.presented(first) is not None
    old.refresh_from_db()
    assert old.expires_at is not None
    assert timedelta() < old.expires_at - timezone.now() <= timedelta(hours=1)
    again = client.post(f"{MINE}{old.pk}/rotate/", {"hours": "1"}, follow=True)
    assert "was replaced already" in again.content.decode() and Key.objects.count() == 2
    text_on(client.post(f"{MINE}{new.pk}/rotate/", {"hours": "0"}))
    assert keys.presented(second) is None, "not at all"
    assert client.post(f"{MINE}{new.pk}/rotate/", {"hours": "99999"}).status_code == 422


def test_a_key_is_revoked_after_it_was_asked_once_more(as_: As, bob: Person) -> None:
    client = as_(bob)
    key, text = keys.make(bob, "ERP", {Scope.REQUESTS_READ}, by=bob)
    assert "cannot be undone" in client.get(f"{MINE}{key.pk}/revoke/").content.decode()
    assert keys.presented(text) is not None, "looking revokes nothing"
    client.post(f"{MINE}{key.pk}/revoke/")
    assert keys.presented(text) is None
    assert AuditEntry.objects.filter(request=None).latest("pk").what["event"] == keys.REVOKED


@pytest.mark.parametrize("what", ["rotate", "revoke"])
def test_nobody_touches_anothers_keys(as_: As, bob: Person, carol: Person, admin: Person, what: str) -> None:
    key, text = keys.make(bob, "ERP", {Scope.REQUESTS_READ}, by=bob)
    for person in (carol, admin):
        assert as_(person).post(f"{MINE}{key.pk}/{what}/", {"hours": "0"}).status_code == 404
    assert as_(carol).post(f"{ALL}{key.pk}/{what}/", {"hours": "0"}).status_code == 403
    assert keys.presented(text) is not None


# --- all of them ------------------------------------------------------------------------------------------


def test_an_administrator_makes_a_key_of_somebody_who_is_told_of_it(
    as_: As, admin: Person, bob: Person, mailbox: Mailbox
) -> None:
    client = as_(admin)
    assert "decisions:write" not in client.get(f"{ALL}new/").content.decode()
    refused = made_by(client, "decisions:write", address=f"{ALL}new/", person=bob.email, decides="on")
    assert refused.status_code == 422 and not Key.objects.exists()
    key = keys.presented(text_on(made_by(client, "requests:read", address=f"{ALL}new/", person=bob.email)))
    assert key is not None and (key.person, key.created_by) == (bob, admin)
    assert mails_about_keys() == [(bob.email, "A key for your account was made")]
    entry = AuditEntry.objects.filter(request=None).latest("pk")
    assert (entry.who, entry.what["event"], entry.what["person"]) == (f"person:{admin.pk}", keys.MADE, bob.pk)
    new = keys.presented(text_on(client.post(f"{ALL}{key.pk}/rotate/", {"hours": "24"})))
    assert new is not None and len(mails_about_keys()) == 2
    client.post(f"{ALL}{new.pk}/revoke/")
    new.refresh_from_db()
    assert new.revoked_at is not None


def test_an_administrator_makes_none_that_decides_by_rotating_one(
    as_: As, admin: Person, bob: Person
) -> None:
    client = as_(admin)
    key, _text = keys.make(bob, "Bot", {Scope.DECISIONS_WRITE}, by=bob)
    assert f"{ALL}{key.pk}/rotate/" not in client.get(ALL).content.decode()
    page = client.post(f"{ALL}{key.pk}/rotate/", {"hours": "24"}, follow=True)
    assert "Only Bob Manager can make a key" in page.content.decode() and Key.objects.count() == 1


def test_all_keys_are_found_by_what_is_known_of_them(
    as_: As, admin: Person, bob: Person, carol: Person
) -> None:
    erp, text = keys.make(bob, "ERP", {Scope.REQUESTS_READ}, by=bob)
    ci, _text = keys.make(carol, "Pipeline", {Scope.REQUESTS_READ}, by=carol)
    over, _text = keys.make(
        carol, "Old", {Scope.REQUESTS_READ}, by=carol, expires_at=timezone.now() - timedelta(days=1)
    )
    keys.revoke(ci, carol)
    newer, _text = keys.rotate(erp, bob, timedelta(hours=1))
    client = as_(admin)
    by = {
        "q=ERP": {erp, newer}, "q=bob%40": {erp, newer}, "q=Carol": {ci, over}, f"q={text}": {erp},
        f"q=plc_{ci.public}": {ci}, "q=%25": set(), "state=valid": {newer}, "state=replaced": {erp},
        "state=expired": {over}, "state=revoked": {ci}, "state=other": {erp, ci, over, newer},
    }  # fmt: skip
    for query, expected in by.items():
        page = client.get(f"{ALL}?{query}").content.decode()
        table = page.partition("<table>")[2]
        shown = {key for key in (erp, ci, over, newer) if f"plc_{key.public}_…" in table}
        assert shown == expected, query
