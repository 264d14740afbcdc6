"""The Remote Approval tab's form."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django import forms
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes import store
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.fields import OF_THE_SECRET, SECRET_EXPIRES_ON, Field, Section
from placet.mailboxes.http import check_entered
from placet.mailboxes.kinds import Kind, UnknownKind, all_kinds, kind_of
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import SettingsInvalid
from placet.mailboxes.store import KIND, SENDING_KIND, Kinds

if TYPE_CHECKING:
    from placet.mailboxes.authorities import Authority

#: The kind whose fields were on the page: what is not among them was neither typed nor left out.
SHOWN_KIND = "shown_kind"
SENDING = gettext_noop("Outgoing mail server")
CERTIFICATES = "certificates"  # a field's kind: pasted, or a file whose name ends like this one
FILE_OF = "{name}_file"
LARGEST_FILE = 1024 * 1024  # bytes
LONGEST_CARRIED = 4000  # characters of what was typed for another kind


@dataclass(frozen=True)
class Row:
    """A field of the page, what was mended in it, and, of a secret, whether one is stored and in use."""

    field: forms.BoundField
    notice: str
    is_stored: bool = False
    file: str = ""  # name of the input for a file, where one can be given instead
    certificates: "Sequence[Authority]" = ()  # what stands in it, where it takes certificates
    below: str = ""  # template of what the kind shows below it
    sign_ins: str = ""  # the ways of signing in that it belongs to, with spaces between; "" for all


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
    """The Remote Approval tab, made from the rows of the kinds that receive and send.

    It checks nothing itself: `mailboxes.store` does, for every way to enter settings; `say` puts its sentences
    beside the fields. With `show_secret` what was entered as a secret stands in its field again.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        mailbox: Mailbox | None = None,
        *,
        files: Mapping[str, bytes] | None = None,
        show_secret: bool = False,
    ) -> None:
        self.uploaded = files or {}
        self.kinds = shown_kinds(data or {}, mailbox)
        super().__init__(data, initial=_initial(self.kinds, mailbox))
        self.mailbox = mailbox
        self.seen = store.mark_of(mailbox) if data is None else str(data.get("seen", ""))
        self.notices = _no_longer_counted(self.kinds, mailbox) if data is None else {}
        self.carried = _carried(data or {}, self.kinds)
        self.rows_by_name = {row.name: row for row in self.kinds.rows}
        for row in self.rows_by_name.values():
            self.fields[row.name] = _form_field(row, show_secret)
        self._add_choices()
        addresses = Mailbox.present.values_list("address", flat=True)
        self._others = [address for address in addresses if mailbox is None or address != mailbox.address]
        if self._others and "same_organisation" in self.fields:
            offered = _("The others here: {addresses}.").format(addresses=", ".join(self._others))
            same = self.fields["same_organisation"]
            same.help_text = f"{same.help_text} {offered}"

    @classmethod
    def filled(cls, given: Mapping[str, str], mailbox: Mailbox | None) -> "MailboxForm":
        """The stored settings with `given` over them, as if all of it had been typed; secrets too."""
        initial = _initial(shown_kinds(given, mailbox), mailbox)
        typed = {name: value for name, value in initial.items() if value is not False}
        typed |= {name: value for name, value in given.items() if value}
        form = cls({**typed, "seen": store.mark_of(mailbox)}, mailbox, show_secret=True)
        form.say(form.look())
        return form

    @classmethod
    def of_another_kind(cls, data: Mapping[str, Any], mailbox: Mailbox | None) -> "MailboxForm":
        """The fields of the kind that was chosen, with what was typed so far. Nothing is said of them yet: what is new
        there has its usual value."""
        chosen = shown_kinds(data, mailbox)
        shown = {row.name for row in _shown_before(data).rows}
        usual = {name: value for name, value in _initial(chosen, mailbox).items() if value is not False}
        typed = {name: value for name, value in usual.items() if name not in shown}
        for row in chosen.rows:
            value = str(data.get(row.name, ""))
            if row.kind != "secret" and (value or row.name in shown):
                typed[row.name] = value
                if row.kind == "bool" and row.name not in data:
                    del typed[row.name]
        kept = {name: data.get(name, "") for name in (KIND, SENDING_KIND, "seen")}
        return cls({**{name: str(data[name]) for name in data}, **typed, **kept}, mailbox)

    # --- what was typed -----------------------------------------------------------------------------------

    def entered(self) -> dict[str, Any]:
        """What was typed, as the store reads it; without secrets and their date. Saving activates nothing: that
        follows a test (`remote_approval.activate`)."""
        typed = {
            row.name: self[row.name].value()
            for row in self.rows_by_name.values()
            if row.name not in OF_THE_SECRET and row.kind != "secret"
        }
        typed |= {name: content for name, content in self.uploaded.items() if name in typed}
        typed[KIND] = self.kinds.receiving.key
        typed[SENDING_KIND] = self.kinds.sending.key if self.kinds.sending is not None else ""
        return typed if self._may_be_active else {**typed, "active": False}

    @property
    def _may_be_active(self) -> bool:
        return self.mailbox is not None and self.mailbox.active

    @property
    def secret_names(self) -> list[str]:
        return [row.name for row in self.rows_by_name.values() if row.kind == "secret"]

    def secrets(self) -> dict[str, str]:
        """As entered, by field; "" where none was."""
        return {name: str(self[name].value() or "") for name in self.secret_names}

    def expires_on(self) -> str | None:
        """None where the kind knows no such day."""
        known = SECRET_EXPIRES_ON in self.fields
        return str(self[SECRET_EXPIRES_ON].value() or "") if known else None

    def typed(self) -> set[str]:
        """Names of the fields that hold something."""
        return {name for name in self.rows_by_name if self[name].value()}

    # --- what is said of it -------------------------------------------------------------------------------

    def look(self) -> store.Looked:
        """What saving would say."""
        looked = store.look(
            self.entered(),
            secrets=self.secrets(),
            expires_on=self.expires_on(),
            mailbox=self.mailbox,
        )
        return dataclasses.replace(looked, errors={**self._not_allowed(looked), **looked.errors})

    def _not_allowed(self, looked: store.Looked) -> dict[str, str]:
        """An address of this machine or network that is not on the list. What a mailbox is connected to already may be
        entered: the command line takes any, for who may run it reaches them anyway."""
        if looked.settings is None:
            return {}
        rows = Mailbox.present.only("kind", "sending_kind", "settings")
        in_use = {service_of(url) for mailbox in rows for url in urls_of(mailbox)}
        errors = {}
        for settings in looked.all_settings:
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
        without_kinds = {
            name: value for name, value in self.entered().items() if name not in (KIND, SENDING_KIND)
        }
        not_allowed = self._not_allowed(self.kinds.look(without_kinds))
        if not_allowed:
            raise SettingsInvalid(not_allowed)
        try:
            return store.save(
                self.entered(),
                secrets=self.secrets(),
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
            if row.kind == "secret" or row.name not in stored.fields:
                continue
            now, typed = (form[row.name].value() or "" for form in (stored, self))
            if str(now) != str(typed):
                errors[row.name] = _("Stored now: {value}").format(value=_in_words(row, now))
        return errors

    def say(self, looked: store.Looked, about: set[str] | None = None) -> None:
        """Put sentences beside the fields; with `about`, beside these only."""
        self.notices = {n: s for n, s in looked.notices.items() if about is None or n in about}
        self.show_errors({n: s for n, s in looked.errors.items() if about is None or n in about})

    def filled_in(self, left: str) -> list[forms.BoundField]:
        """In place of those on the page, as saving would store them: after another choice, such as of protocol or
        cloud, the fields that follow from it and hold something else now; after one of these fields that one, if it was
        entered in another form. `left`: the name of the field that one leaves."""
        names = [name for kind in self.kinds.both for name in kind.settings_class.follow]
        row = self.rows_by_name.get(left)
        follow = {*names} if row is not None and row.kind == "choice" else {left} & {*names}
        if not follow:
            return []
        without_kinds = {
            name: value for name, value in self.entered().items() if name not in (KIND, SENDING_KIND)
        }
        following = self.kinds.look(without_kinds).following
        # A tenant alone is completed by saving; until then it is what somebody typed.
        typed = {name: str(self[name].value() or "") for name in names}
        changed = {
            name: value
            for name, value in following.items()
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

    # --- the page -----------------------------------------------------------------------------------------

    @property
    def chosen(self) -> Kind:
        """The kind that receives."""
        return self.kinds.receiving

    @property
    def kind_is_fixed(self) -> bool:
        """Ids of mails that were received mean nothing to a server of another kind."""
        return self.mailbox is not None and (len(usable_kinds()) < 2 or self.mailbox.incoming.exists())

    def rows(self) -> Iterable[Row]:
        return [self._row(about) for about in self._shown()]

    def parts(self) -> Iterable[Part]:
        sending = self._names_of_sending()
        server, approval = Section.SERVER, Section.APPROVAL
        shown = [*self._shown()]
        parts = (
            (
                server.name.lower(),
                server.value,
                [one for one in shown if one.section is server and one.name not in sending],
            ),
            ("sending", SENDING, [one for one in shown if one.section is server and one.name in sending]),
            (approval.name.lower(), approval.value, [one for one in shown if one.section is approval]),
        )
        for key, title, abouts in parts:
            if abouts:
                rows = [self._row(about) for about in abouts if not about.rare]
                yield Part(key, _(title), rows, [self._row(about) for about in abouts if about.rare])

    def _names_of_sending(self) -> set[str]:
        """Of the fields that only what sends has."""
        if self.kinds.sending is None:
            return set()
        receiving = {row.name for row in self.kinds.receiving.settings_class.rows}
        return {row.name for row in self.kinds.sending.settings_class.rows} - receiving

    def _shown(self) -> Iterable[Field]:
        """A certificate in use says itself when it ends; an only mailbox has no others."""
        hidden = {SECRET_EXPIRES_ON} if self._signs() else set()
        if not self._may_be_active and not self["active"].value():
            hidden.add("active")
        if not self._others and not self["same_organisation"].value():
            hidden.add("same_organisation")
        return [about for about in self.rows_by_name.values() if about.name not in hidden]

    def _signs(self) -> bool:
        """Whether something other than a secret is in use."""
        if self.mailbox is None or not self.mailbox.secrets:
            return False
        try:
            settings = self.chosen.settings_class.of_stored(self.mailbox.settings)
        except SettingsInvalid:
            return False
        return self.chosen.kept_secrets(settings, self.mailbox).signs

    def _row(self, about: Field) -> Row:
        stored = self.mailbox.secrets if self.mailbox is not None and about.kind == "secret" else {}
        file = FILE_OF.format(name=about.name) if about.kind == CERTIFICATES else ""
        certificates = self._certificates(about.name) if file else ()
        notice, is_stored = (
            self.notices.get(about.name, ""),
            bool(stored.get(about.name)) and not self._signs(),
        )
        return Row(
            self[about.name], notice, is_stored, file, certificates, about.below, " ".join(about.sign_ins)
        )

    def _certificates(self, name: str) -> "Sequence[Authority]":
        """Those that are stored: what is typed may be none."""
        from placet.mailboxes.authorities import shown  # only where a kind has such a field

        return shown(str(self.mailbox.settings.get(name, ""))) if self.mailbox is not None else ()

    def _add_choices(self) -> None:
        """Which kind it is, and by what it sends where there is a choice."""
        attributes = {
            "hx-post": reverse("panel:mailbox_kind"),
            "hx-trigger": "change",
            "hx-target": "#kind-fields",
            "hx-swap": "innerHTML",
        }
        sends_by = [key for key in self.chosen.sends_by if key in all_kinds()]
        choices = [(KIND, _("Type"), usable_kinds(), self.chosen.key)]
        if len(sends_by) > 1 and self.kinds.sending is not None:
            sending = [kind_of(key) for key in sends_by]
            choices.append((SENDING_KIND, _("Sends by"), sending, self.kinds.sending.key))
        for name, label, offered, chosen in choices:
            labels = [(kind.key, _(kind.label)) for kind in offered]
            field = forms.ChoiceField(
                choices=labels, label=label, required=False, widget=forms.Select(attrs=attributes)
            )
            self.fields[name] = field
            self.initial[name] = chosen


def files_of(files: Mapping[str, Any]) -> dict[str, bytes]:
    """By field, what was uploaded in place of pasting it; of a file that is too large only so much that it is
    refused."""
    names = {
        row.name
        for kind in all_kinds().values()
        for row in kind.settings_class.rows
        if row.kind == CERTIFICATES
    }
    uploaded = {name: files.get(FILE_OF.format(name=name)) for name in names}
    return {name: file.read(LARGEST_FILE + 1) for name, file in uploaded.items() if file is not None}


def usable_kinds() -> list[Kind]:
    """Those that a mailbox can be of: it receives, and it or another that is there sends."""
    known = all_kinds()
    return [
        kind
        for kind in known.values()
        if kind.receives and (kind.sends or any(key in known for key in kind.sends_by))
    ]


def shown_kinds(entered: Mapping[str, Any], mailbox: Mailbox | None) -> Kinds:
    """Those whose fields are shown: of what was entered, else what is stored, else the first that there is."""
    chosen = {name: str(entered.get(name) or "") for name in (KIND, SENDING_KIND)}
    for attempt, of in ((chosen, mailbox), ({KIND: chosen[KIND]}, mailbox), ({}, mailbox), ({}, None)):
        try:
            return store.kinds_of(attempt, of)
        except SettingsInvalid:
            continue
    return store.kinds_of({KIND: usable_kinds()[0].key}, None)


def _shown_before(data: Mapping[str, Any]) -> Kinds:
    """Those whose fields were on the page that `data` comes from."""
    return shown_kinds({KIND: data.get(SHOWN_KIND, "")}, None)


def _carried(data: Mapping[str, Any], chosen: Kinds) -> list[tuple[str, str]]:
    """What was typed for other kinds, without secrets: it is there again when one comes back to them."""
    shown = {row.name for row in chosen.rows}
    names = {
        row.name: row
        for kind in all_kinds().values()
        for row in kind.settings_class.rows
        if row.kind != "secret" and row.name not in shown
    }
    typed = ((name, str(data.get(name, ""))) for name in names)
    return [(name, value) for name, value in typed if 0 < len(value) <= LONGEST_CARRIED]


def urls_of(mailbox: Mailbox) -> Iterator[str]:
    """Of the servers that a mailbox is connected to, as far as what is stored can be read."""
    for key in filter(None, (mailbox.kind, mailbox.sending_kind)):
        try:
            yield from kind_of(key).settings_class.of_stored(mailbox.settings).urls().values()
        except (UnknownKind, SettingsInvalid):
            continue


def service_of(url: str) -> tuple[str, str]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _no_longer_counted(chosen: Kinds, mailbox: Mailbox | None) -> dict[str, str]:
    """Beside what is stored and proves nobody (any more)."""
    name = "confirmed_mechanisms"
    notices = chosen.look(mailbox.settings).notices if mailbox is not None else {}
    return {name: notices[name]} if name in notices else {}


def _initial(chosen: Kinds, mailbox: Mailbox | None) -> dict[str, Any]:
    """The stored settings, or what is usual; never a secret."""
    usual = {
        name: value for kind in reversed(chosen.both) for name, value in kind.settings_class.usual().items()
    }
    shown = {**usual, **mailbox.settings} if mailbox is not None else usual
    initial = {
        row.name: ", ".join(shown[row.name]) if row.kind == "list" else shown[row.name]
        for row in chosen.rows
        if row.name not in OF_THE_SECRET and row.kind != "secret" and shown.get(row.name) is not None
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
    if row.kind == CERTIFICATES:
        return forms.CharField(widget=forms.Textarea(attrs={**attributes, "rows": 4}), **about)
    if row.kind == "int":
        attributes["inputmode"] = "numeric"
    return forms.CharField(widget=forms.TextInput(attrs=attributes), **about)
