"""Files that an answer adds: in the engine, in mails that ask, in the record. The page has its tests in tests/pages."""

import hashlib
from email import message_from_bytes
from email.policy import default
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from placet.accounts.models import Person
from placet.approvals import attachments, engine, engine_errors, evidence
from placet.approvals.attachments import FilesOfAnswer
from placet.approvals.changes import changes_between
from placet.approvals.definitions import definition_of
from placet.approvals.evidence import Differs
from placet.approvals.form import condition_values, facts_hash
from placet.approvals.models import AskLine, Assignment, Attachment, Decision, Draft, Request
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.audit import chain
from placet.mail.models import OutgoingMail
from tests.approvals.test_options import publish_list
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db

PROCESS: dict[str, Any] = {
    "key": "contract", "name": "Contract", "title": "{item}", "start": "sign",
    "start_form": {"hide": ["contract", "annex"]},
    "form": [
        {"name": "item", "label": "Item", "type": "text"},
        {"name": "quotes", "label": "Quotes", "type": "files"},
        {"name": "contract", "label": "Signed contract", "type": "files", "required": True, "max": 2},
        {"name": "with_annex", "label": "With an annex", "type": "yes_no"},
        {"name": "annex", "label": "Annex", "type": "files", "show": "with_annex"},
    ],
    "steps": {
        "sign": {
            "kind": "approval", "name": "Sign", "ask": [{"person": "bob@contoso.example"}],
            "form": {"fill": ["contract", "annex", "with_annex"]},
        },
        "check": {"kind": "approval", "name": "Check", "ask": [{"person": "carol@contoso.example"}]},
        "ok": {"kind": "end", "name": "Fine", "result": "approved"},
        "no": {"kind": "end", "name": "Not", "result": "rejected"},
    },
    "transitions": [
        {"from": "sign", "outcome": "approve", "when": "contract > 1.0", "to": "ok"},
        {"from": "sign", "outcome": "approve", "to": "check"},
        {"from": "sign", "outcome": "reject", "to": "no"},
        {"from": "check", "outcome": "approve", "to": "ok"},
        {"from": "check", "outcome": "reject", "to": "sign"},
    ],
}  # fmt: skip


def changed(**parts: Any) -> dict[str, Any]:
    return {**PROCESS, **parts}


def with_step(key: str, **parts: Any) -> dict[str, Any]:
    return changed(steps={**PROCESS["steps"], key: {**PROCESS["steps"][key], **parts}})


@pytest.fixture
def request_(alice: Person, bob: Person, carol: Person) -> Request:
    return engine.start(publish(PROCESS), alice, {"item": "Copier"})


def seat(request: Request) -> Assignment:
    """Whoever is asked now."""
    open_ones = Assignment.objects.filter(visit__request=request, state=Assignment.State.OPEN)
    return open_ones.select_related("visit__request__version", "person").get()


def keep(
    asked: Assignment, field: str = "contract", name: str = "signed.pdf", content: bytes = b"%PDF"
) -> str:
    definition = definition_of(asked.visit.request.version)
    [one] = (one for one in definition.fields if one.name == field)
    upload = SimpleUploadedFile(name, content)
    return str(attachments.keep_for_answer(asked, one, upload).public_id)


def answer(
    asked: Assignment, outcome: str = "approve", files: FilesOfAnswer | None = None, **entered: Any
) -> Decision:
    return engine.decide(
        asked.pk,
        by=asked.person,
        outcome=outcome,
        channel=Decision.Channel.PAGE,
        entered=entered,
        files=files,
    )


def added(*ids: str) -> FilesOfAnswer:
    return FilesOfAnswer(frozenset(ids))


def is_clean(request: Request) -> bool:
    return [*chain.verify(request.pk), *evidence.compare(request.pk)] == []


def test_what_an_answer_adds_is_a_revision_that_conditions_and_hashes_see(request_: Request) -> None:
    asked, definition = seat(request_), definition_of(request_.version)
    before = facts_hash(request_, definition, "check")
    one, two = keep(asked), keep(asked, name="second.pdf", content=b"two")
    answer(asked, files=added(one, two))
    request_.refresh_from_db()
    assert (request_.state, request_.revision) == ("ended", 2), "two files lead the other way"
    assert condition_values(definition, request_.data)["contract"] == 2.0
    assert facts_hash(request_, definition, "check") != before
    assert request_.data["contract"][1] == {
        "id": two, "name": "second.pdf", "size": 3, "sha256": hashlib.sha256(b"two").hexdigest()
    }  # fmt: skip
    assert "second.pdf" in request_.words
    assert is_clean(request_)


