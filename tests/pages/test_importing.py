"""Processes → Import: files of WorkflowGen, and YAML."""

from collections.abc import Callable
from html import unescape

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
    made = simple(label="<b>Bold</b> process")
    made.ways[1:] = [("DECIDES", "ASKS", "<i> Like <j>"), ("DECIDES", "_END", "OTHERWISE")]
    answer = client.post(reverse("designer:import"), {"file": uploaded(made, "<x>.xml")}, follow=True)
    shown = answer.content.decode()
    draft = ProcessDraft.objects.get()
    assert answer.redirect_chain == [(reverse("designer:report", args=["made"]), 302)]
    assert draft.begun_by == admin
    for heading in ("Please decide", "Changed", "Left out", "Taken"):
        assert f"{heading} <span" in shown
    assert "&lt;b&gt;Bold&lt;/b&gt; process" in shown
    assert "&lt;i&gt; Like &lt;j&gt;" in shown
    assert "<b>Bold" not in shown
    assert "key: made" in shown
    assert not Version.objects.exists()
    assert b"made" not in client.get(reverse("portal:start")).content
    text = client.get(reverse("designer:draft_file", args=["made"]))
    assert text["Content-Disposition"] == 'attachment; filename="made-draft.yaml"'
    assert text.content.decode() == draft.text
    report = client.get(reverse("designer:report_file", args=["made"])).content.decode()
    assert "Please decide\n  Way 2 (DECIDES → ASKS): Its condition was not understood" in report


def test_a_process_that_is_there_is_replaced_only_if_that_is_chosen(admin: Person, as_: As) -> None:
    client = as_(admin)
    page, discarding = reverse("designer:import"), reverse("designer:discard", args=["made"])
    client.post(page, {"file": uploaded(simple())})
    answer = client.post(page, {"file": uploaded(simple(label="Newer"))})
    assert answer.status_code == 422
    assert "There is a process made already: Made process." in answer.content.decode()
    assert client.post(page, {"file": uploaded(simple(label="Newer")), "replace": "on"}).status_code == 302
    assert "Newer" in ProcessDraft.objects.get().text
    assert "so the process is gone with it" in client.get(discarding).content.decode()
    assert ProcessDraft.objects.exists()
    client.post(discarding)
    assert not Process.objects.exists()


def test_what_is_no_process_is_refused_beside_the_field(admin: Person, as_: As) -> None:
    answer = as_(admin).post(reverse("designer:import"), {"file": uploaded(b"<Package/>")})
    assert answer.status_code == 422
    assert "This file holds 0 processes." in answer.content.decode()
    assert not ProcessDraft.objects.exists()


def test_what_is_to_be_put_right_stands_on_the_page(admin: Person, as_: As) -> None:
    made = simple()
    made.actions[1].gives = {}
    made.sections["DEC"][0].items = (("YES", "Yes"), ("LATER", "??"))
    made.ways[1:] = [("DECIDES", "_END", '<DEC_ANSWER> = "YES"'), ("DECIDES", "_END", "OTHERWISE")]
    shown = (
        as_(admin).post(reverse("designer:import"), {"file": uploaded(made)}, follow=True).content.decode()
    )
    assert "Before it can be published, put right:" in shown
    made.sections["DEC"][0].items = (("YES", "Yes"), ("NO", "No"))
    shown = (
        as_(admin)
        .post(reverse("designer:import"), {"file": uploaded(made), "replace": "on"}, follow=True)
        .content.decode()
    )
    assert "It can be published as it is" in shown


# --- YAML -------------------------------------------------------------------------------------------------

TEXT = """# kept
key: made
name: Made here  # kept, too
start: over
steps:
  over: {kind: end, name: Over, result: approved}
"""


def test_yaml_is_a_draft_as_it_was_written(admin: Person, as_: As) -> None:
    client = as_(admin)
    file = SimpleUploadedFile("made.yaml", b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    answer = client.post(reverse("designer:import"), {"file": file})
    assert answer["Location"] == reverse("designer:process", args=["made"])
    draft = ProcessDraft.objects.get()
    assert (draft.text, draft.report, draft.file_name) == (TEXT, [], "")
    assert Process.objects.get().name == "Made here"


def test_yaml_is_pasted_and_may_have_another_key(admin: Person, as_: As) -> None:
    as_(admin).post(reverse("designer:import"), {"pasted": TEXT, "key": "other-1"})
    assert ProcessDraft.objects.get().text == TEXT.replace("key: made", "key: other-1")
    assert Process.objects.get().key == "other-1"


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({}, "Choose a file or paste YAML: one of the two."),
        ({"pasted": "name: x"}, "It has no key that a process can have."),
        ({"pasted": "key: [a"}, "This is not YAML"),
        ({"pasted": "key: Made"}, "It has no key that a process can have."),
        ({"pasted": TEXT, "key": "Über"}, "A key has 1 to 50 of a-z"),
        ({"pasted": "- made", "key": "made"}, "A process is a list of names with values"),
        ({"pasted": "é" * 250_001}, "This is longer than a process can be."),
    ],
)
def test_what_cannot_be_a_process_is_said_and_stays(
    sent: dict[str, str], says: str, admin: Person, as_: As
) -> None:
    answer = as_(admin).post(reverse("designer:import"), sent)
    assert answer.status_code == 422
    assert says in unescape(answer.content.decode())
    assert not Process.objects.exists()


def test_bytes_that_are_no_text_are_refused(admin: Person, as_: As) -> None:
    answer = as_(admin).post(reverse("designer:import"), {"file": SimpleUploadedFile("x.yaml", b"key: \xff")})
    assert "This is neither XML nor text in UTF-8." in answer.content.decode()


def test_an_owner_takes_nobodys_process_by_a_file(owner: Person, version: Version, as_: As) -> None:
    """Nor hears what it is called."""
    client = as_(owner)
    for sent in ({"pasted": TEXT, "key": "purchase"}, {"pasted": TEXT, "key": "purchase", "replace": "on"}):
        answer = client.post(reverse("designer:import"), sent)
        assert answer.status_code == 422
        assert "There is a process of this key already." in answer.content.decode()
        assert version.process.name not in answer.content.decode()
    assert not ProcessDraft.objects.exists()
    client.post(reverse("designer:import"), {"pasted": TEXT})
    assert list(Process.objects.get(key="made").owners.all()) == [owner]
