"""Storing a mailbox's settings: the one way for the command line and the panel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.accounts.addresses import person_at
from placet.lib.canonical import digest
from placet.lib.fields import Secrets
from placet.mailboxes import consent, kinds, removal
from placet.mailboxes.fields import COMMON, SECRET_EXPIRES_ON, Field
from placet.mailboxes.kinds import Kind, UnknownKind
from placet.mailboxes.models import LONGEST_BY, Mailbox
from placet.mailboxes.secrets import Kept
from placet.mailboxes.settings import MailboxSettings, Reviewed, SettingsInvalid, Wrong, read_expiry

#: Beside the settings: of which kind the mailbox is, and of which what sends for it; "" where it is the same one.
KIND, SENDING_KIND = "kind", "sending_kind"


@dataclass(frozen=True)
class Saved:
    """A stored mailbox, by field what was mended on the way, and whether it was activated just now."""

    mailbox: Mailbox
    notices: dict[str, str]
    activated: bool


@dataclass(frozen=True)
class Kinds:
    """What receives and what sends; `sending` is None where the same kind does both."""

    receiving: Kind
    sending: Kind | None = None

    @property
    def both(self) -> tuple[Kind, ...]:
        return (self.receiving,) if self.sending is None else (self.receiving, self.sending)

    @property
    def rows(self) -> tuple[Field, ...]:
        """Of both, each once, in the order of the tab. Of what every kind has, those that the receiving kind knows."""
        rows = {row.name: row for row in self.receiving.settings_class.rows}
        if self.sending is not None:
            common = {row.name for row in COMMON}
            own = [row for row in self.sending.settings_class.rows if row.name not in common]
            rows |= {row.name: row for row in own}
        return tuple(rows.values())

    def read_of(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Of what is stored, what these kinds read: not that of another kind that the mailbox was of before."""
        names = {name for kind in self.both for name in kind.settings_class.readers()}
        return {name: value for name, value in stored.items() if name in names}

    def look(self, entered: Mapping[str, Any]) -> "Looked":
        """What is to be said of the settings alone, without secrets and what is stored."""
        readers = [kind.settings_class.readers() for kind in self.both]
        known = {name for names in readers for name in names}
        unknown = {name: value for name, value in entered.items() if name not in known}
        if self.sending is not None:
            lent = self.sending.settings_class.lent_by(self.receiving.settings_class, entered)
            entered = {**entered, **lent}
        reviews: list[Reviewed[Any]] = []
        for kind, names in zip(self.both, readers, strict=True):
            own = {name: value for name, value in entered.items() if name in names}
            reviews.append(kind.settings_class.look({**own, **unknown}))
        return Looked(
            self,
            [review.settings for review in reviews if review.settings is not None],
            errors={name: text for review in reviews for name, text in review.errors.items()},
            notices={name: text for review in reviews for name, text in review.notices.items()},
            following={name: text for review in reviews for name, text in review.following.items()},
        )


@dataclass(frozen=True)
class Looked:
    """What is to be said of settings as entered, by field, and what of them would be stored."""

    kinds: Kinds | None  # None: of no kind that there is
    all_settings: Sequence[MailboxSettings] = ()  # of each kind of which nothing is wrong
    fresh: Mapping[str, str] = field(default_factory=dict)  # secrets entered now, by field
    kept: Kept = field(default_factory=lambda: Kept(Secrets()))
    expires_on: date | None = None
    errors: dict[str, str] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)
    following: dict[str, str] = field(default_factory=dict)  # see `Reviewed`

    @property
    def settings(self) -> MailboxSettings | None:
        """Of the kind that receives; None where something is wrong."""
        whole = self.kinds is not None and len(self.all_settings) == len(self.kinds.both)
        return self.all_settings[0] if whole else None

    @property
    def secrets(self) -> Secrets:
        """What would be stored."""
        return Secrets({**self.kept.secrets, **self.fresh})


class ChangedMeanwhile(SettingsInvalid):
    """What is stored is not what the administrator saw; nothing was saved."""