def test_what_is_required_is_needed_where_an_answer_grants_and_earlier_files_will_do(
    request_: Request,
) -> None:
    asked = seat(request_)
    for files in (None, FilesOfAnswer()):
        with pytest.raises(engine_errors.FieldsInvalid) as invalid:
            answer(asked, files=files)
        assert invalid.value.errors == {"contract": "Please add a file."}
    answer(asked, files=added(keep(asked)))
    answer(seat(request_), "reject")
    again = seat(request_)
    [held] = Request.objects.get(pk=request_.pk).data["contract"]
    with pytest.raises(engine_errors.FieldsInvalid):
        answer(again, files=FilesOfAnswer(removed=frozenset([held["id"]])))
    answer(again)  # says nothing of files, as a reply does
    assert Request.objects.get(pk=request_.pk).data["contract"] == [held]


def test_whoever_rejects_needs_none_and_may_leave_some(request_: Request) -> None:
    asked = seat(request_)
    answer(asked, "reject", added(keep(asked)))
    request_.refresh_from_db()
    assert (request_.state, len(request_.data["contract"])) == ("ended", 1)
    assert is_clean(request_)


def test_an_answer_that_knows_other_files_than_there_are_changes_nothing(request_: Request) -> None:
    asked = seat(request_)
    mine = keep(asked)
    for ids in ((), ("x",), (mine, str(UUID(int=1)))):
        with pytest.raises(engine_errors.OtherFiles):
            answer(asked, files=added(*ids))
    attachments.remove_from_answer(asked, mine)
    with pytest.raises(engine_errors.OtherFiles):
        answer(asked, files=added(mine))
    assert not Decision.objects.exists()
    assert is_clean(request_)


def test_what_a_condition_hides_after_all_is_not_attached(request_: Request) -> None:
    asked = seat(request_)
    ids = keep(asked), keep(asked, "annex", "annex.pdf")
    answer(asked, files=added(*ids), with_annex="")
    request_.refresh_from_db()
    assert request_.data["annex"] is None
    assert [one.name for one in Attachment.objects.all()] == ["signed.pdf"]
    assert is_clean(request_)


def test_nothing_is_kept_for_an_answer_that_was_given(request_: Request) -> None:
    asked = seat(request_)
    answer(asked, "reject")
    with pytest.raises(attachments.AnswerClosed):
        keep(asked)
    assert not Attachment.objects.exists()


def test_a_reply_takes_no_files_and_those_on_the_page_stay_where_they_are(request_: Request) -> None:
    """They are cleared later; the confirmation of a reply says that they were not sent."""
    asked = seat(request_)
    keep(asked)
    engine.decide(asked.pk, by=asked.person, outcome="reject", channel=Decision.Channel.MAIL)
    request_.refresh_from_db()
    assert (request_.data["contract"], asked.attachments.count()) == (None, 1)
    assert is_clean(request_)


def test_whatever_is_rewritten_of_a_file_is_named(request_: Request) -> None:
    asked = seat(request_)
    first = keep(asked)
    answer(asked, files=added(first))
    answer(seat(request_), "reject")
    again = seat(request_)
    answer(again, files=FilesOfAnswer(frozenset([keep(again, name="new.pdf")]), frozenset([first])))
    assert is_clean(request_)
    differs = [Differs(request_.pk, 0, "a file was changed, or is gone")]
    earlier = Attachment.objects.get(public_id=first)
    for wrong in ({"content": b"x"}, {"name": "x.pdf"}, {"field": "quotes"}, {"sha256": "0" * 64}):
        right = {name: getattr(earlier, name) for name in wrong}
        Attachment.objects.filter(pk=earlier.pk).update(**wrong)
        assert list(evidence.compare(request_.pk)) == differs, wrong
        Attachment.objects.filter(pk=earlier.pk).update(**right)
    assert is_clean(request_)
    Attachment.objects.filter(pk=earlier.pk).delete()
    assert list(evidence.compare(request_.pk)) == differs
    earlier.save(force_insert=True)
    assert is_clean(request_)


def test_a_file_that_was_put_beside_those_that_were_sent_is_named(request_: Request) -> None:
    asked = seat(request_)
    keep(asked, name="never sent.pdf")
    assert is_clean(request_)
    Attachment.objects.update(assignment=None, request=request_)
    assert list(evidence.compare(request_.pk)) == [Differs(request_.pk, 0, "a file was changed, or is gone")]


