"""What a filter of requests asks for, in sentences: each as a chip that can be taken off, and all together for whoever
reads an export."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from placet.designer import lengths, request_days, request_now, request_traits, traits
from placet.designer.request_filter import RESULTS, FilterForm

#: Inputs that say one thing together. What stands first is what it rests on: without it the others say nothing.
_TOGETHER = (
    (request_days.WHEN, request_days.FROM, request_days.TO),
    ("field", "how", "value"),
    (request_traits.TIME, request_traits.LEAST),
    ("asked", request_now.TURN),
)


@dataclass(frozen=True)
class Chip:
    """`without`: the query of the same list without it."""

    sentence: str
    without: str


def chips(form: FilterForm, query: str) -> Sequence[Chip]:
    """`form`: valid. `query`: of its list."""
    return [Chip(sentence, _without(form, query, names)) for names, sentence in _sentences(form)]


def in_words(form: FilterForm) -> str:
    return "; ".join(sentence for _names, sentence in _sentences(form)) or _("all requests")


def _sentences(form: FilterForm) -> Iterator[tuple[Sequence[str], str]]:
    """Each with the inputs that say it."""
    groups = {names[0]: names for names in _TOGETHER}
    behind = {name for names in _TOGETHER for name in names[1:]}
    for name in form.fields:
        if name in behind:
            continue
        names = groups.get(name, (name,))
        if sentence := _sentence(form, names):
            yield names, sentence


def _sentence(form: FilterForm, names: Sequence[str]) -> str:
    given, name = form.cleaned_data, names[0]
    if name == request_days.WHEN:
        return request_days.in_words(given)
    if not given.get(name):
        return ""
    values = [_shown(form, one) for one in names if given.get(one)]
    if name == request_traits.TIME:
        least = lengths.in_words(lengths.minutes_of(given[request_traits.LEAST]))
        return _("{what}: at least {amount}").format(what=values[0], amount=least)
    if name == "field":
        return " ".join([*values, *([] if given["value"] else ["–"])])
    return f"{form.fields[name].label}: {', '.join(values)}"


def _shown(form: FilterForm, name: str) -> str:
    value = form.cleaned_data[name]
    if value is True:
        return _("yes")
    if name == request_traits.TRAIT:
        return traits.in_words(form.definition, value)
    choices: dict[str, Any] = {str(key): label for key, label in getattr(form.fields[name], "choices", ())}
    return str(choices.get(str(value), value))


def _without(form: FilterForm, query: str, names: Sequence[str]) -> str:
    kept = QueryDict(query, mutable=True)
    for name in (*names, *(_of_process(form) if "process" in names else ())):
        kept.pop(name, None)
    return kept.urlencode()


def _of_process(form: FilterForm) -> Iterator[str]:
    """What can be asked of one process alone, and goes with it."""
    given = form.cleaned_data
    yield from ("step", "field", "how", "value")
    if given.get("result") not in RESULTS:
        yield "result"
    if traits.is_of_step(given[request_traits.TRAIT]):
        yield request_traits.TRAIT
    if traits.is_of_step(given[request_traits.TIME]):
        yield from (request_traits.TIME, request_traits.LEAST)
