"""An installation goes from SQLite to PostgreSQL, whole or not at all."""

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from placet.commands.locks import lock_folder
from tests.installation import PATIENCE, Installation, drop_database, make_database, new_database
from tests.once import Together

SQLITE = "placet.sqlite3"


@pytest.fixture(scope="module")
def lived_in(begun: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an installation on SQLite with rows in every table."""
    folder = tmp_path_factory.mktemp("lived-in") / "data"
    installation = Installation(folder)
    if begun.database_url:  # of another kind
        installation.good("person", "list")
    else:
        shutil.copytree(begun.data_dir, folder)
    filled = subprocess.run(
        [sys.executable, "-m", "tests.commands.lived_in"],
        env=installation.environment | {"DJANGO_SETTINGS_MODULE": "placet.settings"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert filled.returncode == 0, filled.stderr
    return folder


@pytest.fixture
def old(lived_in: Path, tmp_path: Path) -> Installation:
    shutil.copytree(lived_in, tmp_path / "data")
    return Installation(tmp_path / "data")


@pytest.fixture
def new_url() -> Iterator[str]:
    """An empty database; the SQLite suite has none, and no test that asks for one."""
    with new_database() as url:
        yield url


@pytest.fixture
def url_of_tables(together: Together) -> Iterator[str]:
    """A database with tables and nothing in them, as a copy that was cut off leaves it: to make them takes most of the
    time of a copy."""
    url = make_database(together.tables().database_url)
    try:
        yield url
    finally:
        drop_database(url)


def query(installation: Installation, statement: str) -> None:
    with closing(sqlite3.connect(installation.data_dir / SQLITE)) as database, database:
        database.execute(statement)


def tables(installation: Installation) -> set[str]:
    with closing(sqlite3.connect(installation.data_dir / SQLITE)) as database:
        rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    # What a search looks in is a table on SQLite, and an index on PostgreSQL.
    return {name for (name,) in rows if "_index" not in name}


# --- before anything is copied ----------------------------------------------------------------------------


def test_an_address_of_something_else_is_refused(old: Installation) -> None:
    assert "postgres://" in old.refused("database", "copy", "mysql://localhost/placet")
    assert "postgres://" in old.refused("database", "copy", typed="\n")


def test_without_a_database_there_is_nothing_to_copy(tmp_path: Path) -> None:
    nothing = Installation(tmp_path / "nothing")
    assert "There is no SQLite database" in nothing.refused("database", "copy", "postgres://localhost/x")
    assert not nothing.data_dir.exists()


def test_while_placet_runs_nothing_is_copied(old: Installation) -> None:
    with lock_folder(old.data_dir, alone=True):
        assert "already runs" in old.refused("database", "copy", "postgres://localhost/x")


def test_a_server_that_is_not_there_is_told(old: Installation) -> None:
    assert "cannot be opened" in old.refused("database", "copy", "postgres://127.0.0.1:1/x")


# --- old mails --------------------------------------------------------------------------------------------


def test_old_mails_are_put_together_at_once_and_the_file_shrinks(old: Installation) -> None:
    assert "--older-than DAYS" in old.refused("database", "archive", "--older-than", "0")
    query(old, "UPDATE mail_outgoingmail SET state = 'sent', created_at = '2020-01-01 00:00:00'")
    verified = old.placet("audit", "verify").stdout
    ended = old.good("database", "archive", "--older-than", "30", "--shrink")
    assert re.search(r"^[1-9][0-9]* mails were put together in 1 blocks\.", ended, re.MULTILINE)
    assert re.search(r" had [0-9.]+ MB and has [0-9.]+ MB\.$", ended, re.MULTILINE)
    assert "0 mails were put together in 0 blocks" in old.good("database", "archive", "--older-than", "30")
    assert old.placet("audit", "verify").stdout == verified


# --- on PostgreSQL ----------------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_every_row_of_every_table_is_there_afterwards(old: Installation, new_url: str) -> None:
    before = (old.data_dir / SQLITE).read_bytes()
    ended = old.good("database", "copy", typed=f"{new_url}\n")
    assert "each is the same" in ended
    assert (old.data_dir / SQLITE).read_bytes() == before

    import psycopg

    left_behind = {"django_migrations", "placet_cache", "sqlite_sequence", "mail_mailblock"}
    with closing(sqlite3.connect(old.data_dir / SQLITE)) as source, psycopg.connect(new_url) as target:
        for table in sorted(tables(old) - left_behind):
            count = f'SELECT count(*) FROM "{table}"'
            rows = source.execute(count).fetchone()
            assert rows[0] > 0, f"nothing in {table} that a copy could lose: tests/commands/lived_in.py"
            assert target.execute(count).fetchone() == rows, table


@pytest.mark.postgresql
def test_placet_goes_on_where_it_was(old: Installation, url_of_tables: str) -> None:
    verified = old.placet("audit", "verify").stdout
    old.good("database", "copy", url_of_tables)
    new = Installation(old.data_dir, url_of_tables)
    assert new.placet("audit", "verify").stdout == verified
    assert "bob@contoso.example" in new.good("person", "list")
    new.good("person", "add", "Carol", "carol@contoso.example")  # under an id that nobody has
    assert "on PostgreSQL already" in new.refused("database", "copy", url_of_tables)


@pytest.mark.postgresql
def test_a_database_that_is_in_use_is_left_alone(
    old: Installation, new_url: str, url_of_tables: str, tmp_path: Path
) -> None:
    import psycopg

    with psycopg.connect(new_url) as target:
        target.execute("CREATE TABLE payroll (id int)")
    assert "payroll" in old.refused("database", "copy", new_url)
    with_people = Installation(tmp_path / "other", url_of_tables)
    with_people.good("person", "add", "Carol", "carol@contoso.example")
    assert "There is a Placet" in old.refused("database", "copy", url_of_tables)
    assert "carol@contoso.example" in with_people.good("person", "list")


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("change", "problem", "target_url"),
    [
        ("UPDATE approvals_decision SET comment = 'a' || char(0) || 'b'", "character NUL", "new_url"),
        (
            """UPDATE mailboxes_mailbox SET settings = '{"a": ["b\\u0000"]}'""",
            "character NUL",
            "url_of_tables",
        ),
        ("UPDATE accounts_person SET zone = printf('%0500d', 0)", "characters, and", "url_of_tables"),
        ("DELETE FROM approvals_version WHERE number = 1", "Nothing was copied", "url_of_tables"),
    ],
)
def test_what_postgresql_cannot_hold_is_named_and_nothing_is_copied(
    old: Installation, change: str, problem: str, target_url: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(target_url)
    query(old, "PRAGMA foreign_keys=OFF")
    query(old, change)
    assert problem in old.refused("database", "copy", url)

    import psycopg

    with psycopg.connect(url) as target:
        assert target.execute("SELECT count(*) FROM accounts_person").fetchone() == (0,)
    assert "There is a Placet" not in old.refused("database", "copy", url), "it can be tried again"


@pytest.mark.postgresql
def test_a_row_that_changed_on_the_way_is_noticed(old: Installation, url_of_tables: str) -> None:
    """By a trigger in the new database, such as an administrator of it may have made."""
    import psycopg

    with psycopg.connect(url_of_tables) as target:
        target.execute(
            "CREATE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.outcome := 'reject'; RETURN NEW; END $$"
        )
        target.execute(
            "CREATE TRIGGER bend BEFORE INSERT ON approvals_decision FOR EACH ROW EXECUTE FUNCTION bend()"
        )
    refused = old.refused("database", "copy", url_of_tables)
    assert "approvals_decision is not the same" in refused and "outcome" in refused
    with psycopg.connect(url_of_tables) as target:
        assert target.execute("SELECT count(*) FROM accounts_person").fetchone() == (0,)
