"""Keys of the API on pages: how one is made, what a list shows of it, and what somebody reads once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts.models import Person
from placet.api import key_mails, keys
from placet.api.models import Key
from placet.approvals import call_keys
from placet.approvals.models import Process
from placet.lib import clock
from placet.portal.people import PersonsRequest

LONGEST_LIFE = timedelta(days=3 * 365)
#: How long a key stays valid that another one takes the place of, by hours.
KEPT: dict[str, Promise] = {
    "0": gettext_lazy("not at all"),
    "1": gettext_lazy("one hour"),
    "24": gettext_lazy("one day"),
    "168": gettext_lazy("one week"),
    "720": gettext_lazy("30 days"),
}
END_OF_DAY = time(23, 59, 59)
_USUALLY_KEPT = "24"


class KeyForm(forms.Form):
    """A key of somebody's own as it is entered. The last day is one of whoever enters it."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=keys.LONGEST_NAME,
        help_text=gettext_lazy("What uses it, such as “ERP” or “invoice script”."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may be used for"), widget=forms.CheckboxSelectMultiple
    )
    processes = forms.MultipleChoiceField(
        label=gettext_lazy("Only for these processes"), required=False, widget=forms.CheckboxSelectMultiple
    )
    floor = forms.ChoiceField(
        label=gettext_lazy("How sure must it be who answers?"),
        required=False,
        help_text=gettext_lazy(
            "A process that takes less is not started with this key. Approvals without a process ask for a colleague’s "
            "mail account where nothing is chosen."
        ),
    )
    last = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Empty: a year from now."),
    )
    decides = forms.BooleanField(
        label=gettext_lazy("I know that whoever has this key can decide in my name."),
        required=False,
        help_text=gettext_lazy("Needed only with “answer in your name”."),
    )

    def __init__(self, *args: Any, offered: frozenset[str], weakest: bool, **more: Any) -> None:
        """`offered`: scopes; `weakest`: whether whoever makes it may choose the weakest proof."""
        super().__init__(*args, **more)
        scopes, processes = self.fields["scopes"], self.fields["processes"]
        assert isinstance(scopes, forms.MultipleChoiceField) and isinstance(
            processes, forms.MultipleChoiceField
        )
        words = {**key_mails.SCOPES, key_mails.DECISIONS: _("answer in your name")}
        scopes.choices = [(key, text) for key, text in words.items() if key in offered]
        published = Process.objects.filter(versions__published_at__isnull=False).distinct()
        published = published.exclude(key__startswith=call_keys.PREFIX)  # of calls: each is one person's
        processes.choices = [(one.key, one.name) for one in published]
        floor = self.fields["floor"]
        assert isinstance(floor, forms.ChoiceField)
        floor.choices = [
            (one, words) for one, words in key_mails.FLOORS.items() if weakest or one != keys.WEAKEST
        ]
        if keys.Scope.DECISIONS_WRITE not in offered:
            del self.fields["decides"]

    @property
    def is_limited(self) -> bool:
        """Whether processes were chosen, or wrongly so."""
        return bool(self.errors.get("processes") or self["processes"].value())

    def clean_last(self) -> date | None:
        last: date | None = self.cleaned_data["last"]
        today = timezone.localdate()
        if last is not None and not today <= last <= today + LONGEST_LIFE:
            raise forms.ValidationError(_("Choose a day of the next three years."))
        return last

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        decides = keys.Scope.DECISIONS_WRITE in given.get("scopes", ())
        if decides and not given.get("decides"):
            self.add_error("decides", _("Say so, or do not let the key answer in your name."))
        return given

    @property
    def expires_at(self) -> datetime | None:
        """The end of the last day."""
        last: date | None = self.cleaned_data["last"]
        if last is None:
            return None
        return timezone.make_aware(datetime.combine(last, END_OF_DAY))

    def made(self, person: Person, by: Person) -> tuple[Key, str] | None:
        """The key and its text; None where it cannot be made, which the form says then."""
        given = self.cleaned_data
        try:
            return keys.make(
                person,
                given["name"],
                given["scopes"],
                processes=given["processes"],
                floor=given["floor"],
                expires_at=self.expires_at,
                by=by,
            )
        except keys.KeyInvalid as error:
            self.add_error(None, str(error))
            return None