def mark_of(mailbox: Mailbox | None) -> str:
    """Tells apart what was stored when a form was shown from what is stored when it comes back."""
    if mailbox is None:
        return ""
    kind = [mailbox.kind, mailbox.sending_kind]
    return digest([kind, mailbox.settings, str(mailbox.secret_expires_on), str(mailbox.secret_set_at)])


def kinds_of(entered: Mapping[str, Any], mailbox: Mailbox | None) -> Kinds:
    """What is entered, or stored, or usual. Raises SettingsInvalid."""
    key = str(entered.get(KIND) or (mailbox.kind if mailbox is not None else kinds.usual_kind()))
    try:
        receiving = kinds.kind_of(key)
    except UnknownKind as error:
        raise SettingsInvalid({KIND: str(error)}) from None
    if not receiving.receives:
        raise SettingsInvalid({KIND: _("A mailbox of this type only sends. Choose one that receives.")})
    if receiving.sends:
        return Kinds(receiving)
    stored = mailbox.sending_kind if mailbox is not None and mailbox.kind == key else ""
    sends = str(entered.get(SENDING_KIND) or stored or next(iter(receiving.sends_by), ""))
    if sends not in receiving.sends_by or sends not in kinds.all_kinds():
        known = ", ".join(one for one in receiving.sends_by if one in kinds.all_kinds())
        told = _("Say what sends for it; it can be: {kinds}.").format(kinds=known or _("none"))
        raise SettingsInvalid({SENDING_KIND: told})
    return Kinds(receiving, kinds.kind_of(sends))


@transaction.atomic
def save(
    entered: Mapping[str, Any],
    *,
    secrets: Mapping[str, str] | None = None,
    expires_on: str | None = None,
    by: str,
    mailbox: Mailbox | None = None,
    seen: str = "",
    moving: bool = False,
) -> Saved:
    """Check and store settings. `secrets` by field; one that is empty keeps the stored one. SettingsInvalid has every
    error at once.

    `entered` may say which kind of mailbox it is (KIND, SENDING_KIND). A secret goes only to the host it was entered
    for (`secrets.kept`): another server asks for it again.
    `expires_on` is the day when the secret ends, as entered; None leaves it as it is, unless the secret is new.
    With `seen`, the mark of what was shown, it is ChangedMeanwhile where something else is stored by now.
    A mailbox that has received mail changes its protocol only where it is `moving` (see `placet.mail.moving`).
    """
    before = removal.removed_at(str(entered.get("username") or "")) if mailbox is None else None
    if before is not None:  # what it received is still there, so it is no other one
        mailbox, moving = before, True
    if mailbox is not None:
        # As it is stored now: a secret that was entered a moment ago must not go to the host that it replaced.
        _refresh(mailbox)
        if seen and seen != mark_of(mailbox):
            raise ChangedMeanwhile({})
    looked = look(entered, secrets=secrets, expires_on=expires_on, mailbox=mailbox, moving=moving)
    if looked.errors or looked.kinds is None or looked.settings is None:
        raise SettingsInvalid(looked.errors, looked.kinds.rows if looked.kinds else ())
    return _store(looked.kinds, looked.settings, looked, by, mailbox)


@transaction.atomic
def change(
    changes: Mapping[str, Any],
    *,
    secrets: Mapping[str, str] | None = None,
    expires_on: str | None = None,
    by: str,
    mailbox: Mailbox,
    moving: bool = False,
) -> Saved:
    """`save` for some settings alone: the others stay as they are stored, whatever `mailbox` was read with."""
    _refresh(mailbox)
    entered = {**kinds_of(changes, mailbox).read_of(mailbox.settings), **changes}
    return save(entered, secrets=secrets, expires_on=expires_on, by=by, mailbox=mailbox, moving=moving)


@transaction.atomic
def confirm_mechanism(mailbox: Mailbox, mechanism: str, *, by: str) -> Saved:
    """An administrator says that mail authenticated in this way comes from colleagues."""
    _refresh(mailbox)
    known = [str(value) for value in mailbox.settings.get("confirmed_mechanisms", [])]
    return change({"confirmed_mechanisms": sorted({*known, mechanism})}, by=by, mailbox=mailbox)


