"""People from a file: chosen, looked at, imported; and people as a file."""

import csv
import io
import re
from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from placet.accounts import importing
from placet.accounts.addresses import add_address, add_person
from placet.accounts.models import Group, Person
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.panel import import_people
from tests.pages.conftest import HOSTILE

As = Callable[[Person | None], Client]
IMPORT = "/administration/people/import/"
FILE = (
    "Name,E-mail address,Manager,Groups\n"
    "Erin Engineer,erin@contoso.example,bob@contoso.example,finance\n"
    "Robert Manager,bob@contoso.example,,\n"
    "Nobody,not an address,,\n"
    "Carol Finance,carol@contoso.example,,\n"
)


@pytest.fixture(autouse=True)
def _mails_become_rows(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "placet.mail.backend.OutboxBackend"  # pytest-django puts another one here


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


def upload(browser: Client, text: str | bytes, **options: str) -> str:
    """Choose a file; gives the address of its preview."""
    content = text.encode() if isinstance(text, str) else text
    answer = browser.post(IMPORT, {"file": SimpleUploadedFile("people.csv", content), **options})
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def seen(browser: Client, preview: str) -> dict[str, str]:
    """The preview's form as it would be sent."""
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', browser.get(preview).content.decode())
    assert found
    return {"seen": found[1]}


def test_nothing_is_written_before_the_preview_is_confirmed(ada: Client, bob: Person, carol: Person) -> None:
    preview = upload(ada, FILE)
    page = ada.get(preview)
    assert page.context["plan"].counts == {"error": 1, "new": 1, "changed": 1, "unchanged": 1}
    text = page.content.decode()
    for said in (
        "“not an address” is not an e-mail address.",
        "Erin Engineer",
        "Joins the group",
        "1 row with an error",
    ):
        assert said in text
    assert text.index("“not an address” is not") < text.index("Erin Engineer")  # errors first
    assert not Person.objects.filter(email="erin@contoso.example").exists()
    done = ada.post(preview, seen(ada, preview), follow=True).content.decode()
    assert "1 person was added. 1 person was changed. Line 4 was left out." in done
    erin = Person.objects.get(email="erin@contoso.example")
    bob.refresh_from_db()
    assert (erin.manager, bob.name) == (bob, "Robert Manager")
    assert [group.key for group in erin.approval_groups.all()] == ["finance"]
    assert not OutgoingMail.objects.exists()
    assert "This preview is over." in ada.post(preview, follow=True).content.decode()


def test_what_was_changed_since_the_preview_is_shown_again_and_nothing_is_imported(
    ada: Client, bob: Person, carol: Person
) -> None:
    preview = upload(ada, FILE)
    confirmed = seen(ada, preview)
    add_person("Erin", "erin@contoso.example")
    answer = ada.post(preview, confirmed)
    assert answer.status_code == 409
    assert "were changed since you saw the preview" in answer.content.decode()
    bob.refresh_from_db()
    assert bob.name == "Bob Manager"
    assert ada.post(preview, {}).status_code == 409  # what nobody saw is not done
    assert ada.post(preview, seen(ada, preview)).status_code == 302
    assert Person.objects.get(email="erin@contoso.example").name == "Erin Engineer"


def test_who_lost_the_role_while_importing_is_told_and_nothing_is_imported(
    ada: Client, admin: Person, bob: Person, carol: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview = upload(ada, FILE)
    confirmed = seen(ada, preview)
    lock = importing._lock

    def slower(about: importing.Plan) -> None:  # somebody else's import was faster
        lock(about)
        Person.objects.filter(pk=admin.pk).update(is_administrator=False)

    monkeypatch.setattr(importing, "_lock", slower)
    answer = ada.post(preview, confirmed)
    assert answer.status_code == 403
    assert "You are not an administrator any more." in answer.content.decode()
    assert not Person.objects.filter(email="erin@contoso.example").exists()


def test_a_preview_is_its_administrators_alone_and_is_over_some_time(
    ada: Client, dave: Person, as_: As, bob: Person, carol: Person
) -> None:
    Person.objects.filter(pk=dave.pk).update(is_administrator=True)
    preview = upload(ada, FILE)
    confirmed = seen(ada, preview)
    for answer in (as_(dave).get(preview, follow=True), as_(dave).post(preview, confirmed, follow=True)):
        assert "This preview is over. Please choose the file once more." in answer.content.decode()
    cache.clear()
    assert "This preview is over." in ada.post(preview, confirmed, follow=True).content.decode()
    assert not Person.objects.filter(email="erin@contoso.example").exists()


def test_the_new_people_are_invited_if_that_is_wanted(
    ada: Client, mailbox: Mailbox, bob: Person, carol: Person
) -> None:
    preview = upload(ada, FILE)
    assert 'name="invite"' in ada.get(preview).content.decode()
    done = ada.post(preview, {**seen(ada, preview), "invite": "on"}, follow=True).content.decode()
    assert "1 invitation is on its way." in done
    assert [mail.to for mail in OutgoingMail.objects.all()] == ["erin@contoso.example"]


def test_one_import_invites_only_so_many(
    ada: Client, mailbox: Mailbox, bob: Person, carol: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_people, "MOST_INVITED", 0)
    preview = upload(ada, FILE)
    page = ada.get(preview).content.decode()
    assert "At most 0 people are invited by one import" in page
    assert 'name="invite"' not in page
    done = ada.post(preview, {**seen(ada, preview), "invite": "on"}, follow=True).content.decode()
    assert "invitation" not in done
    assert not OutgoingMail.objects.exists()


def test_without_a_mailbox_nobody_can_be_invited(ada: Client, bob: Person, carol: Person) -> None:
    preview = upload(ada, FILE)
    assert 'name="invite"' not in ada.get(preview).content.decode()
    assert ada.post(preview, {**seen(ada, preview), "invite": "on"}).status_code == 302


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "This file is empty."),
        (b"Name,Phone\nAnn,1\n", "no column with e-mail addresses"),
        (b"x" * (2 * 1024 * 1024 + 1), "larger than 2 MB"),
        (b"PK\x03\x04", "workbook"),
        (b'Name,Mail\n"Ann', "quotation mark is not closed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_read_is_said_beside_the_field(content: bytes, said: str, ada: Client) -> None:
    answer = ada.post(IMPORT, {"file": SimpleUploadedFile("people.csv", content)})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert 'class="field wrong"' in answer.content.decode()


def test_no_file_is_said_too(ada: Client) -> None:
    answer = ada.post(IMPORT, {})
    assert (answer.status_code, "This field is required" in answer.content.decode()) == (422, True)


def test_hostile_cells_are_text(ada: Client, admin: Person) -> None:
    cell = HOSTILE.replace('"', '""')
    row = f'"{cell}","{cell}@x.example","{cell}","{cell}"'
    preview = upload(ada, f'"Name","Mail","{cell}","Groups"\n{row}\n\u202eAnn\x1b[2J,\u202ea@b.example,,\n')
    page = ada.get(preview).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page
    assert not set(page) & {"\u202e", "\x1b"}


def test_columns_that_are_not_read_are_said(ada: Client, admin: Person) -> None:
    text = "Name,Mail,Phone,Administrator\nAnn,a@b.example,1,yes\n"
    page = ada.get(upload(ada, text)).content.decode()
    assert "These columns are not read:" in page
    assert "Phone, Administrator" in page
    counted = ada.get(upload(ada, text, administrators="on")).content.decode()
    assert "Phone, Administrator" not in counted
    assert '<span class="quiet">Administrator</span>' in counted


def test_who_is_not_in_the_file_is_only_listed(ada: Client, bob: Person, dave: Person) -> None:
    text = "Name,Mail\nAda,ada@contoso.example\n"
    assert "Not in the file" not in ada.get(upload(ada, text)).content.decode()
    preview = upload(ada, text, not_named="on")
    page = ada.get(preview).content.decode()
    assert "Not in the file" in page
    assert reverse("panel:person", args=[dave.pk]) in page
    ada.post(preview, seen(ada, preview))
    assert Person.objects.filter(is_active=True).count() == 3


def test_a_long_preview_is_paged_filtered_and_asks_little(
    ada: Client, carol: Person, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (10, 950):
        rows = [f"P{n},p{n}@b.example,p0@b.example,finance" for n in range(1, number)]
        text = "Name,Mail,Manager,Groups\nP0,p0@b.example,,\nX,wrong,,\n" + "\n".join(rows)
        preview = upload(ada, text, not_named="on")
        with django_assert_max_num_queries(15):
            page = ada.get(preview).content.decode()
    assert "Page 1 of 10" in page
    wrong = ada.get(preview, {"show": "error"}).content.decode()
    assert "“wrong” is not an e-mail address" in wrong
    assert "P17" not in wrong
    assert "Page 1 of 10" in ada.get(preview, {"show": "<x>", "page": "nine"}).content.decode()


def test_a_file_with_nothing_new_offers_no_import(ada: Client, bob: Person) -> None:
    page = ada.get(upload(ada, "Name,Mail\nBob Manager,bob@contoso.example\n")).content.decode()
    assert "There is nothing to import" in page
    assert ">Import</button>" not in page


# --- files ------------------------------------------------------------------------------------------------


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_the_template_is_read_by_the_import(ada: Client, admin: Person) -> None:
    Group.objects.create(key="finance", name="Finance")
    Group.objects.create(key="it", name="IT")
    answer = ada.get(reverse("panel:people_template"))
    assert answer["Content-Disposition"] == 'attachment; filename="people-template.csv"'
    page = ada.get(upload(ada, answer.content))
    assert page.context["plan"].counts == {"error": 0, "new": 2, "changed": 0, "unchanged": 0}


def test_an_export_has_whom_the_list_shows_and_changes_nothing_when_it_comes_back(
    ada: Client, alice: Person, bob: Person, carol: Person
) -> None:
    Person.objects.filter(pk=bob.pk).update(name="=HYPERLINK(1)", is_active=False, approval_limit=5000)
    add_address(bob, "robert@contoso.example")
    answer = ada.get(reverse("panel:export_people"))
    assert answer["Content-Type"].startswith("text/csv")
    assert answer["X-Content-Type-Options"] == "nosniff"
    content = answer.getvalue()
    assert [row[0] for row in rows_of(content)[1:]] == [
        "'=HYPERLINK(1)", "Ada Administrator", "Alice Requester", "Carol Finance"
    ]  # fmt: skip
    assert rows_of(content)[1][-2:] == ["robert@contoso.example", "deactivated"]
    assert [row[3] for row in rows_of(content)] == ["Approval limit", "5000.00", "", "", ""]
    again = ada.get(upload(ada, content, administrators="on", leave_groups="on"))
    assert again.context["plan"].counts == {"error": 0, "new": 0, "changed": 0, "unchanged": 4}
    some = ada.get(reverse("panel:export_people"), {"show": "deactivated"})
    assert len(rows_of(some.getvalue())) == 2


def test_an_export_that_is_read_in_pieces_has_everybody_once(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    finance = Group.objects.create(key="finance", name="Finance")
    monkeypatch.setattr(import_people, "AT_ONCE_EXPORTED", 2)
    for number in range(5):  # who are called the same are told apart by their ids
        finance.members.add(add_person("Robin Same", f"robin{number}@contoso.example"))
    answer = ada.get(reverse("panel:export_people"))
    rows = rows_of(answer.getvalue())[1:]
    assert answer.streaming
    assert [row[1] for row in rows] == [
        "ada@contoso.example",
        *(f"robin{n}@contoso.example" for n in range(5)),
    ]
    assert {row[4] for row in rows[1:]} == {"finance"}


def test_files_and_previews_speak_french_too(ada: Client, admin: Person, bob: Person, carol: Person) -> None:
    Person.objects.filter(pk=admin.pk).update(language="fr")
    content = ada.get(reverse("panel:export_people")).getvalue()
    assert rows_of(content)[0][:2] == ["Nom", "Adresse e-mail"]
    preview = upload(ada, content)
    assert ada.get(preview).context["plan"].counts["unchanged"] == 3
    assert "Ce que ferait l’importation" in ada.get(preview).content.decode()
