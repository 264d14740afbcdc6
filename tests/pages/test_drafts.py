"""Administration → Drafts of processes."""

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Person
from placet.approvals.models import Process, ProcessDraft, Version
from tests.workflowgen.making import Made, simple

As = Callable[[Person | None], Client]

pytestmark = pytest.mark.django_db


def uploaded(made: Made | bytes, name: str = "made.xml") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, made if isinstance(made, bytes) else made.xml())


def test_a_file_becomes_a_draft_with_its_report_and_nothing_is_published(admin: Person, as_: As) -> None:
    client = as_(admin)
    assert b"There is no draft." in client.get(reverse("panel:drafts")).content
    made = simple(label="<b>Bold</b> process")
    made.ways[1:] = [("DECIDES", "ASKS", "<i> Like <j>"), ("DECIDES", "_END", "OTHERWISE")]
    answer = client.post(reverse("panel:drafts"), {"file": uploaded(made, "<x>.xml")}, follow=True)
    shown = answer.content.decode()
    draft = ProcessDraft.objects.get()
    assert answer.redirect_chain == [(reverse("panel:draft", args=[draft.pk]), 302)]
    assert draft.begun_by == admin
    for heading in ("Please decide", "Changed", "Left out", "Taken"):
        assert f"{heading} <span" in shown
    assert "&lt;b&gt;Bold&lt;/b&gt; process" in shown
    assert "&lt;i&gt; Like &lt;j&gt;" in shown
    assert "<b>Bold" not in shown
    assert "key: made" in shown
    assert not Version.objects.exists()
    assert b"made" not in client.get(reverse("portal:start")).content
    text = client.get(reverse("panel:draft_file", args=[draft.pk]))
    assert text["Content-Disposition"] == 'attachment; filename="made.yaml"'
    assert text.content.decode() == draft.text
    report = client.get(reverse("panel:draft_report", args=[draft.pk])).content.decode()
    assert "Please decide\n  Way 2 (DECIDES → ASKS): Its condition was not understood" in report


def test_a_process_that_is_there_is_replaced_only_if_that_is_chosen(admin: Person, as_: As) -> None:
    client = as_(admin)
    page = reverse("panel:drafts")
    client.post(page, {"file": uploaded(simple())})
    answer = client.post(page, {"file": uploaded(simple(label="Newer"))})
    assert answer.status_code == 422
    assert "There is a process made already: Made process." in answer.content.decode()
    assert client.post(page, {"file": uploaded(simple(label="Newer")), "replace": "on"}).status_code == 302
    draft = ProcessDraft.objects.get()
    assert "Newer" in draft.text
    assert client.get(reverse("panel:discard_draft", args=[draft.pk])).status_code == 302
    assert ProcessDraft.objects.exists()
    client.post(reverse("panel:discard_draft", args=[draft.pk]))
    assert not Process.objects.exists()


def test_what_is_no_process_is_refused_beside_the_field(admin: Person, as_: As) -> None:
    answer = as_(admin).post(reverse("panel:drafts"), {"file": uploaded(b"<Package/>")})
    assert answer.status_code == 422
    assert "This file holds 0 processes." in answer.content.decode()
    assert not ProcessDraft.objects.exists()


def test_what_is_to_be_put_right_stands_on_the_page(admin: Person, as_: As) -> None:
    made = simple()
    made.actions[1].gives = {}
    made.sections["DEC"][0].items = (("YES", "Yes"), ("LATER", "??"))
    made.ways[1:] = [("DECIDES", "_END", '<DEC_ANSWER> = "YES"'), ("DECIDES", "_END", "OTHERWISE")]
    shown = as_(admin).post(reverse("panel:drafts"), {"file": uploaded(made)}, follow=True).content.decode()
    assert "Before it can be published, put right:" in shown
    assert "placet process publish" not in shown
    made.sections["DEC"][0].items = (("YES", "Yes"), ("NO", "No"))
    shown = (
        as_(admin)
        .post(reverse("panel:drafts"), {"file": uploaded(made), "replace": "on"}, follow=True)
        .content.decode()
    )
    assert "placet process publish --draft made" in shown
