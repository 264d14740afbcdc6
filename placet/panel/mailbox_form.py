"""The Remote Approval tab's form."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.urls import reverse
from django.utils.translation import gettext as _

from placet.mailboxes import store
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.fields import OF_THE_SECRET, SECRET, SECRET_EXPIRES_ON, Field, Section
from placet.mailboxes.http import check_entered
from placet.mailboxes.microsoft import credentials
from placet.mailboxes.microsoft.fields import FIELDS
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import MailboxSettings, SettingsInvalid


@dataclass(frozen=True)
class Row:
    """A field of the page, and what was mended in it."""

    field: forms.BoundField
    notice: str


@dataclass(frozen=True)
class Part:
    """A section of the page: what is seen, and what stands below "More settings"."""

    key: str
    title: str
    rows: list[Row]
    rare: list[Row]

    @property
    def opened(self) -> bool:
        """Whether something that is said stands among the rare ones."""
        return any(row.field.errors or row.notice for row in self.rare)


class MailboxForm(forms.Form):
    """The Remote Approval tab, made from `placet.mailboxes.fields`.

    It checks nothing itself: `mailboxes.store` does, for every way to enter settings; `say` puts its sentences
    beside the fields. With `show_secret` what was entered as the secret stands in its field again.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        mailbox: Mailbox | None = None,
        *,
        show_secret: bool = False,
    ) -> None:
        super().__init__(data, initial=_initial(mailbox))
        self.mailbox = mailbox
        self.seen = store.mark_of(mailbox) if data is None else str(data.get("seen", ""))
        self.notices = _no_longer_counted(mailbox) if data is None else {}
        for row in FIELDS:
            self.fields[row.name] = _form_field(row, show_secret)
        addresses = Mailbox.present.values_list("address", flat=True)
        self._others = [address for address in addresses if mailbox is None or address != mailbox.address]
        if self._others:
            offered = _("The others here: {addresses}.").format(addresses=", ".join(self._others))
            same = self.fields["same_organisation"]
            same.help_text = f"{same.help_text} {offered}"

    @classmethod
    def filled(cls, given: Mapping[str, str], mailbox: Mailbox | None) -> "MailboxForm":
        """The stored settings with `given` over them, as if all of it had been typed; the secret too."""
        typed = {name: value for name, value in _initial(mailbox).items() if value is not False}
        typed |= {name: value for name, value in given.items() if value}
        form = cls({**typed, "seen": store.mark_of(mailbox)}, mailbox, show_secret=True)
        form.say(form.look())
        return form

    def entered(self) -> dict[str, Any]:
        """What was typed, as the store reads it; without the secret and its date. Saving activates nothing: that
        follows a test (`remote_approval.activate`)."""
        typed = {row.name: self[row.name].value() for row in FIELDS if row.name not in OF_THE_SECRET}
        return typed if self._may_be_active else {**typed, "active": False}

    @property
    def _may_be_active(self) -> bool:
        return self.mailbox is not None and self.mailbox.active

    def secret(self) -> str:
        return str(self[SECRET].value() or "")

    def expires_on(self) -> str:
        return str(self[SECRET_EXPIRES_ON].value() or "")

    def typed(self) -> set[str]:
        """Names of the fields that hold something."""
        return {row.name for row in FIELDS if self[row.name].value()}

    def look(self) -> store.Looked:
        """What saving would say."""
        looked = store.look(
            self.entered(),
            secrets={SECRET: self.secret()},
            expires_on=self.expires_on(),
            mailbox=self.mailbox,
        )
        return dataclasses.replace(looked, errors={**self._not_allowed(looked.settings), **looked.errors})

    def _not_allowed(self, settings: MailboxSettings | None) -> dict[str, str]:
        """An address of this machine or network that is not on the list. What a mailbox is connected to already may be
        entered: the command line takes any, for who may run it reaches them anyway."""
        if settings is None:
            return {}
        in_use = {service_of(url) for mailbox in Mailbox.present.only("settings") for url in urls_of(mailbox)}
        errors = {}
        for name, url in settings.urls().items():
            if service_of(url) in in_use:
                continue
            try:
                check_entered(url)
            except FixNeeded as error:
                errors[name] = str(error)
        return errors

    def save(self, by: str) -> store.Saved:
        """Raises SettingsInvalid. Where others changed what is stored, it says so beside what differs; who saves
        once more has seen it."""
        not_allowed = self._not_allowed(ExchangeSettings.look(self.entered()).settings)
        if not_allowed:
            raise SettingsInvalid(not_allowed)
        try:
            return store.save(
                self.entered(),
                secrets={SECRET: self.secret()},
                expires_on=self.expires_on(),
                by=by,
                mailbox=self.mailbox,
                seen=self.seen,
            )
        except store.ChangedMeanwhile:
            self.seen = store.mark_of(self.mailbox)
            raise SettingsInvalid(self._differing()) from None

    def _differing(self) -> dict[str, str]:
        told = _("These settings were changed since this page was opened. Look at them again, then save.")
        stored = MailboxForm(mailbox=self.mailbox)
        errors = {"": told}
        for row in self._shown():
            now, typed = (form[row.name].value() or "" for form in (stored, self))
            if row.name != SECRET and str(now) != str(typed):
                errors[row.name] = _("Stored now: {value}").format(value=_in_words(row, now))
        return errors

    def say(self, looked: store.Looked, about: set[str] | None = None) -> None:
        """Put sentences beside the fields; with `about`, beside these only."""
        self.notices = {n: s for n, s in looked.notices.items() if about is None or n in about}
        self.show_errors({n: s for n, s in looked.errors.items() if about is None or n in about})

    def filled_in(self, left: str) -> list[forms.BoundField]:
        """In place of those on the page, as saving would store them: after another choice of way or cloud the fields
        that follow from it and hold something else now; after one of these fields that one, if it was entered in
        another form. `left`: the name of the field that one leaves."""
        follow = (
            {*ExchangeSettings.follow}
            if left in ("protocol", "cloud")
            else {left} & {*ExchangeSettings.follow}
        )
        if not follow:
            return []
        fitted = ExchangeSettings.look(self.entered()).following
        # A tenant alone is completed by saving; until then it is what somebody typed.
        typed = {name: str(self[name].value() or "") for name in ExchangeSettings.follow}
        changed = {
            name: value
            for name, value in fitted.items()
            if name in follow and typed[name] != value and (name != "token_uri" or "/" in typed[name])
        }
        filled = MailboxForm({**{name: self[name].value() for name in self.fields}, **changed}, self.mailbox)
        for name in changed:
            filled.fields[name].widget.attrs["hx-swap-oob"] = "true"
        return [filled[name] for name in changed]

    def show_errors(self, errors: Mapping[str, str]) -> None:
        self.full_clean()
        for name, sentence in errors.items():
            self.add_error(name if name in self.fields else None, sentence)

    def rows(self) -> Iterable[Row]:
        return [self._row(about) for about in self._shown()]

    def parts(self) -> Iterable[Part]:
        for section in Section:
            abouts = [about for about in self._shown() if about.section is section]
            yield Part(
                section.name.lower(),
                _(section.value),
                [self._row(about) for about in abouts if not about.rare],
                [self._row(about) for about in abouts if about.rare],
            )

    def _shown(self) -> Iterable[Field]:
        """A certificate in use says itself when it ends; an only mailbox has no others."""
        signs = self.mailbox is not None and credentials.certificate_in_use(self.mailbox) is not None
        hidden = {SECRET_EXPIRES_ON} if signs else set()
        if not self._may_be_active and not self["active"].value():
            hidden.add("active")
        if not self._others and not self["same_organisation"].value():
            hidden.add("same_organisation")
        return [about for about in FIELDS if about.name not in hidden]

    def _row(self, about: Field) -> Row:
        return Row(self[about.name], self.notices.get(about.name, ""))


