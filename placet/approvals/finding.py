"""Finding requests by their number, by their words, by who made them and by their process.

Each word that was entered must be found somewhere. The indexes give the requests that may fit, if they are few, and
what fits is asked of these alone. Where every word is frequent, the newest requests are looked through until there are
enough to be shown.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Max, Q, QuerySet

from placet.accounts.models import Person
from placet.accounts.name_index import people_named
from placet.approvals import owning
from placet.approvals.models import Delegate, Request, Version
from placet.approvals.visibility import requests_visible_to
from placet.approvals.word_index import WORDS

MOST_TERMS = 8
MOST_SHOWN = 1000  # of what was found, the newest
MOST_PEOPLE = 500  # by a part of their name
FEW = 1000  # requests that are looked at one by one
#: The newest requests that the search of an administrator or an owner goes through where no index helps.
LOOKED_THROUGH = 20_000


@dataclass(frozen=True)
class SearchResult:
    """Ids of requests, newest first: one more than are shown, if there are more. `cut_off`: older requests were not
    looked at."""

    ids: Sequence[int]
    cut_off: bool


def search_result(person: Person, q: str) -> SearchResult:
    """What a person finds."""
    terms = _terms(q)
    if not terms:
        return SearchResult([], False)
    fits, few = _fitting(terms, ""), _few(terms)
    if few is not None:
        return SearchResult(_newest(requests_visible_to(person).filter(fits, pk__in=few)), False)
    owned = owning.owned_versions(person)
    if not person.is_administrator and not owned:
        return SearchResult(_newest(_visible_to(person).filter(fits)), False)
    result = _looked_through(fits, terms, None if person.is_administrator else owned)
    if person.is_administrator:
        return result
    ids = sorted({*result.ids, *_newest(_visible_to(person).filter(fits))}, reverse=True)[: MOST_SHOWN + 1]
    return SearchResult(ids, cut_off=result.cut_off and len(ids) <= MOST_SHOWN)


def _looked_through(fits: Q, terms: "Sequence[Term]", versions: Sequence[int] | None) -> SearchResult:
    """Of all requests, or of those of some versions, where no index helps: the newest ones, and those of a number."""
    of = Request.objects.all() if versions is None else Request.objects.filter(version__in=versions)
    before = (Request.objects.aggregate(last=Max("pk"))["last"] or 0) - LOOKED_THROUGH
    older = of.filter(pk__lte=before)
    ids = _newest(of.filter(fits, pk__gt=before))
    ids += _newest(older.filter(fits, number__in=[term.number for term in terms if term.number is not None]))
    return SearchResult(ids, cut_off=len(ids) <= MOST_SHOWN and older.exists())


def _newest(found: QuerySet[Request]) -> list[int]:
    return list(found.order_by("-id").values_list("pk", flat=True)[: MOST_SHOWN + 1])


def _visible_to(person: Person) -> QuerySet[Request]:
    """As `requests_visible_to`, by whose they are and not by a look at each that there is."""
    asked = Request.objects.filter(visits__assignments__person=person).order_by().values("pk")
    notified = Request.objects.filter(visits__notified__person=person).order_by().values("pk")
    in_place = Delegate.objects.filter(person=person).order_by().values("assignment__visit__request")
    own = person.requests.order_by().values("pk")
    for_others = Request.objects.filter(started_by=person).order_by().values("pk")
    return Request.objects.filter(pk__in=own.union(for_others, asked, notified, in_place))


def matching(q: str, request: str = "") -> Q:
    """Requests in which each of the words is found somewhere. `request`: the way to them from the rows that are
    filtered, such as "visit__request__": joins by keys, and no subquery that a database may run for each row. Where
    the indexes leave few, these are looked at here: a database that is left the choice may look at each of the rows."""
    terms = _terms(q)
    few = _few(terms) if terms else None
    if few is None:
        return _fitting(terms, request)
    fitting = Request.objects.filter(_fitting(terms, ""), pk__in=few).order_by()
    return Q((f"{request}pk__in", list(fitting.values_list("pk", flat=True))))


# --- one word ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Term:
    """One word that was entered, and what it may be beside a part of the form. `people`: None where they are too many,
    or no index can tell."""

    text: str
    people: Sequence[int] | None
    versions: Sequence[int]  # of processes that are called so
    number: int | None

    @property
    def is_a_word(self) -> bool:
        """And nothing else."""
        return self.people == [] and not self.versions and self.number is None


def _terms(q: str) -> list[Term]:
    return [_term(text) for text in q.split()[:MOST_TERMS]]


def _term(text: str) -> Term:
    versions = Version.objects.filter(process__name__casefold__contains=text).values_list("pk", flat=True)
    number = text.removeprefix("#")
    is_number = re.fullmatch("[0-9]{1,9}", number)
    return Term(text, people_named(text, MOST_PEOPLE), list(versions), int(number) if is_number else None)


def _fitting(terms: Iterable[Term], request: str) -> Q:
    fits = Q()
    for term in terms:
        wanted = Q((f"{request}words__contains", term.text.casefold()))
        if term.people is None:
            wanted |= Q((f"{request}requester__name__casefold__contains", term.text))
        elif term.people:
            wanted |= Q((f"{request}requester__in", term.people))
        if term.versions:
            wanted |= Q((f"{request}version__in", term.versions))
        if term.number is not None:
            wanted |= Q((f"{request}number", term.number))
        fits &= wanted
    return fits


# --- the few requests that may fit ------------------------------------------------------------------------


def _few(terms: Sequence[Term]) -> list[int] | None:
    """Ids of requests among which all are that fit; None where the indexes leave too many."""
    words = [term.text.casefold() for term in terms if term.is_a_word]
    taken = [word for word in words if WORDS.takes(word)]
    found = [_holding(taken)] if taken else []
    found += [_few_of(term) for term in terms if not term.is_a_word]
    known = [ids for ids in found if ids is not None]
    return sorted(set.intersection(*known)) if known else None


def _few_of(term: Term) -> set[int] | None:
    """Of a word that may be somebody's name, a process or a number, too."""
    text = term.text.casefold()
    if term.people is None or not WORDS.takes(text):
        return None
    numbers = [] if term.number is None else [term.number]
    parts: list[set[int] | None] = [_holding([text])]
    for narrowed in (Q(requester__in=term.people), Q(version__in=term.versions), Q(number__in=numbers)):
        ids = Request.objects.filter(narrowed).order_by().values_list("pk", flat=True)[: FEW + 1]
        parts.append(set(ids))
    together: set[int] = set()
    for part in parts:
        if part is None or len(part) > FEW:
            return None
        together |= part
    return together


def _holding(texts: Sequence[str]) -> set[int] | None:
    ids = WORDS.holding(texts, FEW + 1)
    return set(ids) if len(ids) <= FEW else None
