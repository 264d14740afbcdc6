"""Why replies do not count whose sender is proved: their keys, and the words of these in logs, lists and reports."""

from collections.abc import Iterator, Mapping
from functools import cache

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from placet.replies import refusals

REASONS: Mapping[str, Promise] = {
    "page_only": gettext_lazy("on the page only"),
    "sealed": gettext_lazy("encrypted or protected"),
    "not_named": gettext_lazy("does not answer our mail"),
    "unclear": gettext_lazy("unclear"),
    "digest_unclear": gettext_lazy("unclear: several questions"),
    "comment_needed": gettext_lazy("needs a comment"),
    "confirmation_needed": gettext_lazy("asked whether it was understood"),
    "answers_not_taken": gettext_lazy("questions not answered"),
    "already_decided": gettext_lazy("already decided"),
    "may_not_decide": gettext_lazy("may not decide"),
    "no_longer_open": gettext_lazy("no longer open"),
    "changed": gettext_lazy("request changed"),
    "too_large": gettext_lazy("too large"),
    "not_asked_back": gettext_lazy("question not sent"),
    "not_clarified": gettext_lazy("answer to a question not sent"),
    "help_asked": gettext_lazy("asks how to answer"),
    "status_asked": gettext_lazy("asks where the request stands"),
    "not_undone": gettext_lazy("asks to take back a decision"),
    "not_given": gettext_lazy("given to somebody unknown"),
    "start_not_taken": gettext_lazy("starts no request"),
    "start_lacks": gettext_lazy("is to start a request; something is missing"),
    "start_twice": gettext_lazy("started a request before"),
}


@cache
def reason_keys() -> frozenset[str]:
    """Keys of the refusals of replies whose sender is proved."""
    return frozenset(_keys_below(refusals.Told))


def _keys_below(kind: type[refusals.Refusal]) -> Iterator[str]:
    for below in kind.__subclasses__():
        yield below.key
        yield from _keys_below(below)