def test_what_was_entered_later_is_read_once_for_all_requests_whose_forms_take_no_files(
    request_: Request, alice: Person, bob: Person
) -> None:
    asked = seat(request_)
    answer(asked, files=added(keep(asked)))
    note = {"name": "note", "label": "Note", "type": "text"}
    later = publish(
        with_step("sign", form={"fill": ["note"]})
        | {
            "key": "plain", "form": [PROCESS["form"][0], note], "start_form": {"hide": ["note"]},
            "transitions": PROCESS["transitions"][1:],
        }
    )  # fmt: skip

    def read() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert list(evidence.compare()) == []
        return sum('FROM "approvals_revision"' in query["sql"] for query in queries)

    few = read()
    for _number in range(3):
        answer(seat(engine.start(later, alice, {"item": "Copier"})), note="Ours")
    assert read() == few


def test_a_file_has_one_place(request_: Request) -> None:
    asked, version = seat(request_), request_.version
    keep(asked)
    draft = Draft.objects.create(person=asked.person, process=version.process, version=version)
    for wrong in ({"request": request_}, {"draft": draft}, {"assignment": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Attachment.objects.update(**wrong)


@pytest.mark.skipif(not connection.features.has_select_for_update, reason="SQLite locks everything")
def test_files_are_kept_and_removed_only_while_nobody_answers(request_: Request) -> None:
    asked = seat(request_)
    with CaptureQueriesContext(connection) as keeping:
        file = keep(asked)
    with CaptureQueriesContext(connection) as removing:
        attachments.remove_from_answer(asked, file)
    for made, beginning in ((keeping, "INSERT"), (removing, "DELETE")):
        statements = [query["sql"] for query in made if "approvals_" in query["sql"]]
        changed = next(number for number, sql in enumerate(statements) if sql.startswith(beginning))
        locked = next(number for number, sql in enumerate(statements) if "FOR UPDATE" in sql)
        assert 'FROM "approvals_request"' in statements[locked] and locked < changed


# --- at publishing ----------------------------------------------------------------------------------------


def test_files_are_entered_later_in_approvals_and_in_tasks(bob: Person, carol: Person) -> None:
    definition = parse_definition(PROCESS)
    assert [one.name for one in definition.files_filled_in("sign")] == ["contract", "annex"]
    assert [one.name for one in definition.filled_by_mail("sign")] == ["with_annex"]
    task = with_step("sign", kind="task", form={"fill": ["contract", "annex"], "require": ["annex"]})
    task["transitions"] = [
        {"from": "sign", "outcome": "done", "to": "check"}, *PROCESS["transitions"][3:4],
        {"from": "check", "outcome": "reject", "to": "no"}
    ]  # fmt: skip
    assert parse_definition(task).required_in("sign") == {"annex"}


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (with_step("sign", form={"fill": ["contract"], "hide": ["contract"]}), "contract is hidden in this step"),
        (with_step("sign", form={"fill": ["contract"], "require": ["quotes"]}), "quotes is not among the fields"),
        (with_step("sign", form={"fill": ["with_annex"]}), "no step fills contract in"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    bob: Person, carol: Person, definition: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DefinitionInvalid) as invalid:
        parse_definition(definition)
    assert problem in str(invalid.value)


def test_a_step_may_call_a_process_whose_files_are_added_later(bob: Person, carol: Person) -> None:
    publish(PROCESS)
    calls = {"kind": "call", "name": "Sign it", "process": "contract", "data": {"item": "item"}}
    caller = {
        **PROCESS, "key": "caller", "start": "calls", "start_form": None, "form": PROCESS["form"][:1],
        "steps": {"calls": calls, "ok": PROCESS["steps"]["ok"], "no": PROCESS["steps"]["no"]},
        "transitions": [
            {"from": "calls", "outcome": "approved", "to": "ok"},
            *({"from": "calls", "outcome": outcome, "to": "no"} for outcome in ("rejected", "withdrawn")),
        ],
    }  # fmt: skip
    parse_definition(caller)
    publish({key: value for key, value in PROCESS.items() if key != "start_form"})
    with pytest.raises(DefinitionInvalid, match=r"needs files \(contract\), which no step can give"):
        parse_definition(caller)


# --- in mails ---------------------------------------------------------------------------------------------


def text_of(person: Person) -> str:
    mail = OutgoingMail.objects.filter(to=person.email, kind="ask").latest("pk")
    part = message_from_bytes(bytes(mail.raw), policy=default).get_body(("plain",))
    assert part is not None
    # What others wrote becomes no link: something that cannot be seen stands in it.
    return " ".join(part.get_content().replace("\u200b", "").split())


def test_a_mail_says_what_only_the_page_takes_and_which_answer_needs_it(
    alice: Person, bob: Person, carol: Person
) -> None:
    make_mailbox()
    request = engine.start(publish(PROCESS), alice, {"item": "Copier"})
    asked = text_of(bob)
    assert "“reject” on the first line" in asked and "“approve” or" not in asked
    assert "For “approve”, please open the request and sign in." in asked
    assert (
        "To be filled in there: “Signed contract”. A file that is attached to a reply is not taken." in asked
    )
    assert f"Approve, on the page: http://127.0.0.1:8000/requests/{request.public_id}/" in asked
    assert "Reject: mailto:" in asked
    mine = seat(request)
    answer(mine, files=added(keep(mine)))
    shown = text_of(carol)
    assert "Signed contract: signed.pdf (4 bytes)" in shown
    assert "page only" not in shown and "filled in there" not in shown
    answer(seat(request), "reject")
    assert "filled in there" not in text_of(bob), "the file is there already"


def test_a_task_that_needs_a_file_is_done_on_the_page_only(alice: Person, bob: Person) -> None:
    make_mailbox()
    sign = {**PROCESS["steps"]["sign"], "kind": "task"}
    steps = {"sign": sign, "ok": PROCESS["steps"]["ok"]}
    definition = changed(steps=steps, transitions=[{"from": "sign", "outcome": "done", "to": "ok"}])
    engine.start(publish(definition), alice, {"item": "Copier"})
    asked = text_of(bob)
    assert "done on the page only: please open the request and sign in." in asked
    assert "To be filled in there: “Signed contract”." in asked
    assert "mailto:" not in asked


def test_a_file_that_is_not_required_changes_nothing_in_the_mail(
    alice: Person, bob: Person, carol: Person
) -> None:
    make_mailbox()
    form = [{key: value for key, value in one.items() if key != "required"} for one in PROCESS["form"]]
    engine.start(publish(changed(form=form)), alice, {"item": "Copier"})
    asked = text_of(bob)
    assert "“approve” or “reject” on the first line" in asked
    assert "filled in there" not in asked


def test_what_need_not_be_filled_in_reads_no_lists_for_a_mail_that_asks(
    alice: Person, bob: Person, carol: Person
) -> None:
    make_mailbox()
    publish_list()
    form = [
        *({key: value for key, value in one.items() if key != "required"} for one in PROCESS["form"]),
        {"name": "centre", "label": "Centre", "type": "cost_centre"},
    ]
    definition = changed(form=form, start_form={"hide": ["contract", "annex", "centre"]})
    fills = {**PROCESS["steps"]["sign"], "form": {"fill": ["contract", "annex", "with_annex", "centre"]}}
    version = publish({**definition, "steps": {**PROCESS["steps"], "sign": fills}})
    with CaptureQueriesContext(connection) as queries:
        engine.start(version, alice, {"item": "Copier"})
    assert not any('FROM "approvals_tableversion"' in query["sql"] for query in queries)


def test_others_are_asked_once_more_about_files_that_came_later(
    alice: Person, bob: Person, carol: Person
) -> None:
    make_mailbox()
    both = {
        "kind": "parallel", "name": "Both", "branches": {"a": {"start": "sign"}, "b": {"start": "check"}},
        "result": [{"rejected": "any"}, {"approved": "all"}], "otherwise": "rejected",
    }  # fmt: skip
    transitions = [
        *({"from": key, "outcome": "approve", "ends_branch": "approved"} for key in ("sign", "check")),
        *({"from": key, "outcome": "reject", "ends_branch": "rejected"} for key in ("sign", "check")),
        {"from": "both", "outcome": "approved", "to": "ok"},
        {"from": "both", "outcome": "rejected", "to": "no"},
    ]
    steps = {**PROCESS["steps"], "both": both}
    request = engine.start(
        publish(changed(start="both", steps=steps, transitions=transitions)), alice, {"item": "Copier"}
    )
    asked = Assignment.objects.select_related("visit__request__version", "person").get(person=bob)
    answer(asked, files=added(keep(asked)))
    assert [line.revision for line in AskLine.objects.filter(assignment__person=carol).order_by("pk")] == [
        1,
        2,
    ]
    assert "signed.pdf (4 bytes)" in text_of(carol)
    assert is_clean(request)


def test_another_file_of_the_same_name_and_size_is_not_shown_as_the_same(request_: Request) -> None:
    definition, asked = definition_of(request_.version), seat(request_)
    first = keep(asked)
    answer(asked, files=added(first))
    was = Request.objects.get(pk=request_.pk).data
    answer(seat(request_), "reject")
    again = seat(request_)
    answer(again, files=FilesOfAnswer(frozenset([keep(again, content=b"%PDG")]), frozenset([first])))
    now = Request.objects.get(pk=request_.pk).data
    [change] = changes_between(definition, was, now)
    assert change.was == "signed.pdf (4 bytes)"
    assert change.now == "signed.pdf (4 bytes), with other content"
