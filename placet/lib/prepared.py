"""Queries whose statement is made once and asked with other values each time. The ORM makes the same one anew for each
mail, which takes several times as long as the database does to answer it. `tests/lib/test_prepared.py` holds each of
them to what the ORM asks.

    _OPEN = Prepared(lambda given: Assignment.objects.filter(person=given("person"), state="open"))
    _OPEN(person=17)            a list, of what the query gives
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.models import Expression, Model, QuerySet

Row = TypeVar("Row")
DATABASE = "default"


class Given(Expression):
    """A value in a query that is known only when it is asked."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", [self]


@dataclass(frozen=True)
class _Made:
    """What was made of a query, once."""

    queryset: QuerySet[Any, Any]
    compiler: Any
    sql: str
    params: Sequence[Any]
    converters: Mapping[int, Any]


@dataclass(frozen=True)
class _Asked:
    """What Django's iterables look at of a query set."""

    model: type[Model]
    query: Any
    db: str = DATABASE
    _known_related_objects: Mapping[Any, Any] = field(default_factory=dict)


class Prepared(Generic[Row]):
    """One query; `given(name)` stands in it for a value: an id, a text or a moment. Whatever can change otherwise, such
    as how many values there are, makes another query."""

    def __init__(self, query: Callable[[Callable[[str], Any]], "QuerySet[Any, Row]"]) -> None:
        self._query = query

    def __call__(self, **values: Any) -> list[Row]:
        made, connection = self._made, connections[DATABASE]
        adapted = {name: connection.ops.adapt_unknown_value(value) for name, value in values.items()}
        params = [adapted[param.name] if isinstance(param, Given) else param for param in made.params]
        compiler = copy.copy(made.compiler)
        compiler.connection = connection  # this thread's
        compiler.as_sql = lambda *_args, **_more: (made.sql, params)
        compiler.get_converters = lambda _columns: made.converters
        query: Any = copy.copy(made.queryset.query)
        query.get_compiler = lambda *_args, **_more: compiler
        rows: Any = made.queryset._iterable_class
        return list(rows(_Asked(made.queryset.model, query)))

    def queryset(self, **values: Any) -> "QuerySet[Any, Row]":
        """The same as the ORM asks it."""
        return self._query(values.__getitem__)

    @cached_property
    def _made(self) -> "_Made":
        queryset = self._query(Given)
        compiler = queryset.query.get_compiler(DATABASE)
        sql, params = compiler.as_sql()
        columns = [column[0] for column in compiler.select[: compiler.col_count]]
        return _Made(queryset, compiler, sql, params, compiler.get_converters(columns))
