"""Rows written by statements that are made once from their model, where the ORM would make them anew each time, or
take three for one. `tests/lib/test_rows.py` holds each to what the ORM writes. Fields are named by the name of their
column's attribute (`person_id`).

insert          one statement for several rows, and of many for each hundred
insert_new      one row, unless a unique constraint has it already: no look before, and no savepoint around
write_for_each  a row for each of those that another table has
change          some columns of one row
update          rows that are known by what some columns hold; how many they were says whether a claim still held
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Model

Names = tuple[str, ...]
AT_ONCE = (
    100  # rows in one statement: SQLite takes 32766 values, and each number of rows makes another statement
)


def insert(rows: Sequence[Model]) -> None:
    """New rows of one model, whose ids the database gives. IntegrityError if one of them may not be."""
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        for row, id_ in zip(some, _inserted(some), strict=True):
            _is_stored(row, id_)


def insert_new(row: Model) -> bool:
    """False, and nothing is written, if the database has one already that a unique constraint lets no second one
    beside."""
    ids = _inserted([row], "ON CONFLICT DO NOTHING")
    for id_ in ids:
        _is_stored(row, id_)
    return bool(ids)


def write_for_each(row: Model, link: str, of_any: Mapping[str, Any], *, again: Names) -> None:
    """A row like this one for each row at the other end of the foreign key `link` that has one of these values
    `of_any`. Where there is one already, its fields `again` become those of `row`."""
    model, to = type(row), _field(type(row), link)
    values = [_stored(field, field.pre_save(row, True)) for field in _given(model) if field is not to]
    sought = [_sought(to.related_model, name, value) for name, value in of_any.items()]
    with connection.cursor() as cursor:
        cursor.execute(_for_each_sql(model, link, tuple(of_any), again), [*values, *sought])


def change(row: Model, **changes: Any) -> None:
    """Some columns of one row."""
    for name, value in changes.items():
        setattr(row, name, value)
    update(type(row), {"id": row.pk}, **changes)


def update(model: type[Model], where: Mapping[str, Any], **changes: Any) -> int:
    """Change the rows whose fields hold what `where` says. How many they were."""
    given = [_stored(_field(model, name), value) for name, value in changes.items()]
    sought = [_sought(model, name, value) for name, value in where.items()]
    with connection.cursor() as cursor:
        cursor.execute(_update_sql(model, tuple(where), tuple(changes)), [*given, *sought])
        return int(cursor.rowcount)


def _inserted(rows: Sequence[Model], conflict: str = "") -> list[Any]:
    model = type(rows[0])
    values = [_stored(field, field.pre_save(row, True)) for row in rows for field in _given(model)]
    with connection.cursor() as cursor:
        cursor.execute(_insert_sql(model, len(rows), conflict), values)
        return [id_ for (id_,) in cursor.fetchall()]


def _is_stored(row: Model, id_: Any) -> None:
    row.pk = id_
    row._state.adding, row._state.db = False, connection.alias


def _stored(field: Any, value: Any) -> Any:
    return field.get_db_prep_save(value, connection)


def _sought(model: type[Model], name: str, value: Any) -> Any:
    return _field(model, name).get_db_prep_value(value, connection)


# --- the statements ---------------------------------------------------------------------------------------
# Of names in our models, and nothing that anybody entered.


@cache
def _insert_sql(model: type[Model], count: int, conflict: str) -> str:
    columns = [_column(field) for field in _given(model)]
    row = f"({', '.join(['%s'] * len(columns))})"
    into = f"INSERT INTO {_table(model)} ({', '.join(columns)}) VALUES"
    return " ".join([into, ", ".join([row] * count), conflict, "RETURNING", _column(model._meta.pk)])


@cache
def _for_each_sql(model: type[Model], link: str, of_any: Names, again: Names) -> str:
    to = _field(model, link)
    columns = [_column(field) for field in _given(model) if field is not to]
    other = to.related_model
    change = ", ".join(
        f"{column} = excluded.{column}" for column in (_column(_field(model, n)) for n in again)
    )
    into = f"INSERT INTO {_table(model)} ({', '.join([*columns, _column(to)])})"
    what = ", ".join([*["%s"] * len(columns), _column(other._meta.pk)])
    which = " OR ".join(_equal(other, of_any))
    conflict = f"ON CONFLICT ({_column(to)}) DO UPDATE SET"
    return " ".join([into, "SELECT", what, "FROM", _table(other), "WHERE", which, conflict, change])


@cache
def _update_sql(model: type[Model], where: Names, changes: Names) -> str:
    change, which = ", ".join(_equal(model, changes)), " AND ".join(_equal(model, where))
    return " ".join(["UPDATE", _table(model), "SET", change, "WHERE", which])


def _equal(model: type[Model], names: Names) -> list[str]:
    return [f"{_column(_field(model, name))} = %s" for name in names]


@cache
def _given(model: type[Model]) -> tuple[Any, ...]:
    """Its fields but for the id."""
    return tuple(field for field in model._meta.concrete_fields if not field.primary_key)


def _field(model: type[Model], name: str) -> Any:
    return model._meta.get_field(name)


def _column(field: Any) -> str:
    return connection.ops.quote_name(field.column)


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)
