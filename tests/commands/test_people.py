"""`placet person` and `placet group`."""

import re
import sys
from pathlib import Path

import pytest

from placet.accounts.models import Group, Person
from placet.approvals.models import Assignment
from placet.lib import progress
from tests.commands.conftest import Run
from tests.lib.test_progress import Terminal
from tests.making import SAMPLE, start

PASSWORD = "a long and quiet password"


def test_people_are_added_listed_and_given_managers(placet: Run) -> None:
    assert placet("person", "add", "Bob Manager", "Bob@Contoso.Example", stdin=f"{PASSWORD}\n").code == 0
    added = placet(
        "person",
        "add",
        "Alice",
        "alice@contoso.example",
        "--manager",
        "bob@contoso.example",
        "--administrator",
        "--no-password",
    )
    assert (added.code, added.out) == (0, "Alice <alice@contoso.example> was added.\n")
    assert Person.objects.get(name="Bob Manager").check_password(PASSWORD)
    assert not Person.objects.get(name="Alice").has_usable_password()
    assert placet("person", "list").out.splitlines() == [
        "Alice <alice@contoso.example>  administrator, manager: Bob Manager",
        "Bob Manager <bob@contoso.example>",
    ]
    placet("person", "add", "Carol", "carol@contoso.example", "--no-password")
    changed = placet("person", "manager", "alice@contoso.example", "carol@contoso.example")
    assert changed.out == "Carol is the manager of Alice now.\n"


def test_limits_are_set_shown_and_taken_away(placet: Run) -> None:
    placet("person", "add", "Bob", "bob@contoso.example", "--no-password", "--limit", "5,000")
    placet("person", "add", "Carol", "carol@contoso.example", "--no-password")
    assert placet("person", "list").out.splitlines() == [
        "Bob <bob@contoso.example>  limit: 5000.00",
        "Carol <carol@contoso.example>",
    ]
    assert placet("person", "limit", "carol@contoso.example", "0").out == "Carol approves up to 0.00 now.\n"
    assert placet("person", "limit", "bob@contoso.example", "none").out == "Bob has no approval limit now.\n"
    assert dict(Person.objects.values_list("name", "approval_limit")) == {"Bob": None, "Carol": 0}


def test_the_role_of_a_process_owner_is_given_and_taken(placet: Run) -> None:
    placet("person", "add", "Bob", "bob@contoso.example", "--no-password", "--process-owner")
    assert placet("person", "list").out == "Bob <bob@contoso.example>  process owner\n"
    taken = placet("person", "process-owner", "bob@contoso.example", "no")
    assert taken.out == "Bob is no process owner now.\n"
    assert not Person.objects.get().is_process_owner
    placet("person", "process-owner", "bob@contoso.example", "yes")
    assert Person.objects.get().is_process_owner


def test_an_empty_password_is_made_up_and_shown(placet: Run) -> None:
    made = placet("person", "add", "Bob", "bob@contoso.example", stdin="\n")
    shown = re.match(r"Password: (\S{16})\n", made.out)
    assert shown
    assert Person.objects.get().check_password(shown[1])