def _refresh(mailbox: Mailbox) -> None:
    """As it is stored now, and nobody else changes it before this transaction ends."""
    # Not its key: whoever writes a row of this mailbox meanwhile need not wait.
    mailbox.refresh_from_db(from_queryset=Mailbox.objects.select_for_update(no_key=True))


def look(
    entered: Mapping[str, Any],
    *,
    secrets: Mapping[str, str] | None = None,
    expires_on: str | None = None,
    mailbox: Mailbox | None = None,
    moving: bool = False,
) -> Looked:
    """What `save` would say; nothing is stored."""
    try:
        of_kinds = kinds_of(entered, mailbox)
    except SettingsInvalid as error:
        return Looked(None, errors=error.errors)
    looked = of_kinds.look({name: text for name, text in entered.items() if name not in (KIND, SENDING_KIND)})
    looked = replace(looked, fresh=_fresh(of_kinds, secrets or {}, looked.errors))
    settings = looked.settings
    if settings is not None:
        settings = _look_at_domains(settings, mailbox, looked.notices)
        looked = replace(looked, all_settings=[settings, *looked.all_settings[1:]])
        looked.errors.update(settings.errors_of_new(mailbox.settings if mailbox is not None else {}))
        looked = replace(looked, fresh=_with_lent(looked))
        looked = replace(looked, kept=_kept(of_kinds, looked, mailbox))
    _look_at_secrets(looked)
    expires, words = _expiry(expires_on, bool(looked.fresh), mailbox)
    if mailbox is not None and looked.kept.signs:
        expires, words = mailbox.secret_expires_on, _Said()  # that of the certificate, which says it itself
    elif mailbox is not None and looked.kept.signed and expires_on is None:
        expires = None  # it went with the certificate
    looked.errors.update(words.errors)
    looked.notices.update(words.notices)
    if settings is not None and "username" not in looked.errors:
        looked.errors.update(_owner_errors(settings, mailbox) | _others_errors(settings))
        looked.notices.update(_persons(settings))
    if settings is not None and mailbox is not None and not moving:
        looked.errors.update(_protocol_errors(of_kinds, settings, mailbox))
    return replace(looked, expires_on=expires)


def _fresh(of_kinds: Kinds, entered: Mapping[str, str], errors: dict[str, str]) -> dict[str, str]:
    """The secrets that were entered, as they are to be stored."""
    fresh = {}
    for kind in of_kinds.both:
        for row in kind.settings_class.rows:
            text = entered.get(row.name, "") if row.kind == "secret" else ""
            if text.strip():
                try:
                    fresh[row.name] = kind.settings_class.read_secret(row.name, text).get_secret_value()
                except Wrong as wrong:
                    errors[row.name] = str(wrong)
    return fresh


def _with_lent(looked: Looked) -> Mapping[str, str]:
    """What was entered, and, where nothing was entered of what sends, that of what receives: of one application the
    secret is typed once."""
    receiving, *sending = looked.all_settings
    lent = {own: other for settings in sending for own, other in settings.secrets_lent_by(receiving).items()}
    fresh = looked.fresh
    return {**{own: fresh[other] for own, other in lent.items() if other in fresh}, **fresh}


def _look_at_domains(
    settings: MailboxSettings, mailbox: Mailbox | None, notices: dict[str, str]
) -> MailboxSettings:
    if not _of_a_domain_before(settings, mailbox):
        return settings
    own = settings.username.rpartition("@")[2].lower()
    words = _(
        "The mailbox is in another domain now, so this is {domain} alone. Add others if they are its own."
    )
    notices["own_domains"] = words.format(domain=own)
    return replace(settings, own_domains=(own,))


def _kept(of_kinds: Kinds, looked: Looked, mailbox: Mailbox | None) -> Kept:
    """Of both kinds together."""
    each = [
        kind.kept_secrets(settings, mailbox)
        for kind, settings in zip(of_kinds.both, looked.all_settings, strict=True)
    ]
    return Kept(
        Secrets({name: text for kept in each for name, text in kept.secrets.items()}),
        again={name: text for kept in each for name, text in kept.again.items()},
        lacking={name: text for kept in each for name, text in kept.lacking.items()},
        dropped={name: text for kept in each for name, text in kept.dropped.items()},
        beside={name: text for kept in each for name, text in kept.beside.items()},
        signs=any(kept.signs for kept in each),
        signed=any(kept.signed for kept in each),
    )


