"""Files that a step's people add: kept with their unfinished answer, seen by nobody else, attached by the answer alone.

First what a stranger, somebody else who is asked, or the requester could make of it; then how it is meant to be used.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals import attachments, engine, evidence
from placet.approvals.definitions import definition_of
from placet.approvals.form import facts_hash
from placet.approvals.models import Assignment, Attachment, Decision, Draft, Request
from placet.approvals.processes import publish
from placet.audit import chain
from placet.portal.uploads import LARGEST_READ
from tests.pages.conftest import HOSTILE

As = Callable[[Person | None], Client]

PROCESS: dict[str, Any] = {
    "key": "contract", "name": "Contract", "title": "{item}", "start": "sign",
    "start_form": {"hide": ["contract", "note"]},
    "form": [
        {"name": "item", "label": "Item", "type": "text"},
        {"name": "quotes", "label": "Quotes", "type": "files"},
        {"name": "secret", "label": "Secret", "type": "files"},
        {"name": "contract", "label": "Signed contract", "type": "files", "max": 3, "largest": 9, "endings": ["pdf"]},
        {"name": "note", "label": "Note", "type": "text", "required": True},
    ],
    "steps": {
        "sign": {
            "kind": "task", "name": "Sign",
            "ask": [{"person": "bob@contoso.example"}, {"person": "carol@contoso.example"}],
            "form": {"fill": ["contract", "note"], "require": ["contract"], "hide": ["secret"]},
        },
        "check": {"kind": "approval", "name": "Check", "ask": [{"person": "dave@contoso.example"}]},
        "ok": {"kind": "end", "name": "Fine", "result": "approved"},
        "no": {"kind": "end", "name": "Not", "result": "rejected"},
    },
    "transitions": [
        {"from": "sign", "outcome": "done", "to": "check"},
        {"from": "check", "outcome": "approve", "to": "ok"},
        {"from": "check", "outcome": "reject", "to": "no"},
    ],
}  # fmt: skip


def upload(
    name: str = "signed.pdf", content: bytes = b"%PDF", kind: str = "application/pdf"
) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type=kind)


def process(**steps: Any) -> dict[str, Any]:
    """The same with other steps."""
    return {**PROCESS, "steps": {**PROCESS["steps"], **steps}}


def with_form(**form: Any) -> dict[str, Any]:
    """The same with another form of the first step; whatever that fills in is asked for there alone."""
    definition = process(sign={**PROCESS["steps"]["sign"], "form": form})
    return {**definition, "start_form": {"hide": ["note"]}}


def started(requester: Person, definition: dict[str, Any] = PROCESS, **files: bytes) -> Request:
    version = publish(definition)
    draft = Draft.objects.create(person=requester, process=version.process, version=version)
    for field, content in files.items():
        attachments.keep(draft, field, upload(f"{field}.pdf", content), requester)
    return engine.start(version, requester, {"item": "Copier"}, draft)


@pytest.fixture
def request_(alice: Person, bob: Person, carol: Person, dave: Person) -> Request:
    return started(alice, quotes=b"offer", secret=b"inside")


def seat(request: Request, person: Person) -> Assignment:
    return Assignment.objects.get(visit__request=request, person=person)


def address(asked: Assignment) -> str:
    return reverse("portal:fill_in", args=[asked.visit.request.public_id, asked.pk])


def answer(asked: Assignment, **typed: Any) -> dict[str, Any]:
    request = Request.objects.get(pk=asked.visit.request_id)
    shown = facts_hash(request, definition_of(request.version), asked.visit.step_key)
    return {"assignment": str(asked.pk), "shown": shown, "outcome": "done", "f-note": "Ours", **typed}


def kept(asked: Assignment) -> list[str]:
    """The ids of what is with an unfinished answer, as its page has them."""
    return [str(one.public_id) for one in asked.attachments.order_by("pk")]


def names(request: Request, field: str = "contract") -> list[str]:
    request.refresh_from_db()
    return [file["name"] for file in request.data[field] or ()]


def is_clean(request: Request) -> bool:
    return [*chain.verify(request.pk), *evidence.compare(request.pk)] == []


def keep(client: Client, asked: Assignment, *files: SimpleUploadedFile) -> None:
    """Add these, and answer later."""
    sent = client.post(address(asked), {"do": "keep", "kept": kept(asked), "f-contract": list(files)})
    assert sent.status_code == 200


# --- what others could make of it -------------------------------------------------------------------------


def test_nobody_else_sees_takes_or_removes_what_is_not_sent_yet(
    request_: Request, alice: Person, bob: Person, carol: Person, dave: Person, admin: Person, as_: As
) -> None:
    mine = seat(request_, bob)
    keep(as_(bob), mine, upload("draft-of-bob.pdf"))
    [file] = kept(mine)
    download = reverse("portal:attachment", args=[file])
    assert as_(bob).get(download).content == b"%PDF"
    for person in (alice, carol, dave, admin):
        client = as_(person)
        assert client.get(download).status_code == 404
        pages = [f"/requests/{request_.public_id}/", "/", "/requests/"]
        assert not any(b"draft-of-bob" in client.get(page).content for page in pages)
        assert client.post(address(mine), answer(mine, remove=file)).status_code == 404
        assert client.post(address(mine), answer(mine, **{"f-contract": upload()})).status_code == 404
    theirs, other = seat(request_, carol), as_(carol)
    assert b"draft-of-bob" not in other.get(address(theirs)).content
    other.post(address(theirs), {"remove": file})
    assert kept(mine) == [file], "an id that is not theirs removes nothing"
    taken = other.post(address(theirs), answer(theirs, kept=[file], **{"f-contract": upload("own.pdf")}))
    assert taken.status_code == 409, "nor does it attach anything"
    other.post(address(theirs), answer(theirs, kept=kept(theirs)))
    assert names(request_) == ["own.pdf"]
    assert kept(mine) == [file]
    assert is_clean(request_)


def test_files_go_into_no_other_field_than_those_of_the_step(request_: Request, bob: Person, as_: As) -> None:
    asked = seat(request_, bob)
    others = {
        f"f-{name}": upload("smuggled.pdf") for name in ("quotes", "secret", "item", "nothing", "note ")
    }
    as_(bob).post(address(asked), {"do": "keep", **others})
    assert not asked.attachments.exists()
    drop = [str(one.public_id) for one in Attachment.objects.filter(request=request_)]
    sent = as_(bob).post(address(asked), answer(asked, drop=drop, **others, **{"f-contract": upload()}))
    assert sent.status_code == 302
    assert (names(request_), names(request_, "quotes"), names(request_, "secret")) == (
        ["signed.pdf"], ["quotes.pdf"], ["secret.pdf"],
    )  # fmt: skip
    assert Attachment.objects.filter(request=request_).count() == 3


def test_ids_of_other_requests_and_of_nothing_attach_nothing(
    request_: Request, alice: Person, bob: Person, as_: As
) -> None:
    asked, other = seat(request_, bob), started(alice, quotes=b"other")
    foreign = [str(one.public_id) for one in Attachment.objects.filter(request__in=[other, request_])]
    for ids in (foreign, [str(uuid4())], ["x" * 500, "\x00", "1' OR '1'='1"], foreign[:1] * 900):
        sent = as_(bob).post(address(asked), answer(asked, kept=ids))
        assert sent.status_code == 409
        as_(bob).post(address(asked), {"do": "keep", "remove": ids[0], "drop": ids})
    assert not Decision.objects.exists()
    assert Attachment.objects.filter(request=request_).count() == 2
    assert Attachment.objects.filter(request=other).count() == 1


def test_names_and_types_of_a_stranger_s_choice_have_no_effect(
    request_: Request, bob: Person, dave: Person, as_: As
) -> None:
    asked, client = seat(request_, bob), as_(bob)
    nasty = f"..\\..\\{HOSTILE};Set-Cookie: x=1\u202e{{% now %}}.pdf"
    keep(client, asked, upload(nasty, b"<script>alert(1)</script>", 'text/html\x00; charset="x"'))
    page = client.get(address(asked)).content.decode()
    assert "<script>alert" not in page and "<img" not in page and "\u202e" not in page
    assert client.post(address(asked), answer(asked, kept=kept(asked))).status_code == 302
    file = Attachment.objects.get(request=request_, field="contract")
    assert "\x00" not in file.content_type
    for path in ("/", f"/requests/{request_.public_id}/"):
        assert "<img" not in as_(dave).get(path).content.decode()
    answered = as_(dave).get(reverse("portal:attachment", args=[file.public_id]))
    assert answered["Content-Type"] == "application/octet-stream"
    assert answered["X-Content-Type-Options"] == "nosniff"
    assert "\n" not in answered["Content-Disposition"]
    assert "Set-Cookie" not in answered.headers


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ([upload("empty.pdf", b"")], "“empty.pdf” is empty."),
        ([upload("run.exe")], "“run.exe” cannot be taken here: only pdf can."),
        ([upload("pdf")], "“pdf” cannot be taken here"),
        ([upload("large.pdf", b"x" * (9 * 1024 * 1024 + 1))], "“large.pdf” is larger than 9 MB."),
        ([upload(f"{n}.pdf", b"x" * 9_000_000) for n in range(3)], "With “2.pdf” the files are larger than 25 MB"),
        ([upload(f"{n}.pdf") for n in range(11)], "“10.pdf” is one too many"),
    ],
)  # fmt: skip
def test_the_limits_are_the_server_s(
    files: list[SimpleUploadedFile], problem: str, request_: Request, bob: Person, as_: As
) -> None:
    asked = seat(request_, bob)
    sent = as_(bob).post(address(asked), answer(asked, **{"f-contract": files}))
    assert sent.status_code == 422
    assert problem in sent.content.decode()
    assert 'value="Ours"' in sent.content.decode()
    assert not Decision.objects.exists()
    assert asked.attachments.count() == len(files) - 1


def test_more_than_a_field_takes_is_refused_whatever_stands_there_already(
    request_: Request, bob: Person, as_: As
) -> None:
    asked, client = seat(request_, bob), as_(bob)
    sent = client.post(
        address(asked), answer(asked, **{"f-contract": [upload(f"{n}.pdf") for n in range(4)]})
    )
    assert (sent.status_code, "At most 3 files, please." in sent.content.decode()) == (422, True)
    client.post(address(asked), {"remove": kept(asked)[0], "kept": kept(asked)})
    assert client.post(address(asked), answer(asked, kept=kept(asked))).status_code == 302
    assert names(request_) == ["1.pdf", "2.pdf", "3.pdf"]


def test_what_is_far_too_large_is_read_without_its_files_and_what_was_typed_stays(
    request_: Request, bob: Person, as_: As
) -> None:
    asked, client = seat(request_, bob), as_(bob)
    sent = client.post(
        address(asked), answer(asked, **{"f-contract": upload(content=os.urandom(29 * 1024 * 1024))})
    )
    page = sent.content.decode()
    assert (sent.status_code, sent.wsgi_request.FILES) == (413, {})
    assert "larger than 25 MB together, so nothing was sent" in page
    assert 'value="Ours"' in page
    unread = client.post(address(asked), answer(asked), CONTENT_LENGTH=LARGEST_READ + 1)
    assert unread.status_code == 413
    assert "what you typed is not kept" in unread.content.decode()
    assert not Decision.objects.exists() and not asked.attachments.exists()


def test_the_page_is_protected_against_other_sites_whatever_is_sent(request_: Request, bob: Person) -> None:
    asked, client = seat(request_, bob), Client(enforce_csrf_checks=True)
    client.force_login(bob)
    for content in (b"%PDF", os.urandom(29 * 1024 * 1024)):
        sent = client.post(address(asked), answer(asked, **{"f-contract": upload(content=content)}))
        assert sent.status_code == 403
    assert not asked.attachments.exists() and not Decision.objects.exists()


def test_looking_keeps_nothing(request_: Request, bob: Person, as_: As) -> None:
    asked = seat(request_, bob)
    as_(bob).get(address(asked))
    as_(bob).post(address(asked), answer(asked, do="look", **{"f-contract": upload()}))
    as_(bob).post(address(asked), answer(asked, **{"f-contract": upload()}), headers={"HX-Request": "true"})
    assert not asked.attachments.exists() and not Decision.objects.exists()


def test_a_step_that_takes_no_files_keeps_none(
    alice: Person, bob: Person, carol: Person, dave: Person, as_: As
) -> None:
    asked = seat(started(alice, with_form(fill=["note"])), bob)
    as_(bob).post(address(asked), answer(asked, **{"f-contract": upload()}))
    assert not Attachment.objects.exists()


def test_the_form_at_the_start_takes_no_files_of_a_later_step(alice: Person, as_: As, bob: Person) -> None:
    version = publish(PROCESS)
    client = as_(alice)
    assert 'name="f-contract"' not in client.get("/start/contract/").content.decode()
    client.post("/start/contract/", {"version": version.number, "f-item": "Copier", "f-contract": upload()})
    assert not Attachment.objects.exists()


# --- as it is meant ---------------------------------------------------------------------------------------


def test_files_are_added_with_the_answer_and_everybody_after_it_knows_them(
    request_: Request, alice: Person, bob: Person, dave: Person, as_: As
) -> None:
    asked, client = seat(request_, bob), as_(bob)
    page = client.get(address(asked)).content.decode()
    assert 'enctype="multipart/form-data"' in page and 'accept=".pdf"' in page
    assert "At most 3 files, 9 MB each, 25 MB together. Only pdf." in page
    without = client.post(address(asked), answer(asked))
    assert (without.status_code, "Please add a file." in without.content.decode()) == (422, True)
    assert client.post(address(asked), answer(asked, **{"f-contract": upload()})).status_code == 302
    request_.refresh_from_db()
    file = Attachment.objects.get(field="contract")
    assert request_.revision == 2
    assert request_.data["contract"] == [
        {"id": str(file.public_id), "name": "signed.pdf", "size": 4, "sha256": file.sha256}
    ]
    assert (file.request_id, file.assignment_id, file.by) == (request_.pk, None, bob)
    for person in (alice, bob, dave):
        assert "signed.pdf" in as_(person).get(f"/requests/{request_.public_id}/").content.decode()
        assert as_(person).get(reverse("portal:attachment", args=[file.public_id])).content == b"%PDF"
    assert is_clean(request_)


def test_what_was_added_survives_an_error_and_is_removed_again(
    request_: Request, bob: Person, as_: As
) -> None:
    asked, client = seat(request_, bob), as_(bob)
    wrong = client.post(address(asked), answer(asked, **{"f-note": "", "f-contract": upload()}))
    page = wrong.content.decode()
    assert (wrong.status_code, "Please fill this in." in page, "signed.pdf" in page) == (422, True, True)
    assert "signed.pdf" in client.get(address(asked)).content.decode()
    removed = client.post(address(asked), answer(asked, kept=kept(asked), remove=kept(asked)[0]))
    page = removed.content.decode()
    assert "The file was removed." in page and 'value="Ours"' in page
    assert not asked.attachments.exists() and not Decision.objects.exists()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"do": "keep"}, 200),
        ({"do": "keep", "f-contract": "scan.exe"}, 422),
        ({"remove": "a3bb189e-8bf9-3888-9912-ace4e6543002"}, 200),
        ({"outcome": "done", "f-contract": "scan.exe"}, 422),
    ],
)
def test_no_button_takes_a_comment_away(
    request_: Request, bob: Person, as_: As, sent: dict[str, str], status: int
) -> None:
    asked, client = seat(request_, bob), as_(bob)
    typed = {**answer(asked, comment="Signed by both"), "outcome": "", **sent}
    if "f-contract" in sent:
        typed["f-contract"] = upload(sent["f-contract"])
    page = client.post(address(asked), typed)
    assert (page.status_code, "Signed by both" in page.content.decode()) == (status, True)


def test_only_what_the_page_showed_is_sent(request_: Request, bob: Person, as_: As) -> None:
    asked, client = seat(request_, bob), as_(bob)
    keep(client, asked, upload("first.pdf"))
    shown_there = kept(asked)
    keep(client, asked, upload("in another window.pdf"))
    sent = client.post(address(asked), answer(asked, kept=shown_there))
    assert sent.status_code == 409
    assert "The files were changed in another window, so nothing was decided." in sent.content.decode()
    assert not Decision.objects.exists()
    assert client.post(address(asked), answer(asked, kept=kept(asked))).status_code == 302
    assert names(request_) == ["first.pdf", "in another window.pdf"]


def both(**form: Any) -> dict[str, Any]:
    """Both have to answer."""
    return process(
        sign={**PROCESS["steps"]["sign"], "rule": "all", "form": {**PROCESS["steps"]["sign"]["form"], **form}}
    )


def test_earlier_files_stay_unless_they_are_removed_and_their_content_is_kept(
    alice: Person, bob: Person, carol: Person, dave: Person, as_: As
) -> None:
    request = started(alice, both())
    mine, theirs = seat(request, bob), seat(request, carol)
    as_(bob).post(
        address(mine), answer(mine, **{"f-contract": [upload("old.pdf", b"old"), upload("fine.pdf")]})
    )
    client = as_(carol)
    page = client.get(address(theirs)).content.decode()
    assert "old.pdf" in page and 'name="drop"' in page
    old = Attachment.objects.get(name="old.pdf")
    drop = {"drop": str(old.public_id), "f-note": "", "f-contract": upload("new.pdf")}
    wrong = client.post(address(theirs), answer(theirs, **drop))
    assert (wrong.status_code, wrong.content.decode().count("checked")) == (422, 1)
    assert names(request) == ["old.pdf", "fine.pdf"]
    sent = client.post(address(theirs), answer(theirs, drop=str(old.public_id), kept=kept(theirs)))
    assert sent.status_code == 302
    assert names(request) == ["fine.pdf", "new.pdf"]
    assert [one["name"] for one in request.revisions.get(number=2).data["contract"]] == [
        "old.pdf",
        "fine.pdf",
    ]
    shown = as_(dave).get(f"/requests/{request.public_id}/").content.decode()
    assert reverse("portal:attachment", args=[old.public_id]) in shown, "the history leads to it"
    assert "Removed:" in shown
    assert as_(dave).get(reverse("portal:attachment", args=[old.public_id])).content == b"old"
    assert is_clean(request)
    Attachment.objects.filter(pk=old.pk).update(content=b"OLD")
    assert not is_clean(request)


def test_what_somebody_else_of_the_step_added_is_shown_before_an_answer_counts(
    alice: Person, bob: Person, carol: Person, dave: Person, as_: As
) -> None:
    request = started(alice, both())
    mine, theirs = seat(request, bob), seat(request, carol)
    stale = answer(theirs, **{"f-contract": upload("carol.pdf")})
    as_(bob).post(address(mine), answer(mine, **{"f-contract": upload("bob.pdf")}))
    sent = as_(carol).post(address(theirs), stale)
    page = sent.content.decode()
    assert (sent.status_code, "bob.pdf" in page, "carol.pdf" in page) == (409, True, True)
    assert as_(carol).post(address(theirs), answer(theirs, kept=kept(theirs))).status_code == 302
    assert names(request) == ["bob.pdf", "carol.pdf"]


def test_whatever_shows_the_page_anew_says_that_the_request_changed(
    alice: Person, bob: Person, carol: Person, dave: Person, as_: As
) -> None:
    """Or what somebody else entered meanwhile would be overwritten by an answer that nobody was warned of."""
    request = started(alice, both())
    mine, theirs = seat(request, bob), seat(request, carol)
    client = as_(carol)
    stale = answer(theirs, outcome="", **{"do": "keep", "f-note": "Mine", "f-contract": upload("carol.pdf")})
    said = "The request changed after it was shown to you"
    assert said not in client.post(address(theirs), stale).content.decode()
    as_(bob).post(address(mine), answer(mine, **{"f-note": "Theirs", "f-contract": upload("bob.pdf")}))
    for more in ({}, {"do": "", "remove": kept(theirs)[0]}, {"f-contract": upload("scan.exe")}):
        page = client.post(address(theirs), {**stale, "f-contract": [], **more}).content.decode()
        assert page.count(said) == 1
    sent = client.post(address(theirs), {**stale, "do": "", "outcome": "done", "f-contract": []})
    assert (sent.status_code, sent.content.decode().count(said)) == (409, 1)
    shown = {**answer(theirs), "do": "keep"}
    assert said not in client.post(address(theirs), shown).content.decode()


def test_who_comes_second_is_told_and_nothing_of_theirs_is_attached(
    request_: Request, bob: Person, carol: Person, as_: As
) -> None:
    mine, theirs = seat(request_, bob), seat(request_, carol)
    late = answer(theirs, **{"f-contract": upload("late.pdf")})
    keep(as_(carol), theirs, upload("early.pdf"))
    as_(bob).post(address(mine), answer(mine, **{"f-contract": upload()}))
    page = as_(carol).post(address(theirs), {**late, "kept": kept(theirs)}, follow=True).content.decode()
    assert "were not attached" in page
    assert names(request_) == ["signed.pdf"]
    assert Attachment.objects.filter(request=request_, field="contract").count() == 1
    assert "late.pdf" not in [one.name for one in Attachment.objects.all()]
    assert "were not attached" in as_(carol).get(address(theirs), follow=True).content.decode()
    assert is_clean(request_)


def test_a_request_that_was_withdrawn_meanwhile_takes_nothing(
    request_: Request, alice: Person, bob: Person, as_: As
) -> None:
    asked = seat(request_, bob)
    keep(as_(bob), asked, upload())
    late = answer(asked, kept=kept(asked), **{"f-contract": upload("late.pdf")})
    engine.withdraw(request_.pk, alice)
    assert "were not attached" in as_(bob).post(address(asked), late, follow=True).content.decode()
    as_(bob).post(address(asked), {"do": "keep", "f-contract": upload("later.pdf")})
    assert names(request_) == []
    assert [one.name for one in asked.attachments.all()] == ["signed.pdf"]
    assert is_clean(request_)


def test_what_was_never_sent_is_cleared_once_the_answer_is_not_open_any_more(
    request_: Request, alice: Person, bob: Person, carol: Person, as_: As
) -> None:
    mine, theirs = seat(request_, bob), seat(request_, carol)
    for client, asked in ((as_(bob), mine), (as_(carol), theirs)):
        keep(client, asked, upload())
    Attachment.objects.update(created_at=timezone.now() - timedelta(days=300))
    assert attachments.due(10) == [], "as long as it is open it waits, as a draft does"
    as_(bob).post(address(mine), answer(mine, kept=kept(mine)))
    [left] = attachments.due(10)
    assert attachments.work(left)
    assert not attachments.work(left)
    assert not theirs.attachments.exists()
    assert names(request_) == ["signed.pdf"]
    assert is_clean(request_)


def test_the_step_is_not_answered_without_its_page(request_: Request, bob: Person, as_: As) -> None:
    asked, client = seat(request_, bob), as_(bob)
    keep(client, asked, upload())
    sent = client.post(f"/requests/{request_.public_id}/decide/", answer(asked), follow=True)
    assert "Signed contract: Please add a file." in sent.content.decode()
    pick = {"pick": f"{asked.pk}:{answer(asked)['shown']}", "outcome": "done", "sure": "yes"}
    assert "something to fill in" in client.post("/decide/", pick, follow=True).content.decode()
    assert not Decision.objects.exists() and asked.attachments.count() == 1


def test_a_new_request_begins_with_what_the_earlier_one_has_now(
    alice: Person, bob: Person, carol: Person, dave: Person, as_: As
) -> None:
    request = started(alice, with_form(fill=["quotes", "note"]), quotes=b"offer")
    asked = seat(request, bob)
    drop = [str(one.public_id) for one in request.attachments.all()]
    sent = as_(bob).post(address(asked), answer(asked, drop=drop, **{"f-quotes": upload("better.pdf")}))
    assert sent.status_code == 302
    as_(alice).post(reverse("portal:start_again", args=[request.public_id]))
    assert [one.name for one in Draft.objects.get().attachments.all()] == ["better.pdf"]
