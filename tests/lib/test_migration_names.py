"""The look for migrations that wait sees what Django's own one sees."""

from pathlib import Path
from typing import Any

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import ConnectionHandler

from placet.lib.migration_names import applied, known, missing


def test_the_files_are_those_that_django_loads() -> None:
    assert known() == MigrationLoader(None).disk_migrations.keys()


def test_a_database_that_was_used_has_been_through_all(db: None) -> None:
    assert applied(connection) == MigrationRecorder(connection).applied_migrations().keys() >= known()
    assert missing(connection) == set()


def test_one_that_waits_is_named_and_one_of_a_later_version_is_not(db: None) -> None:
    MigrationRecorder.Migration.objects.filter(app="mail", name="0003_via").delete()
    MigrationRecorder(connection).record_applied("mail", "9999_later")
    assert missing(connection) == {("mail", "0003_via")}


def test_an_empty_database_has_been_through_none(db: None, tmp_path: Path) -> None:
    # A file: Django never closes a database that is in memory alone.
    empty = ConnectionHandler(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "empty.sqlite3"}}
    )
    assert missing(empty["default"]) == known()
    empty.close_all()


def test_an_application_may_have_no_migrations_at_all(settings: Any) -> None:
    known.cache_clear()
    settings.MIGRATION_MODULES = {"mail": None}
    try:
        assert not [name for label, name in known() if label == "mail"]
        assert ("accounts", "0001_initial") in known()
    finally:
        known.cache_clear()