@pytest.mark.parametrize(
    ("words", "stdin", "error"),
    [
        (["add", "Bob", "bob"], "", "“bob” is not an e-mail address.\n"),
        (["add", "Bob", "bob@contoso.example\nBcc: evil@x.test"], "", "” is not an e-mail address.\n"),
        (
            ["add", "Bob", "ada@contoso.example", "--no-password"],
            "",
            "ada@contoso.example belongs to somebody already.\n",
        ),
        (["add", "Bob", "ADA@contoso.example", "--no-password"], "", "belongs to somebody already.\n"),
        (
            ["add", "Bob", "bob@contoso.example", "--manager", "ghost@x.test"],
            "",
            "There is nobody with the address ghost@x.test.\n",
        ),
        (["add", "x" * 201, "bob@contoso.example"], "", "A name has 1 to 200 letters, on one line.\n"),
        (["add", "B\nob", "bob@contoso.example"], "", "A name has 1 to 200 letters, on one line.\n"),
        (["add", "Bob", "b@" + "x" * 60 + ".example" * 25], "", "at most 254 letters.\n"),
        (["add", "Bob", "bob@contoso.example"], "short\n", "too short"),
        (["add", "Bob", "bob@contoso.example"], "password1234\n", "too common"),
        (
            ["manager", "ada@contoso.example", "ghost@x.test"],
            "",
            "There is nobody with the address ghost@x.test.\n",
        ),
        (["password", "ghost@x.test"], "", "There is nobody with the address ghost@x.test.\n"),
        (["limit", "ghost@x.test", "5"], "", "There is nobody with the address ghost@x.test.\n"),
        (["limit", "ada@contoso.example", "5.000"], "", "“5.000” is not a limit. Write an amount such as"),
        (["add", "Bob", "bob@contoso.example", "--limit", "much"], "", "“much” is not a limit."),
        (["deactivate", "ghost@x.test"], "", "There is nobody with the address ghost@x.test.\n"),
        (
            ["deactivate", "ada@contoso.example"],
            "",
            "Ada Administrator is the only administrator. Add another one first.\n",
        ),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    placet: Run, admin: Person, words: list[str], stdin: str, error: str
) -> None:
    ran = placet("person", *words, stdin=stdin)
    assert ran.code == 1
    assert ran.error.endswith(error) or error in ran.error
    assert list(Person.objects.values_list("name", "is_active")) == [("Ada Administrator", True)]


@pytest.mark.parametrize("words", [[], ["fly"], ["add", "Bob"], ["add"]])
def test_words_that_it_does_not_know_exit_with_two(placet: Run, words: list[str]) -> None:
    ran = placet("person", *words)
    assert ran.code == 2
    assert "usage: placet person" in ran.error


def test_a_new_password_is_set(placet: Run, admin: Person) -> None:
    assert placet("person", "password", "ada@contoso.example", stdin=f"{PASSWORD}\n").code == 0
    admin.refresh_from_db()
    assert admin.check_password(PASSWORD)


def test_who_leaves_is_no_longer_asked(
    placet: Run, admin: Person, alice: Person, bob: Person, dave: Person
) -> None:
    bob.manager = dave
    bob.save()
    start(SAMPLE, alice)
    left = placet("person", "deactivate", "bob@contoso.example")
    assert (left.code, left.out) == (
        0,
        "Bob Manager was deactivated; their open questions were put to others.\n",
    )
    assert Assignment.objects.get(state="open").person == dave
    assert "deactivated" in placet("person", "list").out


def test_groups_are_made_changed_and_listed(placet: Run, bob: Person, dave: Person) -> None:
    made = placet(
        "group", "set", "--name", "Finance", "finance", "bob@contoso.example", "DAVE@contoso.example"
    )
    assert (made.code, made.out) == (0, "Finance: Bob Manager, Dave Stranger\n")
    assert placet("group", "list").out == "finance (Finance): Bob Manager, Dave Stranger\n"
    assert placet("group", "set", "finance").out == "Finance: nobody\n"
    assert Group.objects.get().name == "Finance"


@pytest.mark.parametrize(
    "words",
    [
        ["finance", "--name", "Finance", "bob@contoso.example", "dave@contoso.example"],
        ["finance", "bob@contoso.example", "--name", "Finance", "dave@contoso.example"],
    ],
)
def test_addresses_stand_on_either_side_of_the_name(
    placet: Run, bob: Person, dave: Person, words: list[str]
) -> None:
    assert placet("group", "set", *words).out == "Finance: Bob Manager, Dave Stranger\n"


def test_a_group_with_somebody_unknown_stays_as_it_was(placet: Run, bob: Person) -> None:
    placet("group", "set", "finance", "bob@contoso.example")
    ran = placet("group", "set", "finance", "bob@contoso.example", "ghost@x.test", "nobody@x.test")
    assert (ran.code, ran.error) == (1, "There is nobody with the address ghost@x.test, nobody@x.test.\n")
    assert list(Group.objects.get().members.all()) == [bob]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["fin ance"], "A group's key has 1 to 50 letters of a-z, 0-9, - and _, such as finance.\n"),
        (["x" * 51], "A group's key has 1 to 50 letters of a-z, 0-9, - and _, such as finance.\n"),
        (["--name", "x" * 201, "finance"], "A group's name has at most 200 letters, on one line.\n"),
    ],
)
def test_a_group_that_cannot_be_kept_is_said(placet: Run, words: list[str], error: str) -> None:
    ran = placet("group", "set", *words)
    assert (ran.code, ran.error) == (1, error)
    assert not Group.objects.exists()


def test_people_come_from_a_file_once_that_is_said(placet: Run, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(
        "Name;Mail;Manager\nAlice;alice@b.example;bob@b.example\nBob;bob@b.example;\n\x1b[2J;wrong;\n"
    )
    looked = placet("person", "import", str(file))
    assert looked.code == 0
    assert looked.out.splitlines()[0].startswith(
        "line 4: error: wrong  “wrong” is not an e-mail address. A name"
    )
    assert "\x1b" not in looked.out
    assert "line 2: new: alice@b.example  name:  → Alice; manager:  → bob@b.example" in looked.out
    assert looked.out.endswith(
        "1 error, 2 new, 0 changed, 0 unchanged\nNothing was changed. To do it, add --apply.\n"
    )
    assert not Person.objects.exists()
    assert placet("person", "import", str(file), "--apply").out.endswith("Done.\n")
    assert Person.objects.get(name="Alice").manager == Person.objects.get(name="Bob")
    assert placet("person", "import", str(file), "--apply").out.endswith("There was nothing to do.\n")


def test_how_far_an_import_is_stands_on_a_terminal_alone(
    placet: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    file = tmp_path / "people.csv"
    file.write_text("Name;Mail\nAlice;alice@b.example\nBob;bob@b.example\nNobody;wrong\n")
    assert placet("person", "import", str(file)).error == ""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert placet("person", "import", str(file), "--apply").out.endswith("Done.\n")
    shown = [line.strip() for line in terminal.getvalue().split("\r")]
    assert "Rows compared: 2 of 3 (66 %), 0 s left" in shown
    assert "Compared once more, and written: 6 of 8 (75 %), 0 s left" in shown
    assert shown[-1] == ""


def test_a_file_that_cannot_be_imported_is_said_in_words(placet: Run, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    assert "cannot be read: No such file" in placet("person", "import", str(file)).error
    file.write_text("Name;Phone\nAlice;1\n")
    assert "no column with e-mail addresses" in placet("person", "import", str(file)).error