def _look_at_secrets(looked: Looked) -> None:
    """What is to be said of each secret."""
    kept = looked.kept
    for name, why in kept.again.items():
        if name not in looked.fresh:
            looked.errors.setdefault(name, why)
    for name in {*kept.dropped, *kept.lacking, *kept.beside, *looked.fresh}:
        if name in looked.fresh and name in kept.beside:
            words = kept.beside[name]
        elif name in kept.again and name not in looked.fresh:
            continue
        else:
            lacking = "" if name in looked.fresh else kept.lacking.get(name, "")
            words = " ".join(filter(None, [kept.dropped.get(name, ""), lacking]))
        if words:
            looked.notices[name] = words


@dataclass(frozen=True)
class _Said:
    errors: dict[str, str] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)


def _expiry(entered: str | None, fresh: bool, mailbox: Mailbox | None) -> tuple[date | None, _Said]:
    """The day when the secret ends, and what is to be said of it."""
    before = mailbox.secret_expires_on if mailbox is not None else None
    if entered is None:
        return (None if fresh else before), _Said()
    try:
        expires = read_expiry(entered)
    except SettingsInvalid as error:
        return None, _Said(errors=error.errors)
    over = expires is not None and expires < timezone.localdate()
    if over and (fresh or expires != before):
        return None, _Said(
            errors={SECRET_EXPIRES_ON: _("This day is over. Enter the day when the secret expires.")}
        )
    told = ""
    if over:
        told = _("This day is over: make a new client secret, and enter its Value and its date.")
    elif fresh and expires is not None and expires == before:
        told = _("This date stood there already for the secret before. Check that it is the new one's.")
    return expires, _Said(notices={SECRET_EXPIRES_ON: told} if told else {})


def _owner_errors(settings: MailboxSettings, mailbox: Mailbox | None) -> dict[str, str]:
    others = Mailbox.present.filter(address=settings.username.lower())
    if mailbox is not None:
        others = others.exclude(pk=mailbox.pk)
    if others.exists():
        return {"username": _(SET_UP_ALREADY)}
    if mailbox is not None and mailbox.address != settings.username.lower() and mailbox.incoming.exists():
        return {
            "username": _("This mailbox has received mail already; another one needs settings of its own.")
        }
    return {}


def _of_a_domain_before(settings: MailboxSettings, mailbox: Mailbox | None) -> bool:
    """Whether own domains are still those of another domain's mailbox, which nobody looked at."""
    if mailbox is None or mailbox.address.rpartition("@")[2] == settings.username.rpartition("@")[2].lower():
        return False
    return [*settings.own_domains] == [*mailbox.settings.get("own_domains", ())]


def _others_errors(settings: MailboxSettings) -> dict[str, str]:
    """A mistyped address would let nothing in, and nobody would see why."""
    known = set(Mailbox.present.values_list("address", flat=True)) - {settings.username.lower()}
    unknown = [address for address in settings.same_organisation if address not in known]
    if not unknown:
        return {}
    return {"same_organisation": _("{address} is no other mailbox here.").format(address=unknown[0])}


def _persons(settings: MailboxSettings) -> dict[str, str]:
    """Mail from the mailbox is Placet's own, so whoever has it cannot decide by mail."""
    whose = person_at(settings.username)
    if whose is None:
        return {}
    told = _(
        "This is also an address of {name}. What is sent from there counts as Placet's own mail and decides nothing."
    )
    return {"username": told.format(name=whose.name)}


