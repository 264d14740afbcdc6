"""What is checked of where options come from before a process is published: a sentence for each thing to change."""

from collections.abc import Iterator

from placet.approvals import authority
from placet.approvals.authority_cells import TEXT
from placet.approvals.definitions import Definition
from placet.approvals.form_parts import FormField, Input, OptionsFrom

#: Columns of a table of the form whose cells can be options.
OFFERED = ("text", "email", "phone", "url", "iban", "choice", "cost_centre")


MOST_DEPENDENT = 200  # options of a form: each is looked at whenever somebody leaves an input


def number_problems(definition: Definition) -> Iterator[str]:
    number = sum(option.only is not None for field in definition.fields for option in field.options or ())
    if number > MOST_DEPENDENT:
        yield f"{number} of its options hang on other fields (only), and {MOST_DEPENDENT} is the most"


def source_problems(source: OptionsFrom) -> Iterator[str]:
    """Each begins behind the name of the field."""
    if source.table is None:
        return
    version = authority.newest(source.table)
    if version is None:
        yield (
            f": there is no table {source.table}; import it first: placet table import {source.table} FILE.csv "
            f"(with the columns {', '.join(source.columns)})"
        )
        return
    rows = authority.rows_of(version)
    kinds = {column.name: column.kind for column in rows.columns}
    for name in source.columns:
        if name not in kinds:
            listed = ", ".join(kinds)
            yield f": options_from: the table {source.table} has no column {name}; its columns are {listed}"
        elif not rows.is_list and kinds[name] != TEXT:
            yield f": options_from: {name} of the table {source.table} holds no texts"
    if source.label is not None and not rows.is_list:
        yield f": options_from: label is for lists, and the table {source.table} says who is asked"


def rows_problems(definition: Definition, field: FormField) -> Iterator[str]:
    """Of options that stand in a table of the form. Each begins behind the name."""
    source = field.options_from
    if source is None or source.field is None:
        return
    tables = {one.name: one for one in definition.fields if one.type == "table"}
    if source.field not in tables:
        yield f": options_from: there is no table {source.field} in this form"
        return
    kinds = {column.name: column.type for column in tables[source.field].columns or ()}
    if source.column not in kinds:
        yield f": options_from: {source.field} has no column {source.column}"
    elif kinds[source.column] not in OFFERED:
        yield f": options_from: options are texts, and {source.column} is of the type {kinds[source.column]}"


def independence_problems(one: Input) -> Iterator[str]:
    """Of what is asked beside the form, and of columns: what they offer hangs on nothing else. Each begins behind the
    name."""
    if any(option.only is not None for option in one.options or ()):
        yield ": only belongs to options of a field of the form"
    if one.source is not None and one.source.field is not None:
        yield ": options from a table of the form belong to a field of the form"
