"""Starting a request: its form, its files, its draft."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from placet.accounts.models import Person
from placet.approvals import attachments, engine, engine_errors
from placet.approvals.form_parts import LARGEST_FILE
from placet.approvals.models import Attachment, Draft, Request, Version
from placet.approvals.processes import publish
from placet.portal.uploads import LARGEST_READ
from tests.pages.conftest import HOSTILE

As = Callable[[Person | None], Client]

FORM = "/start/purchase/"


def upload(name: str = "offer.pdf", content: bytes = b"%PDF") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/html")


def typed(**more: object) -> dict[str, object]:
    return {"version": 1, "f-item": "A lamp", "f-amount": "30", **more}


def kept() -> list[str]:
    return [str(file.public_id) for file in Attachment.objects.order_by("pk")]


def shown(browser: Client) -> dict[str, str]:
    """What the form says of itself: what its script sends with what is typed."""
    page = browser.get(FORM).content.decode()
    return {name: page.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("last", "draft")}


def with_currency(version: Version, currency: str) -> Version:
    form = [
        {**field, "currency": currency} if field["type"] == "money" else field
        for field in version.definition["form"]
    ]
    return publish({**version.definition, "form": form})


# --- drafts -----------------------------------------------------------------------------------------------


def test_a_draft_is_saved_and_comes_back(version: Version, alice: Person, bob: Person, as_: As) -> None:
    browser = as_(alice)
    sent = browser.post(FORM, typed(do="save", **{"f-amount": "much"}), follow=True)
    assert sent.redirect_chain == [(FORM, 302)]
    page = sent.content.decode()
    assert "The draft was saved." in page
    assert "This is your draft" in page
    assert 'value="much"' in page
    assert "This is your draft" not in as_(bob).get(FORM).content.decode()
    assert "A draft for" in browser.get(reverse("portal:mine")).content.decode()
    assert not Request.objects.exists()


def test_a_draft_is_gone_when_it_is_sent(version: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(do="save"))
    browser.post(FORM, typed())
    assert Request.objects.get().title == "A lamp"
    assert not Draft.objects.exists()


def test_a_draft_is_discarded(version: Version, alice: Person, bob: Person, as_: As) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(do="save", **{"f-quotes": upload()}))
    discard = reverse("portal:discard_draft", args=["purchase"])
    as_(bob).post(discard)
    assert Draft.objects.count() == 1
    page = browser.post(discard, follow=True).content.decode()
    assert "The draft was discarded." in page
    assert "A lamp" not in page
    assert not Attachment.objects.exists()


def test_a_script_saves_what_is_typed_but_no_empty_form(version: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    form = {**shown(browser), "do": "autosave"}
    empty = {"version": 1, "f-item": "", "f-amount": "", "f-reason": "", **form}
    assert browser.post(FORM, empty).status_code == 204
    assert not Draft.objects.exists()
    assert browser.post(FORM, typed(**form)).status_code == 204
    assert browser.post(FORM, typed(**{"f-item": "Two lamps\x00"}, **form)).status_code == 204
    assert Draft.objects.get().data == {"item": "Two lamps", "amount": "30"}
    assert browser.post(FORM, typed(do="autosave", **shown(browser))).status_code == 204


def test_what_a_script_saves_late_does_not_bring_back_a_form_that_was_sent(
    version: Version, alice: Person, as_: As
) -> None:
    browser = as_(alice)
    form = shown(browser)
    assert browser.post(FORM, typed(**form)).status_code == 302
    assert browser.post(FORM, typed(do="autosave", **form)).status_code == 409
    assert not Draft.objects.exists()
    assert browser.post(FORM, typed(do="autosave", **shown(browser))).status_code == 204


def test_what_a_script_saves_late_does_not_bring_back_a_draft_that_was_discarded(
    version: Version, alice: Person, as_: As
) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(do="save"))
    form = shown(browser)
    browser.post(reverse("portal:discard_draft", args=["purchase"]))
    assert browser.post(FORM, typed(do="autosave", **form)).status_code == 409
    browser.post(FORM, typed(do="save"))  # another draft is not the one that was shown
    assert browser.post(FORM, typed(do="autosave", **form)).status_code == 409


def test_a_draft_of_an_older_form_keeps_what_fits(version: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(do="save", **{"f-reason": "Dark here"}))
    newer = {**version.definition, "form": [dict(field) for field in version.definition["form"]]}
    newer["form"][2] = {"name": "reason", "label": "How many?", "type": "number"}
    publish(newer)
    page = browser.get(FORM).content.decode()
    assert "The process has changed since" in page
    assert 'value="A lamp"' in page
    assert "Dark here" not in page
    assert browser.post(FORM, typed(do="autosave", **shown(browser))).status_code == 409


def test_an_amount_is_not_taken_over_into_another_currency(version: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(**{"f-amount": "1250.00"}))
    browser.post(FORM, typed(do="save", **{"f-amount": "1251.00"}))
    with_currency(version, "JPY")
    page = browser.get(FORM).content.decode()
    assert "(JPY)" in page
    assert 'value="A lamp"' in page
    assert "1251.00" not in page
    browser.post(reverse("portal:discard_draft", args=["purchase"]))
    again = reverse("portal:start_again", args=[Request.objects.get().public_id])
    page = browser.post(again, follow=True).content.decode()
    assert 'value="A lamp"' in page
    assert "1250.00" not in page
    assert "The process has changed since; what still fits was kept." in page


def test_what_was_typed_before_the_process_changed_is_kept_where_it_still_fits(
    version: Version, alice: Person, as_: As
) -> None:
    browser = as_(alice)
    with_currency(version, "JPY")
    sent = browser.post(FORM, typed(**{"f-amount": "1250.00"}))
    page = sent.content.decode()
    assert sent.status_code == 409
    assert 'value="A lamp"' in page
    assert "1250.00" not in page
    browser.post(FORM, typed(do="save", **{"f-amount": "1250.00"}))
    assert Draft.objects.get().data == {"item": "A lamp"}
    assert 'value="A lamp"' in browser.post(FORM, typed(version="9" * 30)).content.decode()


def test_what_was_typed_is_never_markup(version: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    entered = typed(do="save", **{"f-item": HOSTILE, "f-quotes": upload(HOSTILE)})
    page = browser.post(FORM, entered, follow=True).content.decode()
    assert "<script>" not in page
    assert "<img" not in page


def test_a_request_is_started_again_from_an_earlier_one(
    version: Version, alice: Person, bob: Person, as_: As
) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(**{"f-amount": "1,250.50", "f-reason": "Dark", "f-quotes": upload()}))
    first = Request.objects.get()
    again = reverse("portal:start_again", args=[first.public_id])
    assert as_(bob).post(again).status_code == 403
    page = browser.post(again, follow=True).content.decode()
    assert 'value="1250.50"' in page
    assert "Dark" in page
    assert "offer.pdf" in page
    assert Attachment.objects.count() == 2
    assert "You have a draft of this already." in browser.post(again, follow=True).content.decode()
    draft = Draft.objects.get()
    browser.post(FORM, typed(kept=[str(file.public_id) for file in draft.attachments.all()]))
    assert [request.attachments.count() for request in Request.objects.all()] == [1, 1]


# --- files ------------------------------------------------------------------------------------------------


def test_files_go_with_the_request_and_are_part_of_what_is_decided(
    version: Version, alice: Person, bob: Person, as_: As
) -> None:
    as_(alice).post(FORM, typed(**{"f-quotes": [upload("offer.pdf"), upload("photo.jpg", b"x" * 2500)]}))
    request = Request.objects.get()
    assert [file["name"] for file in request.data["quotes"]] == ["offer.pdf", "photo.jpg"]
    page = as_(bob).get(reverse("portal:request", args=[request.public_id])).content.decode()
    assert "photo.jpg" in page
    assert "2 kB" in page
    assert "offer.pdf" in as_(bob).get(reverse("portal:home")).content.decode()


def test_sizes_of_files_are_written_as_the_reader_writes_them(
    version: Version, alice: Person, as_: As
) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(do="save", **{"f-quotes": upload("b.bin", b"x" * 1_200_000)}))
    Person.objects.update(language="fr")
    assert "1,2\xa0Mo" in browser.get(FORM).content.decode()
    browser.post(FORM, typed(kept=kept()))
    address = reverse("portal:request", args=[Request.objects.get().public_id])
    assert "1,2\xa0Mo" in browser.get(address).content.decode()
    Person.objects.update(language="en")
    assert "1.2 MB" in browser.get(address).content.decode()


def test_a_file_is_only_downloaded_and_only_by_who_may_see_the_request(
    version: Version, alice: Person, bob: Person, dave: Person, as_: As
) -> None:
    as_(alice).post(FORM, typed(**{"f-quotes": upload("page.html", b"<script>alert(1)</script>")}))
    address = reverse("portal:attachment", args=[Attachment.objects.get().public_id])
    assert as_(dave).get(address).status_code == 404
    answer = as_(bob).get(address)
    assert answer.content == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="page.html"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]


def test_files_of_a_draft_are_seen_by_its_author_only(
    version: Version, alice: Person, admin: Person, as_: As
) -> None:
    as_(alice).post(FORM, typed(do="save", **{"f-quotes": upload()}))
    address = reverse("portal:attachment", args=kept())
    assert as_(alice).get(address).status_code == 200
    assert as_(admin).get(address).status_code == 404


def test_files_are_kept_when_another_field_does_not_fit(version: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    sent = browser.post(FORM, typed(**{"f-amount": "much", "f-quotes": upload()}))
    assert sent.status_code == 422
    assert "offer.pdf" in sent.content.decode()
    browser.post(FORM, typed(kept=kept()))
    assert Request.objects.get().attachments.get().name == "offer.pdf"


def test_a_file_is_removed_before_sending_and_what_was_typed_stays(
    version: Version, alice: Person, bob: Person, as_: As
) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(do="save", **{"f-quotes": [upload("a.txt"), upload("b.txt")]}))
    as_(bob).post(FORM, typed(remove=kept()[0]))
    assert len(kept()) == 2
    sent = browser.post(FORM, typed(remove=kept()[0], kept=kept(), **{"f-item": "Two lamps"}), follow=True)
    page = sent.content.decode()
    assert "The file was removed." in page
    assert "a.txt" not in page
    assert 'value="Two lamps"' in page
    browser.post(FORM, typed(remove="no id", kept=kept()))
    assert len(kept()) == 1


def test_what_is_sent_are_the_files_that_were_shown(version: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(do="save", **{"f-quotes": upload()}))
    sent = browser.post(FORM, typed())  # from a window that was opened before the file was there
    assert sent.status_code == 409
    assert "The files were changed in another window." in sent.content.decode()
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.txt", b"", "“empty.txt” is empty."),
        ("big.bin", b"x" * (LARGEST_FILE + 1), "“big.bin” is larger than 10 MB."),
    ],
)
def test_a_file_that_cannot_be_kept_is_named_beside_the_field(
    name: str, content: bytes, sentence: str, version: Version, alice: Person, as_: As
) -> None:
    sent = as_(alice).post(FORM, typed(**{"f-quotes": upload(name, content)}))
    page = sent.content.decode()
    assert sent.status_code == 422
    assert sentence in page
    assert 'id="id_f-quotes_error"' in page
    assert not Request.objects.exists()
    assert not Attachment.objects.exists()


def test_more_than_ten_files_are_too_many(version: Version, alice: Person, as_: As) -> None:
    sent = as_(alice).post(FORM, typed(**{"f-quotes": [upload(f"{n}.txt") for n in range(11)]}))
    assert "“10.txt” is one too many" in sent.content.decode()
    assert Attachment.objects.count() == 10


def test_files_that_are_too_large_together_are_refused(version: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(do="save", **{"f-quotes": [upload(f"{n}", b"x" * 9_000_000) for n in range(2)]}))
    sent = browser.post(FORM, typed(kept=kept(), **{"f-quotes": upload("c", b"x" * 9_000_000)}))
    assert "With “c” the files are larger than 25 MB together." in sent.content.decode()
    assert Attachment.objects.count() == 2


def test_what_was_typed_is_kept_when_the_files_are_far_too_large(
    version: Version, alice: Person, as_: As
) -> None:
    sent = as_(alice).post(FORM, typed(**{"f-quotes": upload("huge", os.urandom(29 * 1024 * 1024))}))
    page = sent.content.decode()
    assert sent.status_code == 413
    assert "larger than 25 MB together, so nothing was sent. Choose" in page
    assert 'value="A lamp"' in page
    assert not sent.wsgi_request.FILES  # dropped while they were read
    assert not Request.objects.exists()
    assert not Attachment.objects.exists()


def test_a_form_whose_files_are_far_too_large_is_protected_as_every_form(
    version: Version, alice: Person, as_: As
) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    sent = browser.post(FORM, typed(**{"f-quotes": upload("huge", os.urandom(29 * 1024 * 1024))}))
    assert sent.status_code == 403


def test_a_body_that_is_larger_still_is_not_even_read_and_the_page_says_what_is_lost(
    version: Version, alice: Person, as_: As
) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(do="save"))
    sent = browser.post(FORM, typed(**{"f-item": "Two"}), CONTENT_LENGTH=LARGEST_READ + 1)
    page = sent.content.decode()
    assert sent.status_code == 413
    assert "what was typed since the draft was last saved is not kept" in page
    assert 'value="A lamp"' in page  # of the draft
    assert not Request.objects.exists()


def test_a_file_that_goes_while_the_form_is_sent_is_said_and_nothing_is_sent(
    version: Version, alice: Person, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(do="save", **{"f-quotes": upload()}))
    form, read = typed(kept=kept()), attachments.of

    def read_before_it_goes(draft: Draft) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        found = read(draft)
        draft.attachments.all().delete()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(attachments, "of", read_before_it_goes)
        sent = browser.post(FORM, form)
    assert sent.status_code == 409
    assert "The files were changed in another window." in sent.content.decode()
    assert 'value="A lamp"' in sent.content.decode()
    assert not Request.objects.exists()


@pytest.mark.skipif(not connection.features.has_select_for_update, reason="SQLite locks everything")
def test_a_file_is_removed_and_a_draft_is_discarded_only_while_nobody_sends_it(
    version: Version, alice: Person, as_: As
) -> None:
    browser = as_(alice)
    browser.post(FORM, typed(do="save", **{"f-quotes": [upload("a.txt"), upload("b.txt")]}))
    discard = reverse("portal:discard_draft", args=["purchase"])
    for address, form, gone in [
        (FORM, typed(remove=kept()[0], kept=kept()), UUID(kept()[0]).hex),
        (discard, {}, "approvals_attachment"),
    ]:
        with CaptureQueriesContext(connection) as made:
            browser.post(address, form)
        said = [query["sql"] for query in made if "approvals_" in query["sql"]]
        deleted = next(n for n, sql in enumerate(said) if sql.startswith("DELETE") and gone in sql)
        assert 'FROM "approvals_draft"' in said[deleted - 1]
        assert "FOR UPDATE" in said[deleted - 1]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("..\\..\\windows\\evil.exe", "evil.exe"),
        ("../../etc/passwd", "passwd"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie_ x=1.txt"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
        ("Angebot für Bürostühle.pdf", "Angebot für Bürostühle.pdf"),
    ],
)
def test_names_of_files_are_made_safe(
    name: str, shown: str, version: Version, alice: Person, bob: Person
) -> None:
    file = upload()
    file._name = name  # type: ignore[attr-defined]  # past Django's own cleaning
    draft = Draft.objects.create(person=alice, process=version.process, version=version)
    assert attachments.keep(draft, "quotes", file, alice).name == shown


def test_a_required_field_of_files_asks_for_one(version: Version, alice: Person, as_: As) -> None:
    form = [*version.definition["form"][:3], {**version.definition["form"][3], "required": True}]
    publish({**version.definition, "form": form})
    sent = as_(alice).post(FORM, typed(version=2))
    assert "Please add a file." in sent.content.decode()
    as_(alice).post(FORM, typed(version=2, **{"f-quotes": upload()}))
    assert Request.objects.get().attachments.count() == 1


def test_processes_are_listed_with_what_they_are_for(version: Version, alice: Person, as_: As) -> None:
    publish({**version.definition, "key": "travel", "name": "Travel", "description": f"Old {HOSTILE}"})
    publish({**version.definition, "key": "travel", "name": "Travel", "description": f"Trips {HOSTILE}"})
    page = as_(alice).get(reverse("portal:start")).content.decode()
    assert "Trips &lt;script&gt;" in page
    assert "Old" not in page


def test_a_form_that_was_sent_already_is_not_sent_twice(version: Version, alice: Person, as_: As) -> None:
    as_(alice).post(FORM, typed(do="save", **{"f-quotes": upload()}))
    draft = Draft.objects.get()
    engine.start(version, alice, {"item": "A lamp", "amount": "30"}, draft)
    draft.pk = 1_000_000
    with pytest.raises(engine_errors.NoLongerOpen):
        engine.start(version, alice, {"item": "A lamp", "amount": "30"}, draft)
    assert Request.objects.count() == 1
