"""Operations of our migrations."""

from typing import Any

from django.db import migrations, models

# What PostgreSQL makes of a column that becomes a `placet.lib.fields.HexField`.
HEX = "CASE WHEN {column} ~ '^[0-9a-f]{{64}}$' THEN decode({column}, 'hex') ELSE convert_to({column}, 'UTF8') END"
KEYED_HEX = (
    "CASE WHEN {column} ~ '^[0-9a-f]{{8}}:[0-9a-f]{{64}}$' THEN decode(replace({column}, ':', ''), 'hex') "
    "ELSE convert_to({column}, 'UTF8') END"
)


class ToBytes(migrations.AlterField):
    """A column of text or JSON becomes one of bytes (`placet.lib.fields.KeptField`), which still holds what it did, and
    is read as before. PostgreSQL writes the table anew, and `using` says what each value becomes there; SQLite does so
    for JSON alone, whose column takes nothing else. Neither holds more than some pages in memory."""

    reversible = False

    def __init__(self, model_name: str, name: str, field: "models.Field[Any, Any]", using: str = "") -> None:
        super().__init__(model_name, name, field)
        self.using = using

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        old = from_state.apps.get_model(app_label, self.model_name)._meta.get_field(self.name)
        column = schema_editor.quote_name(old.column)
        if schema_editor.connection.vendor == "postgresql":
            value = self.using.format(column=column) or f"convert_to({column}::text, 'UTF8')"
            table = schema_editor.quote_name(model._meta.db_table)
            schema_editor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE bytea USING {value}")
        elif isinstance(old, models.JSONField):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        raise NotImplementedError  # not reversible: what is packed is no text


class WithoutPatterns(migrations.RunPython):
    """Drops indexes that Django makes on PostgreSQL beside that of a unique text, for texts that begin with something:
    of these nobody asks that."""

    def __init__(self, *indexes: str) -> None:
        super().__init__(self._drop, migrations.RunPython.noop)
        self.indexes = indexes

    def statements(self, schema_editor: Any) -> list[str]:
        """What drops them, where there are any; none on SQLite."""
        if schema_editor.connection.vendor != "postgresql":
            return []
        return [f"DROP INDEX IF EXISTS {schema_editor.quote_name(index)}" for index in self.indexes]

    def _drop(self, _apps: Any, schema_editor: Any) -> None:
        for statement in self.statements(schema_editor):
            schema_editor.execute(statement)


def without_patterns(*indexes: str) -> WithoutPatterns:
    return WithoutPatterns(*indexes)
