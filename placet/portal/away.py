"""Whether somebody is away, who is asked in their place, and until when. Looks; changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from placet.accounts import delegations
from placet.accounts.delegations import Scope
from placet.accounts.models import Delegation, Group, Person
from placet.approvals import absences, delegating
from placet.approvals.delegate_words import LastDay, day_of
from placet.approvals.form_numbers import amount_as_read
from placet.approvals.models import Process
from placet.lib.sentences import gettext_noop
from placet.portal.path import listed


@dataclass(frozen=True)
class Instead:
    """A delegation in force on its days. `words`: who is asked, and until when."""

    pk: int
    words: str
    about: str  # "" for everything


@dataclass(frozen=True)
class Away:
    """`absence`: what an automatic reply says of them; "" if none does. `instead`: who is asked without one, too."""

    absence: str
    who: str  # is asked because of it
    instead: Sequence[Instead]


def away_of(person: Person) -> Away | None:
    """As they read it themself. None if they are not, and nobody is asked in their place."""
    return _away(person, _YOU)


def away_of_them(person: Person) -> Away | None:
    """As others read it."""
    return _away(person, _THEY)


@dataclass(frozen=True)
class _Words:
    """The sentences, as one person reads them."""

    is_away: str
    since_until: str
    instead: str
    manager: str
    nobody: str
    until_ended: str
    until_day: str


_YOU = _Words(
    is_away=gettext_noop("An automatic reply says that you are away."),
    since_until=gettext_noop(
        "An automatic reply of {since} says that you are away. That counts for all your questions until {until} at the "
        "latest, and ends before that when you answer anything."
    ),
    instead=gettext_noop("Asked in your place: {names}."),
    manager=gettext_noop(
        "Nobody is named for that. {manager} may give each question to somebody; else it waits for you."
    ),
    nobody=gettext_noop("Nobody is named for that: what you are asked waits for you."),
    until_ended=gettext_noop("{name} is asked in your place until you end it."),
    until_day=gettext_noop("{name} is asked in your place until {day}."),
)
_THEY = _Words(
    is_away=gettext_noop("An automatic reply says that they are away."),
    since_until=gettext_noop(
        "An automatic reply of {since} says that they are away. That counts for all their questions until {until} at "
        "the latest, and ends before that when they answer anything."
    ),
    instead=gettext_noop("Asked in their place: {names}."),
    manager=gettext_noop(
        "Nobody is named for that. {manager} may give each question to somebody; else it waits for them."
    ),
    nobody=gettext_noop("Nobody is named for that: what they are asked waits for them."),
    until_ended=gettext_noop("{name} is asked in their place until it is ended."),
    until_day=gettext_noop("{name} is asked in their place until {day}."),
)


def _away(person: Person, words: _Words) -> Away | None:
    now = timezone.now()
    standing = delegations.in_force_of([person.pk], now).get(person.pk, ())
    known = absences.in_force(person.pk, now)
    absence = who = ""
    if known is not None:
        until = day_of(known.until - timedelta(microseconds=1))
        absence = _(words.since_until).format(since=day_of(known.since), until=until)
    elif delegating.absent_seats(person).exists():  # is over; its questions follow within seconds
        absence = _(words.is_away)
    if absence:
        who = _who(person, [one for one in standing if one.when == Delegation.When.ABSENT], words)
    instead = [_instead(one, words) for one in standing if one.when == Delegation.When.DATES]
    return Away(absence, who, instead) if absence or instead else None


def _who(person: Person, named: Sequence[Delegation], words: _Words) -> str:
    if named:
        return _(words.instead).format(names=listed([_name_and_about(one) for one in named]))
    if person.manager is not None:
        return _(words.manager).format(manager=person.manager.name)
    return _(words.nobody)


def _name_and_about(delegation: Delegation) -> str:
    about = _about(delegation)
    return f"{delegation.delegate.name} ({about})" if about else delegation.delegate.name


def _about(delegation: Delegation) -> str:
    scope = Scope.of(delegation)
    return "" if scope == Scope() else about_in_words(scope)


def _instead(delegation: Delegation, words: _Words) -> Instead:
    name = delegation.delegate.name
    if delegation.ends_at is None:
        said = _(words.until_ended).format(name=name)
    else:
        said = _(words.until_day).format(name=name, day=LastDay(delegation))
    return Instead(delegation.pk, said, _about(delegation))


def about_in_words(scope: Scope) -> str:
    parts = []
    if scope.processes:
        names = dict(Process.objects.filter(key__in=scope.processes).values_list("key", "name"))
        parts.append(", ".join(names.get(key, key) for key in scope.processes))
    if scope.groups:
        names = dict(Group.objects.filter(key__in=scope.groups).values_list("key", "name"))
        listed = ", ".join(names.get(key, key) for key in scope.groups)
        parts.append(_("as one of {groups}").format(groups=listed))
    if scope.amount_below is not None:
        amount = amount_as_read(scope.amount_below, scope.currency)
        parts.append(_("below {amount}").format(amount=amount))
    return " · ".join(parts) or _("everything")
