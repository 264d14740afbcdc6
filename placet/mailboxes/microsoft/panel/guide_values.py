"""What an administrator types while they follow the Guide, as far as it is no secret."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.mailboxes.microsoft.app_access import EWS as EWS_SERVICE
from placet.mailboxes.microsoft.app_access import GRAPH as GRAPH_SERVICE
from placet.mailboxes.microsoft.app_access import Service
from placet.mailboxes.microsoft.cloud_names import NAMES as CLOUD_NAMES
from placet.mailboxes.microsoft.cloud_names import Names
from placet.mailboxes.microsoft.clouds import CLOUDS, GRAPH, OWN, WORLDWIDE, Cloud
from placet.mailboxes.microsoft.fields import BY_NAME
from placet.mailboxes.microsoft.settings import GUID, ExchangeSettings
from placet.mailboxes.models import Mailbox

KEY = "guide"
MAILBOXES = 20  # that are looked through
_WHOSE = ("tenant", "client_id", "username")  # a mailbox that differs in one of these is another one
LONGEST_LIFE = 731  # days: Entra ID makes no client secret that lives longer than 24 months
# One field is checked like the whole form, with these in place of the fields that are asked for elsewhere.
_STAND_INS = {
    "token_uri": "tenant.example",
    "client_id": "00000000-0000-0000-0000-000000000000",
    "username": "mailbox@tenant.example",
}
_SETTINGS = {"tenant": "token_uri"}  # field of the Guide → setting, where the names differ


@dataclass(frozen=True)
class Values:
    """All checked, or empty."""

    tenant: str = ""  # ID or domain; the whole access token URI where it is not Entra's usual one
    client_id: str = ""
    object_id: str = ""  # of the enterprise application
    username: str = ""  # address of the mailbox
    secret_expires_on: str = ""  # as ISO 8601 writes a day
    protocol: str = ""  # "graph" or "ews"
    cloud: str = ""  # a key of CLOUDS

    @property
    def way(self) -> str:
        return self.protocol or GRAPH

    @property
    def service(self) -> Service:
        return GRAPH_SERVICE if self.way == GRAPH else EWS_SERVICE

    @property
    def at(self) -> Cloud:
        return CLOUDS.get(self.cloud, WORLDWIDE)

    @property
    def called(self) -> Names:
        """What Microsoft's programs call the cloud."""
        return CLOUD_NAMES[self.at.key]

    @property
    def token_uri(self) -> str:
        if not self.tenant or "://" in self.tenant:
            return self.tenant
        return f"https://{self.at.login[0]}/{self.tenant}/oauth2/v2.0/token"

    @property
    def expiry(self) -> date | None:
        return date.fromisoformat(self.secret_expires_on) if self.secret_expires_on else None


NAMES = tuple(field.name for field in dataclasses.fields(Values))


def known(session: SessionBase) -> Values:
    """What was typed in this session; beside it, what is stored of the first mailbox that it can be about."""
    typed = typed_in(session)
    stored = map(_stored, Mailbox.present.order_by("pk")[:MAILBOXES])
    meant = (
        values for values in stored if all(typed.get(name, values[name]) == values[name] for name in _WHOSE)
    )
    return Values(**{**next(meant, {}), **typed})


def typed_in(session: SessionBase) -> dict[str, str]:
    return {name: value for name, value in session.get(KEY, {}).items() if name in NAMES}


def keep(session: SessionBase, values: Mapping[str, str]) -> None:
    session[KEY] = {**typed_in(session), **{name: values[name] for name in NAMES if name in values}}


def forget(session: SessionBase) -> None:
    session.pop(KEY, None)


def _stored(mailbox: Mailbox) -> dict[str, str]:
    cloud = str(mailbox.settings.get("cloud", ""))
    return {
        "protocol": mailbox.protocol,
        "cloud": cloud if cloud in CLOUDS else "",
        "tenant": _tenant(str(mailbox.settings.get("token_uri", "")), cloud),
        "client_id": str(mailbox.settings.get("client_id", "")),
        "username": str(mailbox.settings.get("username", "")),
        "secret_expires_on": mailbox.secret_expires_on.isoformat() if mailbox.secret_expires_on else "",
    }


def _tenant(token_uri: str, cloud: str) -> str:
    address = urlsplit(token_uri)
    tenant = address.path.strip("/").partition("/")[0]
    return tenant if Values(tenant, cloud=cloud).token_uri == token_uri else token_uri


