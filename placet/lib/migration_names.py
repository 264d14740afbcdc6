"""Which migrations this version has, and which of them a database has been through, by their names alone. Django's own
look loads every migration and makes a graph of them: that takes longer than all that a start asks of the database.
"""

from functools import cache
from importlib.util import find_spec
from pkgutil import iter_modules

from django.apps import apps
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "django_migrations"  # in which Django keeps them


def missing(connection: BaseDatabaseWrapper) -> frozenset[tuple[str, str]]:
    """Label of the application and name of each migration that this database has still to go through. Raises
    django.db.Error."""
    return known() - applied(connection)


@cache
def known() -> frozenset[tuple[str, str]]:
    """The migrations of this version: files, which do not change while it runs."""
    return frozenset(
        (app.label, module.name)
        for app in apps.get_app_configs()
        for module in iter_modules(_folders(app.label, app.name))
        if not module.ispkg and module.name[0] not in "_~"  # which Django takes for no migrations
    )


def _folders(label: str, package: str) -> list[str]:
    """Of an application's migrations; none where it has no tables."""
    name = settings.MIGRATION_MODULES.get(label, f"{package}.migrations")
    spec = None if name is None else find_spec(name)
    return [] if spec is None else list(spec.submodule_search_locations or ())


def applied(connection: BaseDatabaseWrapper) -> set[tuple[str, str]]:
    """Those that this database has been through; none where it is empty. Raises django.db.Error."""
    with connection.cursor() as cursor:
        if TABLE not in connection.introspection.table_names(cursor):
            return set()
        cursor.execute(f"SELECT app, name FROM {TABLE}")  # noqa: S608 - a name of our own
        return {(str(app), str(name)) for app, name in cursor.fetchall()}
