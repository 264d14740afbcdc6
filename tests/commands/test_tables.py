"""`placet table`."""

from functools import partial
from pathlib import Path

import pytest

from placet.accounts.addresses import add_person
from placet.approvals import authority
from placet.approvals.authority_gaps import prove
from tests.commands.conftest import Run

SOUND = "cost_centre,amount:number,ask\n4711,0..1000,manager\n4711,1000..,bob@contoso.example; group:none\n"


@pytest.fixture
def file(tmp_path: Path, db: None) -> Path:
    add_person("Bob", "bob@contoso.example")
    return tmp_path / "authority.csv"


def test_a_table_is_imported_listed_shown_and_exported(placet: Run, file: Path) -> None:
    file.write_text(SOUND)
    refused = placet("table", "import", "authority", str(file), "--name", "Authority")
    assert (refused.code, refused.out, refused.error) == (
        1,
        "warning: line 3: there is no group none\n",
        "Nothing was published. To publish it all the same, add --yes.\n",
    )
    done = placet("table", "import", "authority", str(file), "--name", "Authority", "--yes")
    assert done.out.splitlines()[1:] == ["Authority is published as version 1: 2 rows."]
    assert placet("table", "list").out == "authority: Authority, version 1, 2 rows, first hit\n"
    assert placet("table", "show", "authority", "cost_centre=4711", "amount=48000").out.splitlines() == [
        "Authority, version 1",
        "row 2: cost_centre 4711, amount 1000.. → Bob <bob@contoso.example>, group:none (nobody)",
    ]
    assert placet("table", "show", "authority", "cost_centre=4711").out.count("row ") == 2
    assert placet("table", "show", "authority", "cost_centre=4712").out.splitlines()[1:] == [
        "No row fits: a step that looks here waits for an administrator."
    ]
    file.write_text(placet("table", "export", "authority").out)
    again = placet("table", "import", "authority", str(file), "--yes")
    assert again.out.splitlines()[1:] == ["Authority is the same as version 1; there was nothing to do."]
    file.write_text("site,ask\nParis,manager\n")
    assert (
        placet("table", "import", "authority", str(file)).out
        == "Authority is published as version 2: 1 row.\n"
    )
    assert placet("table", "export", "authority").out == "\ufeffsite,ask\r\nParis,manager\r\n"
    assert "4711" in placet("table", "export", "authority", "--version", "1").out


def test_managers_are_shown_in_words_and_exported_as_they_were_written(placet: Run, file: Path) -> None:
    file.write_text("site,ask\nParis,manager:1\nLyon,manager; Manager:3\n")
    assert placet("table", "import", "authority", str(file)).code == 0
    assert placet("table", "show", "authority").out.splitlines()[1:] == [
        "row 1: site Paris → the requester's manager",
        "row 2: site Lyon → the requester's manager, the requester's manager 3 levels up",
    ]
    assert placet("table", "export", "authority").out.split() == [
        "\ufeffsite,ask", "Paris,manager:1", "Lyon,manager;", "Manager:3",
    ]  # fmt: skip


def test_every_problem_is_said_at_once(placet: Run, file: Path) -> None:
    file.write_text("a,n:number,ask\nx,5..1,nobody\nx\x1b[2J,1,\n")
    ran = placet("table", "import", "authority", str(file))
    assert (ran.code, ran.out) == (1, "")
    assert ran.error.splitlines() == [
        "This table cannot be published:",
        "line 2: n: “5..1” holds no number: it goes from a number and ends below a larger one",
        "line 2: ask: “nobody” is neither an address nor group:KEY nor manager",
        "line 3: a: a cell is one line of plain text",
        "line 3: ask: it does not say who is asked",
    ]
    file.write_text("a,ask\n*,manager\nx,bob@contoso.example\n")
    ran = placet("table", "import", "authority", str(file), "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert ran.error.splitlines()[1:] == ["line 3: it can never be hit, because line 2 fits whatever it fits"]
    file.write_text("a,ask\n" + "".join(f"{number},\n" for number in range(70)))
    assert placet("table", "import", "authority", str(file)).error.splitlines()[-1] == "… and 20 more"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["import", "Authority", "none.csv"], "A table's key has 1 to 50 letters"),
        (["import", "authority", "none.csv"], "none.csv cannot be read: No such file"),
        (
            ["import", "authority", "none.csv", "--name", "a\nb"],
            "A table's name has 1 to 200 letters, on one line.",
        ),
        (["show", "none"], "There is no table none. See: placet table list"),
        (["export", "authority", "--version", "7"], "There is no table authority with a version 7."),
        (
            ["show", "authority", "site=1"],
            "“site=1” is not COLUMN=VALUE; the columns are cost_centre, amount.",
        ),
        (["show", "authority", "amount"], "“amount” is not COLUMN=VALUE"),
        (["show", "authority", "amount=x"], "amount: “x” is not a number"),
    ],
)
def test_what_cannot_be_done_is_said(placet: Run, file: Path, words: list[str], error: str) -> None:
    file.write_text(SOUND)
    placet("table", "import", "authority", str(file), "--yes")
    ran = placet("table", *words)
    assert (ran.code, ran.out) == (1, "")
    assert error in ran.error


def test_a_table_that_is_too_large_to_be_looked_through_says_so(
    placet: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority, "prove", partial(prove, most=10))
    file.write_text("a,ask\n" + "".join(f"{number},manager\n" for number in range(70)))
    ran = placet("table", "import", "authority", str(file))
    assert (ran.code, ran.out) == (
        1,
        "The table is too large to look for all gaps and overlaps; there may be others.\n",
    )


def test_a_file_without_ask_is_a_list(placet: Run, file: Path) -> None:
    file.write_text('code,name\n4711,"Facility, Hall *"\n4712,\n')
    done = placet("table", "import", "cost_centres", str(file))
    assert done.code == 0
    assert "It has no column ask, so it is a list" in done.out
    assert placet("table", "list").out == "cost_centres: cost_centres, version 1, 2 rows, a list\n"
    shown = placet("table", "show", "cost_centres", "code=4712").out.splitlines()
    assert shown == ["cost_centres, version 1", "row 2: code 4712, name –"]
    assert placet("table", "show", "cost_centres", "code=1").out.splitlines()[1:] == ["No row fits."]


def test_a_table_does_not_become_a_list_by_a_slip(placet: Run, file: Path) -> None:
    file.write_text("site,ask\nParis,manager\n")
    assert placet("table", "import", "authority", str(file)).code == 0
    file.write_text("site\nParis\n")
    refused = placet("table", "import", "authority", str(file))
    assert refused.code != 0
    assert "it has no column ask any more, so no step can ask by it" in refused.out
