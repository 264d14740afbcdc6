"""What pydantic finds in a call, in sentences of ours: its own ones speak of its classes and parsers.

What can be written in two ways (`any`, or a number) is refused once, with both of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from placet.api.problems import Error
from placet.lib.pointers import pointer_into

_UNKNOWN_NAME = "There is no such name here; the description of the API has those that there are."
_MISSING = "This is needed, and is not there."
#: By pydantic's types of errors: what stands there has to be this. In braces what the error says of itself.
_HAS_TO_BE: Mapping[str, str] = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "date_from_datetime_parsing": "a day, such as 2026-12-31",
    "datetime_from_date_parsing": "a time with its zone, such as 2026-12-01T12:00:00Z",
    "datetime_object_invalid": "a time with its zone, such as 2026-12-01T12:00:00Z",
    "datetime_parsing": "a time with its zone, such as 2026-12-01T12:00:00Z",
    "datetime_type": "a time with its zone, such as 2026-12-01T12:00:00Z",
    "dict_type": "an object",
    "greater_than_equal": "{ge} or more",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number that is not so large",
    "int_type": "a whole number",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_attributes_type": "an object",
    "model_type": "an object",
    "string_pattern_mismatch": "a text of the form {pattern}",
    "string_too_long": "at most {max_length} characters long",
    "string_too_short": "at least {min_length} characters long",
    "string_type": "a text",
    "timezone_aware": "a time with its zone, such as 2026-12-01T12:00:00Z",
    "too_long": "a list of at most {max_length}",
    "too_short": "a list of at least {min_length}",
}
_OTHER_SENTENCES: Mapping[str, str] = {"extra_forbidden": _UNKNOWN_NAME, "missing": _MISSING}


def errors_of(body: Any, errors: Iterable[Mapping[str, Any]]) -> list[Error]:
    """`body`: the value that was sent; `errors`: as pydantic lists them. One for each place, in their order."""
    places: dict[str, list[Mapping[str, Any]]] = {}
    for error in errors:
        places.setdefault(_pointer(body, error), []).append(error)
    return [Error(pointer, _sentence(some)) for pointer, some in places.items()]


def _pointer(body: Any, error: Mapping[str, Any]) -> str:
    where, *path = error["loc"]
    if where != "body":
        return "/".join(map(str, (where, *path)))
    return pointer_into(body, path[1:], is_missing=error["type"] == "missing")


def _sentence(errors: Sequence[Mapping[str, Any]]) -> str:
    """Of what is wrong in one place."""
    ways = dict.fromkeys(_way(error) for error in errors if error["type"] in _HAS_TO_BE)
    if ways:
        return f"This has to be {', or '.join(ways)}."
    error = errors[0]
    return _OTHER_SENTENCES.get(error["type"], str(error["msg"]).removeprefix("Value error, "))


def _way(error: Mapping[str, Any]) -> str:
    """How it would be right."""
    about = dict(error.get("ctx", {}))
    about["expected"] = str(about.get("expected", "")).replace("'", "")  # 'any' or 'all'
    return _HAS_TO_BE[error["type"]].format(**about)