# --- the form ---------------------------------------------------------------------------------------------


def _text(label: Any, help_text: Any = "") -> forms.CharField:
    attributes = {"spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
    return forms.CharField(
        label=label, help_text=help_text, required=False, widget=forms.TextInput(attrs=attributes)
    )


def _choice(name: str, *, without: str = "") -> forms.ChoiceField:
    """A row of the Remote Approval tab, as it stands there."""
    row = BY_NAME[name]
    choices = [(value, gettext_lazy(words)) for value, words in row.choices if value != without]
    return forms.ChoiceField(label=gettext_lazy(row.label), choices=choices)


def _fields() -> dict[str, forms.Field]:
    day = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return {
        "protocol": _choice("protocol"),
        "cloud": _choice("cloud", without=OWN),
        "tenant": _text(
            gettext_lazy("Directory (tenant) ID"),
            gettext_lazy("From the same page: the two are easily swapped."),
        ),
        "client_id": _text(
            gettext_lazy("Application (client) ID"),
            gettext_lazy("From the Overview page of the app registration."),
        ),
        "object_id": _text(
            gettext_lazy("Object ID of the enterprise application"),
            gettext_lazy("From Enterprise apps, not from App registrations: there is another one there."),
        ),
        "username": _text(
            gettext_lazy("Address of the mailbox"),
            gettext_lazy("Its primary address, such as approvals@contoso.com."),
        ),
        "secret_expires_on": forms.DateField(
            label=gettext_lazy("The client secret expires on"),
            help_text=gettext_lazy("The column Expires, beside the secret."),
            required=False,
            input_formats=["%Y-%m-%d"],
            widget=day,
        ),
    }


class ValuesForm(forms.Form):
    """Some of the values, checked as the Remote Approval tab checks them. Each that is asked for is needed."""

    def __init__(
        self, names: Iterable[str], data: Mapping[str, Any] | None = None, values: Values | None = None
    ) -> None:
        self.known = values or Values()
        initial = {**dataclasses.asdict(self.known), "protocol": self.known.way, "cloud": self.known.at.key}
        super().__init__(data, initial=initial)
        fields = _fields()
        for name in names:
            self.fields[name] = fields[name]

    def clean(self) -> dict[str, Any]:
        entered: dict[str, Any] = super().clean() or {}
        self._as_settings(entered)
        if "object_id" in entered:
            entered["object_id"] = self._object_id(entered["object_id"].strip().strip("{}"))
        if "secret_expires_on" in entered:
            entered["secret_expires_on"] = self._expiry(entered["secret_expires_on"])
        return entered

    def _as_settings(self, entered: dict[str, Any]) -> None:
        names = {name: _SETTINGS.get(name, name) for name in entered}
        asked = {setting: name for name, setting in names.items() if setting in _STAND_INS}
        typed = {setting: entered[name] for setting, name in asked.items()}
        looked = ExchangeSettings.look({**_STAND_INS, **typed, "cloud": self.known.cloud})
        for setting, sentence in looked.errors.items():
            self.add_error(asked.get(setting), sentence)
        if looked.settings is not None:
            for setting, name in asked.items():
                value = str(getattr(looked.settings, setting))
                entered[name] = _tenant(value, self.known.cloud) if name == "tenant" else value

    def _object_id(self, text: str) -> str:
        if not GUID.fullmatch(text):
            self.add_error("object_id", _("An Object ID looks like 9a1b2c3d-0000-4000-8000-1f2e3d4c5b6a."))
        elif text.lower() == self.cleaned_data.get("client_id"):
            self.add_error(
                "object_id", _("That is the Application (client) ID; the Object ID stands beside it.")
            )
        return text.lower()

    def _expiry(self, day: date | None) -> str:
        if day is None:
            self.add_error("secret_expires_on", _("Enter the day on which the client secret expires."))
            return ""
        life = (day - timezone.localdate()).days
        if life < 0:
            self.add_error("secret_expires_on", _("This day is past: make a new client secret."))
        elif life > LONGEST_LIFE:
            self.add_error(
                "secret_expires_on",
                _(
                    "Entra ID makes no client secret that lives longer than 24 months. Look at the year again."
                ),
            )
        return day.isoformat()
