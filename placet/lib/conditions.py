"""Conditions in CEL (Common Expression Language), bounded.

CEL has no loops, but its macros nest, `+` copies texts, and a pattern searches them: six nested `map`s over
ten items, or one `matches` for each of 800 items, run for more than a minute. So what a condition holds is
counted before it is compiled: it ends within seconds on any form.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

LONGEST = 2000  # characters
DEEPEST = 32  # nested brackets
MOST_PLUSES = 20
MOST_PATTERNS = 3  # and none beside a macro, which would search once for each item
_GAP = r"(?:\s|//[^\n]*\n)*"  # white space and comments may stand before the bracket of a call
_MACRO = re.compile(rf"\b(?:all|exists|exists_one|existsOne|map|filter){_GAP}\({_GAP}([A-Za-z_]\w*)?")
_WHOLE_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
_PATTERN = re.compile(rf"\bmatches{_GAP}\(")


class ConditionError(ValueError):
    """The condition cannot be compiled, or not be evaluated with these values. Said in words."""


@lru_cache(maxsize=512)
def compile_condition(source: str) -> Any:
    import cel  # brings a command line of its own along: a tenth of a second and 7 MB at every start

    _must_be_bounded(source)
    try:
        return cel.compile(source)
    except (ValueError, RuntimeError, TypeError) as error:
        raise ConditionError(f"“{source}” is not a condition: {error}") from error


def _must_be_bounded(source: str) -> None:
    if len(source) > LONGEST:
        raise ConditionError(f"The condition is longer than {LONGEST} characters.")
    depth = deepest = 0
    for character in source:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise ConditionError(f"The condition nests brackets more than {DEEPEST} deep.")
    macros, patterns = len(_MACRO.findall(source)), len(_PATTERN.findall(source))
    if macros > 1:
        raise ConditionError(
            "A condition can use one of all, exists, exists_one, map and filter, and once only."
        )
    if patterns > MOST_PATTERNS or (patterns and macros):
        raise ConditionError(
            f"A condition can use matches {MOST_PATTERNS} times, and not beside all, exists, map or filter."
        )
    if source.count("+") > MOST_PLUSES:
        raise ConditionError(f"A condition can use + at most {MOST_PLUSES} times.")


def names_in(source: str) -> frozenset[str]:
    """What it looks at, without the name that a macro gives to each item."""
    names = frozenset(compile_condition(source).variables())
    return names - {macro[1] for macro in _MACRO.finditer(source)}


def value_of(source: str, values: Mapping[str, Any]) -> Any:
    """What an expression comes to with these values."""
    compiled = compile_condition(source)
    try:
        # Only what it looks at: each value is converted.
        return compiled.execute({name: values[name] for name in compiled.variables() if name in values})
    except (ValueError, RuntimeError, TypeError, ArithmeticError, LookupError) as error:
        mixed = "perat" in str(error) and _WHOLE_NUMBER.search(source)
        hint = " Fields are numbers with a point, so write 2.0 and not 2." if mixed else ""
        raise ConditionError(f"“{source}” cannot be evaluated: {error}{hint}") from error


def holds(source: str, values: Mapping[str, Any]) -> bool:
    """Whether a condition is true for these values. Anything but true or false is an error."""
    result = value_of(source, values)
    if not isinstance(result, bool):
        raise ConditionError(f"“{source}” is neither true nor false.")
    return result