def _protocol_errors(of_kinds: Kinds, settings: MailboxSettings, mailbox: Mailbox) -> dict[str, str]:
    """Servers name mails differently, and each has permissions of its own."""
    if not mailbox.incoming.exists():
        return {}
    if of_kinds.receiving.key != mailbox.kind:
        return {
            KIND: _(
                "This mailbox has received mail. Remove it, and set it up again with the new type: what it received "
                "and sent stays, and no reply is taken twice."
            )
        }
    if settings.protocol == mailbox.protocol:
        return {}
    return {
        "protocol": _(
            "This mailbox has received mail. Move it instead: that checks the permissions first, and no reply is "
            "lost or taken twice."
        )
    }


SET_UP_ALREADY = gettext_noop("This mailbox is set up already.")


def _store(
    of_kinds: Kinds, settings: MailboxSettings, looked: Looked, by: str, mailbox: Mailbox | None
) -> Saved:
    now = timezone.now()
    row = mailbox or Mailbox()
    activated = settings.active and not row.active
    if activated:
        row.active_since = now
    row.removed_at, row.removed_by = None, ""
    row.name = settings.username
    row.kind = of_kinds.receiving.key
    row.sending_kind = of_kinds.sending.key if of_kinds.sending is not None else ""
    row.protocol = settings.protocol
    row.address = settings.username.lower()
    # Those of the kind that receives last: what both have is as it says.
    row.settings = {
        name: value for one in reversed(looked.all_settings) for name, value in one.to_json().items()
    }
    row.since = settings.since
    row.active = settings.active
    row.sandbox = settings.is_sandbox
    row.secret_expires_on = looked.expires_on
    written = bool(looked.fresh) or looked.secrets != row.secrets
    if written:
        row.secrets = looked.secrets
    if looked.fresh and not looked.kept.signs:
        row.secret_set_at, row.secret_set_by = now, by[:LONGEST_BY]
    elif not looked.secrets:
        row.secret_set_at, row.secret_set_by = None, ""
    row.end_rests()
    row.next_poll = now if settings.active else None
    row.claim = ""
    if mailbox is None:
        _save_new(row)
        return Saved(row, looked.notices, activated)
    changed = [*WRITTEN, *OF_A_SECRET] if written else [*WRITTEN]
    stored = Mailbox.objects.only("since", "kind", "protocol", "address", "settings").get(pk=mailbox.pk)
    elsewhere = row.kind != stored.kind or settings.protocol != stored.protocol
    if _is_of_another_server(row, stored, settings):
        row.stamps = {}  # what an administrator confirmed of the former one's is no word about this one's
        changed.append("stamps")
    if settings.since != stored.since or elsewhere:
        # Earlier mail may be wanted now, or the other server counts in another way: everything is listed again, and
        # what is known is dropped.
        row.cursor = {}
        changed.append("cursor")
    lists = ("username", "since", *settings.place)
    if elsewhere or any(row.settings.get(name) != stored.settings.get(name) for name in lists):
        # What was read says nothing of another mailbox, or of earlier mail. Where only the protocol is another one,
        # mail that the former one failed to give is listed anew, and cannot be fetched by its old id.
        row.read_until = None
        changed.append("read_until")
    if written:
        consent.forget_former(row)
    row.save(update_fields=changed)  # not the cursor as it was read: a poll may have moved it meanwhile
    return Saved(row, looked.notices, activated)


def _is_of_another_server(row: Mailbox, stored: Mailbox, settings: MailboxSettings) -> bool:
    """Whether other machines take its mail in, and stamp it, than before."""
    if (row.kind, row.address) != (stored.kind, stored.address):
        return True
    return any(row.settings.get(name) != stored.settings.get(name) for name in settings.server)


def _save_new(row: Mailbox) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:  # somebody was faster
        raise SettingsInvalid({"username": _(SET_UP_ALREADY)}) from error


#: What saving settings writes; the rest of the row belongs to the work.
WRITTEN = (
    "name", "kind", "sending_kind", "protocol", "address", "settings", "since", "active", "active_since", "sandbox",
    "secret_expires_on", *Mailbox.RESTS, "next_poll", "claim", "removed_at", "removed_by",
)  # fmt: skip
OF_A_SECRET = (
    "secrets",
    "secret_set_at",
    "secret_set_by",
)  # written only if one was entered, or may not stay
