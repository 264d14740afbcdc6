"""Whether somebody is away, who is asked in their place, and until when: what they see of it themself. Looks; changes
nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from placet.accounts import delegations
from placet.accounts.delegations import Scope
from placet.accounts.models import Delegation, Group, Person
from placet.approvals import absences, delegating
from placet.approvals.delegate_words import LastDay, day_of
from placet.approvals.form_numbers import amount_as_read
from placet.approvals.models import Process
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
    """None if they are not, and nobody is asked in their place."""
    now = timezone.now()
    standing = delegations.in_force_of([person.pk], now).get(person.pk, ())
    known = absences.in_force(person.pk, now)
    absence = who = ""
    if known is not None:
        absence = _since_and_until(known.since, known.until)
    elif delegating.absent_seats(person).exists():  # is over; its questions follow within seconds
        absence = _("An automatic reply says that you are away.")
    if absence:
        who = _who(person, [one for one in standing if one.when == Delegation.When.ABSENT])
    instead = [_instead(one) for one in standing if one.when == Delegation.When.DATES]
    return Away(absence, who, instead) if absence or instead else None


def _since_and_until(since: datetime, until: datetime) -> str:
    sentence = _(
        "An automatic reply of {since} says that you are away. That counts for all your questions until {until} at the "
        "latest, and ends before that when you answer anything."
    )
    return sentence.format(since=day_of(since), until=day_of(until - timedelta(microseconds=1)))


def _who(person: Person, named: Sequence[Delegation]) -> str:
    if named:
        names = [_name_and_about(one) for one in named]
        return _("Asked in your place: {names}.").format(names=listed(names))
    if person.manager is not None:
        sentence = _(
            "Nobody is named for that. {manager} may give each question to somebody; else it waits for you."
        )
        return sentence.format(manager=person.manager.name)
    return _("Nobody is named for that: what you are asked waits for you.")


def _name_and_about(delegation: Delegation) -> str:
    about = _about(delegation)
    return f"{delegation.delegate.name} ({about})" if about else delegation.delegate.name


def _about(delegation: Delegation) -> str:
    scope = Scope.of(delegation)
    return "" if scope == Scope() else about_in_words(scope)


def _instead(delegation: Delegation) -> Instead:
    name = delegation.delegate.name
    if delegation.ends_at is None:
        words = _("{name} is asked in your place until you end it.").format(name=name)
    else:
        words = _("{name} is asked in your place until {day}.").format(name=name, day=LastDay(delegation))
    return Instead(delegation.pk, words, _about(delegation))


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