class RotateForm(forms.Form):
    hours = forms.ChoiceField(
        label=gettext_lazy("How long does the old key stay valid?"),
        choices=[*KEPT.items()],
        initial=_USUALLY_KEPT,
        widget=forms.RadioSelect,
    )

    @property
    def keep(self) -> timedelta:
        return timedelta(hours=int(self.cleaned_data["hours"]))


def offered_to(person: Person, *, own: bool) -> frozenset[str]:
    """The scopes that a key of this person can have. `own`: they make it themself."""
    offered = frozenset(keys.Scope.values)
    if not own:
        offered -= keys.OWN_ONLY
    return offered if person.is_administrator or not own else offered - keys.ADMINISTRATORS_ONLY


# --- lists ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeyShown:
    """One key in a list."""

    key: Key
    state: str  # of STATES
    scopes: str
    processes: str
    floor: str  # "" where it has none
    by: str  # who made it, where somebody else did
    can_be_rotated: bool  # by whoever looks

    @property
    def text(self) -> str:
        return key_mails.shown(self.key)

    @property
    def words(self) -> str:
        return str(STATES[self.state])

    @property
    def is_valid(self) -> bool:
        return self.state in (VALID, REPLACED)


VALID, REPLACED, EXPIRED, REVOKED = "valid", "replaced", "expired", "revoked"
STATES: dict[str, Promise] = {
    VALID: gettext_lazy("valid"),
    REPLACED: gettext_lazy("replaced, still valid"),
    EXPIRED: gettext_lazy("expired"),
    REVOKED: gettext_lazy("revoked"),
}


def in_state(every: QuerySet[Key], state: str) -> QuerySet[Key]:
    """One of STATES; anything else is no wish."""
    now = clock.now()
    alive = Q(expires_at=None) | Q(expires_at__gt=now)
    wanted = {
        VALID: Q(alive, revoked_at=None, replaced_by=None),
        REPLACED: Q(alive, revoked_at=None, replaced_by__isnull=False),
        EXPIRED: Q(revoked_at=None, expires_at__lte=now),
        REVOKED: Q(revoked_at__isnull=False),
    }
    return every.filter(wanted[state]) if state in wanted else every


def rows_of(every: QuerySet[Key]) -> QuerySet[Key]:
    """With what a list shows of each."""
    return every.select_related("person", "created_by", "replaced_by").defer("secrets")


def listed(every: Collection[Key], looker: Person) -> list[KeyShown]:
    """As whoever looks sees them: as many queries for many as for one."""
    processes = {process for key in every for process in key.processes}
    names = dict(Process.objects.filter(key__in=processes).values_list("key", "name")) if processes else {}
    return [_shown(key, looker, names) for key in every]


def shown(key: Key, looker: Person) -> KeyShown:
    return listed([key], looker)[0]


def _shown(key: Key, looker: Person, names: Mapping[str, str]) -> KeyShown:
    by = key.created_by
    made_by = _("the command line") if by is None else by.name
    state = _state_of(key)
    return KeyShown(
        key,
        state,
        key_mails.scopes_in_words(key, to_its_person=key.person_id == looker.pk),
        key_mails.processes_in_words(key, names),
        key_mails.floor_in_words(key),
        "" if key.created_by_id == key.person_id else made_by,
        can_be_rotated=state == VALID and (key.person_id == looker.pk or not keys.OWN_ONLY & set(key.scopes)),
    )


def _state_of(key: Key) -> str:
    if key.revoked_at is not None:
        return REVOKED
    if key.expires_at is not None and key.expires_at <= clock.now():
        return EXPIRED
    return REPLACED if getattr(key, "replaced_by", None) is not None else VALID


# --- shown once -------------------------------------------------------------------------------------------


def show_once(
    request: PersonsRequest, template: str, key: Key, text: str, more: Mapping[str, Any]
) -> HttpResponse:
    """The text of a key, which nobody can read again, and the secret that its callbacks are signed with."""
    context = {
        "key": key,
        "text": text,
        "signing": key.secrets[keys.SIGNING],
        "row": shown(key, request.user),
        **more,
    }
    return render(request, template, context)
