"""Bodies of calls: how much of one is read, and JSON that can be read in one way only.

A name that stands twice in an object, a number that no column takes, NUL and half of a pair of surrogates are refused,
with a pointer to where they stand; so is what is nested deeper than anything here.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from django.http import HttpRequest
from pydantic import BaseModel, ConfigDict

from placet.api.problems import Error, Problem, pointer_of

MB = 1024 * 1024
SMALL = MB  # bytes of a body without files
LARGE = 36 * MB  # of one with 25 MB of files, which base64 makes a third longer
DEEPEST = 20  # objects and arrays in one another
MOST_VALUES = 100_000
LONGEST_NUMBER = 40  # characters
_DIGEST, _VALUE = "placet_digest", "placet_value"  # kept with a request
_TOO_MANY = f"These are more than {MOST_VALUES} values."
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_JSON = re.compile(r"application/json(\s*;\s*charset=(\"utf-8\"|utf-8))?\s*", re.IGNORECASE)


class Body(BaseModel):
    """What a call sends. Fields are of strict types (`StrictStr`, `StrictInt`, `StrictBool`), so that no value is taken
    for another one."""

    model_config = ConfigDict(extra="forbid")


class Shape(BaseModel):
    """What an operation answers with. Later versions may say more."""


def read(request: HttpRequest, largest: int) -> None:
    """Read the body of a request, which nobody has read yet, if it is JSON and not larger than `largest` bytes."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > largest:
        raise Problem("too-large", f"This body is larger than {largest // MB} MB.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem("unsupported")
    request._body = request.read(largest + 1)  # Django's own limit is that of forms
    if len(request.body) > largest:
        raise Problem("too-large", f"This body is larger than {largest // MB} MB.")
    if request.body and not _JSON.fullmatch(request.headers.get("Content-Type", "")):
        raise Problem("unsupported")


def take(request: HttpRequest) -> Any:
    """The value that the body of a request stands for, as `parsed`. The bytes are let go, since one with files may have
    36 MB: what is left of them is their digest (`digest_of`), and the value for as long as somebody may be told what is
    wrong with it (`taken`)."""
    vars(request)[_DIGEST] = digest_of(request)
    text = _text_of(request.body)
    request._body = b""
    vars(request)[_VALUE] = _value_of(text)
    return taken(request)


def taken(request: HttpRequest) -> Any:
    """None where there was no body, or after `let_go`."""
    return vars(request).get(_VALUE)


def let_go(request: HttpRequest) -> None:
    """It was read, and nothing was wrong with it: whoever has its parts has what is needed."""
    vars(request).pop(_VALUE, None)


def digest_of(request: HttpRequest) -> str:
    """SHA-256 of what a call asks for: the method, the path and the body, in hexadecimal."""
    if _DIGEST in vars(request):
        return str(vars(request)[_DIGEST])
    digest = sha256(f"{request.method} {request.path_info}\n".encode())
    digest.update(request.body)  # not put together before: that would be all of it once more
    return digest.hexdigest()


def parsed(body: bytes) -> Any:
    """The value that a body in JSON stands for. Problem for anything that is not JSON, or that is refused here."""
    return _value_of(_text_of(body))


def _text_of(body: bytes) -> str:
    if _surely_too_many(body):
        raise Problem.invalid("", _TOO_MANY)
    try:
        return body.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise Problem.invalid("", "The body is not UTF-8.") from None


def _value_of(text: str) -> Any:
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_no_constant,
        )
    except RecursionError:
        raise Problem.invalid("", f"This is nested deeper than {DEEPEST} levels.") from None
    except json.JSONDecodeError as error:
        detail = f"The body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        raise Problem.invalid("", detail) from None
    except ValueError as error:
        raise Problem.invalid("", str(error)) from None
    if errors := list(_errors(value)):
        raise Problem("invalid", errors=errors)
    return value


def _surely_too_many(body: bytes) -> bool:
    """Before anything is made of it: 36 MB of empty lists would be a GB of memory. Each comma and each bracket that
    opens is half a value at least; those within texts are none."""
    return _signs(body) > 2 * MOST_VALUES and _signs(_STRING.sub(b"", body)) > 2 * MOST_VALUES


def _signs(body: bytes) -> int:
    return sum(map(body.count, (b",", b"[", b"{")))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        counts = Counter(name for name, _value in pairs)  # of each once: an object may have 100,000 names
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"The name {json.dumps(twice[:60])} stands twice in one object.")
    return values


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"A number has more than {LONGEST_NUMBER} characters.")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if len(text) > LONGEST_NUMBER or number in (float("inf"), float("-inf")):
        raise ValueError(f"The number {text[:LONGEST_NUMBER]} is too large, or has too many digits.")
    return number


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON.")


def _errors(value: Any) -> Iterator[Error]:
    """What a value holds that nothing here can keep."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    seen = 0
    while waiting:
        path, one = waiting.pop()
        seen += 1
        if len(path) > DEEPEST:
            yield Error(pointer_of(*path[:DEEPEST]), f"This is nested deeper than {DEEPEST} levels.")
            return
        if seen > MOST_VALUES:
            yield Error("", _TOO_MANY)
            return
        if isinstance(one, dict):
            waiting += [((*path, name), inner) for name, inner in one.items()]
            if any(map(_unkeepable, one)):
                yield Error(pointer_of(*path), "A name has a character that cannot be kept.")
        elif isinstance(one, list):
            waiting += [((*path, at), inner) for at, inner in enumerate(one)]
        elif isinstance(one, str) and _unkeepable(one):
            yield Error(
                pointer_of(*path), "This has a character that cannot be kept: NUL, or half of a pair."
            )


def _unkeepable(text: str) -> bool:
    if text.isascii():
        return "\x00" in text
    try:
        return b"\x00" in text.encode()
    except UnicodeEncodeError:
        return True
