"""The tables of a new database, made as they are today. Migrations would make those of every version before, one after
another: on SQLite, where a changed table is a new one, that takes many times as long."""

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from placet.accounts.name_index import NAMES
from placet.approvals.word_index import WORDS
from placet.lib.migrating import WithoutPatterns

#: Applications whose migrations are SQL of their own: no models say what it comes to.
OF_SQL = frozenset({"procrastinate"})


def make_new_tables() -> None:
    """Where the database is empty, all tables but those of `OF_SQL`, in one transaction, which notes that their
    migrations were applied; `migrate` does the rest. Else nothing. Raises django.db.Error.

    What migrations do to rows has none here. What they make besides tables is made here too, which
    tests/test_new_tables.py compares with the migrations."""
    if connection.introspection.table_names():
        return
    loader = MigrationLoader(connection)
    migrations = [node for node in loader.graph.nodes if node[0] not in OF_SQL]
    recorder = MigrationRecorder(connection)
    with connection.schema_editor() as editor:
        for model in loader.project_state().apps.get_models():
            if model._meta.app_label not in OF_SQL and model._meta.can_migrate(connection):
                editor.create_model(model)
        editor.create_model(recorder.Migration)
        for index in (NAMES, WORDS):
            index.make()
        for migration in loader.graph.nodes.values():
            for operation in migration.operations:
                if isinstance(operation, WithoutPatterns):
                    # Django makes those indexes when the editor is left.
                    editor.deferred_sql += operation.statements(editor)
        recorder.migration_qs.bulk_create(
            [recorder.Migration(app=label, name=name) for label, name in migrations]
        )