def urls_of(mailbox: Mailbox) -> Iterable[str]:
    """Of the two servers that a mailbox is connected to."""
    scheme = "http" if mailbox.settings.get("security") == "none" else "https"
    return f"{scheme}://{mailbox.settings.get('server_address', '')}", str(
        mailbox.settings.get("token_uri", "")
    )


def service_of(url: str) -> tuple[str, str]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _no_longer_counted(mailbox: Mailbox | None) -> dict[str, str]:
    """Beside what is stored and proves nobody (any more)."""
    name = "confirmed_mechanisms"
    notices = ExchangeSettings.look(mailbox.settings).notices if mailbox is not None else {}
    return {name: notices[name]} if name in notices else {}


def _initial(mailbox: Mailbox | None) -> dict[str, Any]:
    """The stored settings, or the defaults; never the secret."""
    shown = mailbox.settings if mailbox else _defaults()
    initial = {
        row.name: ", ".join(shown[row.name]) if row.kind == "list" else shown[row.name]
        for row in FIELDS
        if row.name not in OF_THE_SECRET and shown.get(row.name) is not None
    }
    if mailbox is not None and mailbox.secret_expires_on is not None:
        initial[SECRET_EXPIRES_ON] = mailbox.secret_expires_on.isoformat()
    return initial


def _in_words(row: Field, value: Any) -> str:
    """A value as the page shows it."""
    if row.kind == "bool":
        return _("yes") if value else _("no")
    if row.kind == "choice":
        return _(dict(row.choices)[value]) if value in dict(row.choices) else str(value)
    return str(value) or _("nothing")


def _defaults() -> dict[str, Any]:
    return ExchangeSettings(username="", client_id="", token_uri="").to_json()


def _form_field(row: Field, show_secret: bool) -> forms.Field:
    about: dict[str, Any] = {"label": _(row.label), "help_text": _(row.help), "required": False}
    # Looked at as one leaves it; what is said then stands in an element that is there from the start.
    attributes = {
        "hx-post": reverse("panel:check_fields"),
        "aria-describedby": f"message_{row.name} id_{row.name}_helptext",
    }
    if row.kind == "bool":
        return forms.BooleanField(widget=forms.CheckboxInput(attrs=attributes), **about)
    if row.kind == "choice":
        choices = [(value, _(words)) for value, words in row.choices]
        return forms.ChoiceField(choices=choices, widget=forms.Select(attrs=attributes), **about)
    if row.kind == "date":
        return forms.CharField(widget=forms.TextInput(attrs={**attributes, "type": "date"}), **about)
    attributes |= {"spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
    if row.kind == "secret":
        attributes["autocomplete"] = "new-password"
        return forms.CharField(
            widget=forms.PasswordInput(attrs=attributes, render_value=show_secret), **about
        )
    if row.kind == "int":
        attributes["inputmode"] = "numeric"
    return forms.CharField(widget=forms.TextInput(attrs=attributes), **about)
