"""Files of requests: part of what is decided, whole for ever."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.utils import translation

from placet.accounts.models import Person
from placet.approvals import attachments, engine, evidence
from placet.approvals.definitions import definition_of
from placet.approvals.evidence import Differs
from placet.approvals.field_types import size_as_read, size_in_words
from placet.approvals.form import (
    FormInvalid,
    condition_values,
    facts,
    facts_as_read,
    facts_hash,
)
from placet.approvals.models import Attachment, Draft, Request, Version
from placet.approvals.processes import publish
from placet.lib.canonical import digest
from placet.mail.models import OutgoingMail
from tests.making import SAMPLE, make_mailbox, values

pytestmark = pytest.mark.django_db

ENTERED = {"item": "Desk", "amount": "5"}


@pytest.fixture
def version() -> Version:
    return publish(SAMPLE)


def draft_of(person: Person, version: Version, **files: bytes) -> Draft:
    draft = Draft.objects.create(person=person, process=version.process, version=version)
    for name, content in files.items():
        attachments.keep(draft, "quotes", SimpleUploadedFile(f"{name}.pdf", content), person)
    return draft


@pytest.fixture
def request_with_file(version: Version, alice: Person) -> Request:
    return engine.start(version, alice, ENTERED, draft_of(alice, version, offer=b"%PDF"))


def test_a_field_says_how_many_files_it_takes_how_large_and_of_what_kind(alice: Person) -> None:
    quotes = {
        "name": "quotes", "label": "Quotes", "type": "files",
        "max": 2, "largest": 1, "endings": [".PDF", "png"],
    }  # fmt: skip
    plain = values(SAMPLE)
    version = publish({**plain, "form": [*(one for one in plain["form"] if one["name"] != "quotes"), quotes]})
    field = next(one for one in definition_of(version).fields if one.name == "quotes")
    draft = draft_of(alice, version, one=b"1", two=b"2", three=b"3")
    for name, size, problem in (
        ("virus.exe", 1, "“virus.exe” cannot be taken here: only pdf, png can."),
        ("pdf", 1, "“pdf” cannot be taken here"),
        ("large.Png", 1024 * 1024 + 1, "“large.Png” is larger than 1 MB."),
    ):
        with pytest.raises(attachments.FileRefused, match=problem):
            attachments.keep(draft, "quotes", SimpleUploadedFile(name, b"x" * size), alice, field)
        attachments.keep(
            draft, "quotes", SimpleUploadedFile(name, b"x" * size), alice
        )  # as it was published before
        with pytest.raises(FormInvalid) as refused:
            engine.start(version, alice, ENTERED, draft)
        assert "At most 2 files" in refused.value.errors["quotes"]
        draft.attachments.filter(name="one.pdf").delete()
        draft.attachments.filter(name="two.pdf").delete()
        with pytest.raises(FormInvalid) as refused:
            engine.start(version, alice, ENTERED, draft)
        assert problem in refused.value.errors["quotes"]
        draft.attachments.filter(name=name).delete()
        for again in ("one.pdf", "two.pdf"):
            attachments.keep(draft, "quotes", SimpleUploadedFile(again, b"x"), alice, field)
    draft.attachments.filter(name="two.pdf").delete()
    assert len(engine.start(version, alice, ENTERED, draft).data["quotes"]) == 2


def test_the_hash_of_what_was_shown_covers_the_content_of_files(version: Version, alice: Person) -> None:
    definition = definition_of(version)
    one = engine.start(version, alice, ENTERED, draft_of(alice, version, offer=b"one"))
    two = engine.start(version, alice, ENTERED, draft_of(alice, version, offer=b"two"))
    assert (
        facts(definition, one.data)[-1].text == facts(definition, two.data)[-1].text == "offer.pdf (3 bytes)"
    )
    assert facts_hash(one, definition) != facts_hash(two, definition)
    assert one.data_hash != two.data_hash
    assert condition_values(definition, one.data)["quotes"] == 1.0


def test_what_was_shown_without_files_hashes_as_it_always_did(version: Version, alice: Person) -> None:
    request = engine.start(version, alice, ENTERED)
    shown = [["What do you need?", "Desk"], ["Amount", "5.00 EUR"]]
    assert facts_hash(request, definition_of(version)) == digest(["Desk", shown])


def test_the_mail_that_asks_names_the_files(version: Version, alice: Person, bob: Person) -> None:
    make_mailbox()
    engine.start(version, alice, ENTERED, draft_of(alice, version, offer=b"x" * 14_000, photo=b"y"))
    raw = bytes(OutgoingMail.objects.get(kind="ask").raw).decode("utf-8", "replace")
    assert "(14 kB)" in raw
    assert "(1 byte)" in raw
    assert 'href=3D"http://offer' not in raw


def test_a_file_that_was_changed_or_is_gone_is_named(request_with_file: Request) -> None:
    differs = [Differs(request_with_file.pk, 0, "a file was changed, or is gone")]
    assert list(evidence.compare()) == []
    Attachment.objects.update(content=b"%PDG")
    assert list(evidence.compare()) == differs
    Attachment.objects.update(content=b"%PDF", name="other.pdf")
    assert list(evidence.compare()) == differs
    Attachment.objects.update(name="offer.pdf")
    assert list(evidence.compare()) == []
    Attachment.objects.all().delete()
    assert list(evidence.compare()) == differs


def test_a_file_belongs_to_a_request_or_to_a_draft(request_with_file: Request, version: Version) -> None:
    draft = Draft.objects.create(person=request_with_file.requester, process=version.process, version=version)
    for wrong in ({"draft": draft}, {"request": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Attachment.objects.update(**wrong)


def test_a_person_has_one_draft_of_a_process(version: Version, alice: Person) -> None:
    draft_of(alice, version)
    with pytest.raises(IntegrityError), transaction.atomic():
        draft_of(alice, version)


def test_a_request_that_does_not_fit_leaves_the_draft_as_it_was(version: Version, alice: Person) -> None:
    draft = draft_of(alice, version, offer=b"%PDF")
    with pytest.raises(FormInvalid):
        engine.start(version, alice, {"item": "Desk", "amount": "much"}, draft)
    assert draft.attachments.count() == 1


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"),
     (12_345_678, "12.3 MB")],
)  # fmt: skip
def test_sizes_are_said_in_words(size: int, words: str) -> None:
    assert size_in_words(size) == words
    assert size_as_read(size) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(1, "1 octet"), (820, "820 octets"), (14_000, "14 ko"), (1_200_000, "1,2 Mo")],
)
def test_sizes_are_said_in_the_readers_language_and_facts_stay_the_same(
    size: int, words: str, version: Version, alice: Person
) -> None:
    definition = definition_of(version)
    request = engine.start(version, alice, ENTERED, draft_of(alice, version, offer=b"x" * size))
    before = facts_hash(request, definition)
    with translation.override("fr"):
        assert size_as_read(size).replace("\xa0", " ") == words
        read = facts_as_read(definition, request.data)[-1].text.replace("\xa0", " ")
        assert facts_hash(request, definition) == before
    assert read.endswith(f" ({words})")


def test_a_file_that_is_gone_when_it_is_handed_over_makes_no_request(
    version: Version, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, read = draft_of(alice, version, offer=b"%PDF", photo=b"x"), attachments.of

    def read_before_one_goes(draft: Draft) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        found = read(draft)
        draft.attachments.filter(name="photo.pdf").delete()
        return found

    monkeypatch.setattr(attachments, "of", read_before_one_goes)
    with pytest.raises(attachments.FilesChanged):
        engine.start(version, alice, ENTERED, draft)
    assert not Request.objects.exists()
    assert Draft.objects.get() == draft
