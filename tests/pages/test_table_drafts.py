"""Authority tables as they are made on pages: rows, files, and the review before they are published."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import translation

from placet.accounts.models import Person
from placet.approvals import authority, authority_drafts
from placet.approvals.authority_csv import Rows, read
from placet.approvals.models import TableDraft, TableVersion

As = Callable[[Person | None], Client]
pytestmark = pytest.mark.django_db

NEW = {
    "name": "Who may approve", "key": "authority", "hits": "first", "asks": "on",
    "column_1": "cost_centre", "kind_1": "text", "column_2": "amount", "kind_2": "number",
    "kind_3": "text", "kind_4": "text",
}  # fmt: skip
NOTHING: Mapping[str, str] = MappingProxyType({})
TABLE = b"cost_centre,amount:number,ask\n4711,0..1000,bob@contoso.example\n4711,1000..,manager:2\n"


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


def do(browser: Client, what: str, cells: Mapping[str, str] = NOTHING, page: int = 1) -> str:
    """Press a button of the editor, with what was typed in some cells; the page after it."""
    draft = TableDraft.objects.get()
    form = {"revision": draft.revision, "page": page, "do": what, "name": draft.name, "hits": draft.hits}
    address = reverse("panel:table_draft", args=[draft.pk])
    return browser.post(address, {**form, **cells}, follow=True).content.decode()


def published(browser: Client, **more: str) -> str:
    draft = TableDraft.objects.get()
    address = reverse("panel:review_table", args=[draft.pk])
    shown = browser.get(address).content.decode()  # empty inputs of its form are those that are hidden
    sent = dict(re.findall(r'type="hidden" name="(revision|in_place_of)" value="(\d+)"', shown))
    return browser.post(address, {**sent, **more}, follow=True).content.decode()


def review(browser: Client) -> str:
    draft = TableDraft.objects.get()
    return browser.get(reverse("panel:review_table", args=[draft.pk])).content.decode()


def test_a_table_is_made_row_by_row_reviewed_and_published(ada: Client, bob: Person) -> None:
    assert ada.post(reverse("panel:new_table"), NEW).status_code == 302
    row = {"cell-1-0": "4711", "cell-1-1": "0..1000", "cell-1-2": "bob@contoso.example"}
    do(ada, "behind:1", row)
    page = do(ada, "save", {"cell-2-0": "4711", "cell-2-1": "2000..", "cell-2-2": "manager"})
    assert 'value="0..1000"' in page
    assert "cost_centre" in page
    assert not authority.newest("authority")
    shown = review(ada)
    assert "nothing for 1000 to below 2000" in shown
    assert "Nothing was published." in published(ada)
    assert "published as version 1: 2 rows." in published(ada, accepted="yes")
    version = TableVersion.objects.get()
    assert version.rows == [["4711", "0..1000", "bob@contoso.example"], ["4711", "2000..", "manager"]]
    assert not TableDraft.objects.exists()


def test_what_is_published_is_edited_and_counts_until_the_next_version_is(ada: Client, bob: Person) -> None:
    first = authority.publish("authority", read(TABLE), "first")
    ada.post(reverse("panel:edit_table", args=[first.table_id]))
    page = do(ada, "remove:1")
    assert 'data-label="Who is asked"' in page  # on a phone, where the head of the table is not shown
    assert 'data-label="ask"' not in page
    assert authority.newest("authority") == first
    assert "Go on editing" in ada.get(reverse("panel:table", args=[first.table_id])).content.decode()
    published(ada, accepted="yes")
    last = authority.newest("authority")
    assert last is not None
    assert (last.number, last.rows) == (2, [["4711", "1000..", "manager:2"]])
    ada.post(reverse("panel:edit_table", args=[first.table_id]))
    assert "is the same as version 2" in published(ada, accepted="yes")


def test_rows_are_moved_added_and_removed_with_what_was_typed(
    ada: Client, admin: Person, bob: Person
) -> None:
    authority.publish("authority", read(TABLE), "first")
    draft = authority_drafts.begin("authority", admin)
    do(ada, "down:1", {"cell-1-0": "4712"})
    do(ada, "up:1")
    do(ada, "add")
    do(ada, "behind:1")
    draft.refresh_from_db()
    assert [row[0] for row in draft.rows] == ["4711", "", "4712", ""]
    do(ada, "column", {"column": "site", "kind": "text"})
    do(ada, "without:cost_centre")
    draft.refresh_from_db()
    assert [column["name"] for column in draft.columns] == ["amount", "site", "ask"]
    assert draft.rows[2] == ["0..1000", "", "bob@contoso.example"]
    for nothing in ("remove:99", "up:x", "nonsense", "without:nothing", ""):
        do(ada, nothing)
    draft.refresh_from_db()
    assert len(draft.rows) == 4


def test_what_a_cell_cannot_hold_is_said_beside_its_row_and_keeps_it_from_being_published(
    ada: Client, admin: Person
) -> None:
    authority.publish("authority", read(TABLE), "first")
    authority_drafts.begin("authority", admin)
    page = do(ada, "save", {"cell-1-1": "a lot", "cell-2-2": "nobody at all"})
    assert "1 cell has" not in page
    assert "2 cells have to be corrected before the table can be published." in page
    assert re.findall(r'name="(cell-[^"]+)"[^>]* aria-invalid', page) == ["cell-1-1", "cell-2-2"]
    assert "“a lot” is not a number" in page
    assert "row 1: amount: “a lot” is not a number" in review(ada)
    published(ada, accepted="yes")
    assert authority.newest("authority").number == 1  # type: ignore[union-attr]


def test_the_review_says_what_the_command_says(ada: Client, admin: Person, bob: Person) -> None:
    rows = read(
        b"site,amount:number,ask\nA,..100,bob@contoso.example\nA,50..200,group:none\nA,..50,ghost@contoso.example\n"
    )
    authority_drafts.make("authority", "Who", "first", rows, admin)
    page = review(ada)
    said = authority.review(Rows(rows.columns, rows.cells), "first")
    assert said.problems and said.warnings
    for sentence in [*said.problems, *said.warnings]:
        assert sentence.partition(": ")[2].replace("'", "&#x27;") in page


def test_the_review_is_in_the_readers_language(admin: Person, bob: Person) -> None:
    with translation.override("fr"):
        said = authority.review(read(TABLE.replace(b"4711,1000..", b"4711,2000..")), "first")
    assert said.warnings == ["rien pour 1000 à moins de 2000"]


def test_a_file_is_imported_and_exported_as_the_same(ada: Client, bob: Person) -> None:
    file = SimpleUploadedFile("table.csv", TABLE)
    form = {"name": "Who may approve", "key": "authority", "hits": "every", "file": file}
    assert ada.post(reverse("panel:import_table"), form).status_code == 302
    published(ada, accepted="yes")
    version = TableVersion.objects.get()
    assert version.hits == "every"
    sent = ada.get(reverse("panel:table_file", args=[version.table_id, 1]))
    assert read(sent.content).cells == read(TABLE).cells
    assert sent["Content-Disposition"] == 'attachment; filename="authority-1.csv"'
    offered = ada.get(reverse("panel:import_table"), {"key": "authority"}).content.decode()
    assert 'value="Who may approve"' in offered


def test_a_file_that_cannot_be_a_table_is_refused_with_every_problem(ada: Client) -> None:
    file = SimpleUploadedFile("table.csv", b"amount:number,ask\nmuch,manager\n1,\n")
    form = {"name": "Who", "key": "authority", "hits": "first", "file": file}
    answer = ada.post(reverse("panel:import_table"), form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "line 2: amount: “much” is not a number" in page
    assert "line 3: ask: it does not say who is asked" in page
    assert not TableDraft.objects.exists()


def test_of_two_who_edit_the_second_is_told_and_overwrites_nothing(ada: Client, admin: Person) -> None:
    authority.publish("authority", read(TABLE), "first")
    draft = authority_drafts.begin("authority", admin)
    stale = {"revision": draft.revision, "page": 1, "do": "save", "cell-1-0": "mine"}
    do(ada, "save", {"cell-1-0": "theirs"})
    page = ada.post(reverse("panel:table_draft", args=[draft.pk]), stale, follow=True).content.decode()
    assert "Somebody changed this draft after you opened it" in page
    draft.refresh_from_db()
    assert draft.rows[0][0] == "theirs"
    with pytest.raises(authority_drafts.ChangedMeanwhile):
        authority_drafts.publish(draft.pk, draft.revision - 1, in_place_of=1, accepted=True, by=admin)
    ada.post(reverse("panel:discard_table_draft", args=[draft.pk]))
    gone = ada.post(reverse("panel:review_table", args=[draft.pk]), stale, follow=True)
    assert gone.status_code == 404
    assert authority.newest("authority").number == 1  # type: ignore[union-attr]


def test_what_was_imported_meanwhile_is_not_lost_in_silence(ada: Client, admin: Person, bob: Person) -> None:
    authority.publish("authority", read(TABLE), "first")
    draft = authority_drafts.begin("authority", admin)
    do(ada, "save", {"cell-1-1": "0..900", "cell-2-1": "900.."})
    imported = TABLE.replace(b"4711,1000..", b"4712,0..,manager:2\n4711,1000..").replace(
        b"manager:2", b"manager:3"
    )
    with pytest.raises(authority_drafts.PublishedMeanwhile):
        _published_by_file_before(draft, imported, admin)
    assert authority.newest("authority").rows == read(imported).cells  # type: ignore[union-attr]
    assert "Version 2 was published after this draft was begun." in do(ada, "save")
    shown = review(ada)
    assert "in place of version 2" in shown
    assert "version 2 has this row, and the draft has not: 4712 | 0.. | manager:3" in shown
    assert "4711 | 1000.. | manager:3" in shown
    assert "0..1000" not in shown.partition("Look at this")[2].partition("</ul>")[0]  # it stood there before
    assert "Nothing was published." in published(ada)
    last = authority.publish("authority", read(imported.replace(b"4712", b"4713")), "first")
    address = reverse("panel:review_table", args=[draft.pk])
    revision = TableDraft.objects.get().revision
    stale = {"revision": revision, "in_place_of": 2, "accepted": "yes"}
    assert "Another version of this table" in ada.post(address, stale, follow=True).content.decode()
    assert authority.newest("authority") == last
    assert "published as version 4" in published(ada, accepted="yes")


def _published_by_file_before(draft: TableDraft, file: bytes, by: Person) -> None:
    """A command imports it between the review and what is sent from there."""
    draft.refresh_from_db()
    authority.publish(draft.key, read(file), "first")
    authority_drafts.publish(draft.pk, draft.revision, in_place_of=1, accepted=True, by=by)


def test_a_new_table_has_a_key_and_columns_that_are_free(ada: Client) -> None:
    authority.publish("authority", read(TABLE), "first")
    assert "There is a table authority already" in ada.post(reverse("panel:new_table"), NEW).content.decode()
    wrong = ada.post(reverse("panel:new_table"), {**NEW, "key": "other", "column_1": "Cost centre"})
    assert "“Cost centre” names no column" in wrong.content.decode()
    assert ada.post(reverse("panel:new_table"), {**NEW, "key": "other"}).status_code == 302
    assert (
        "is being edited already"
        in ada.post(reverse("panel:new_table"), {**NEW, "key": "other"}).content.decode()
    )


def test_a_page_of_many_rows_shows_and_changes_its_own(ada: Client, admin: Person) -> None:
    many = b"amount:number,ask\n" + b"".join(b"%d..%d,manager\n" % (n, n + 1) for n in range(60))
    authority.publish("authority", read(many), "first")
    draft = authority_drafts.begin("authority", admin)
    address = reverse("panel:table_draft", args=[draft.pk])
    page = ada.get(address, {"page": 3}).content.decode()
    assert 'name="cell-51-0"' in page
    assert 'name="cell-50-0"' not in page
    assert len(page) < 150_000
    do(ada, "save", {"cell-51-0": "50..50.5"}, page=3)
    draft.refresh_from_db()
    assert (draft.rows[50][0], draft.rows[49][0]) == ("50..50.5", "49..50")
