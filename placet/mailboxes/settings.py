"""The settings that a mailbox of every kind has, as an administrator enters them; wrong ones are named in words. Each
kind adds its own (`MailboxSettings`).

Secrets are not among them: they are kept encrypted elsewhere (`placet.mailboxes.secrets`).
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Generic, Self, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr

from placet.lib.domains import spelled_as_in_mails

from .base import Action
from .consent_requests import ConsentRequest
from .fields import COMMON, SECRET_EXPIRES_ON, Field
from .networks import PRIVATE_NETWORKS, NetworkInvalid, network

DOMAIN = re.compile(
    r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE
)
ADDRESS = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([a-z0-9-]+\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE | re.ASCII
)
#: Characters. The mailbox's name in the database (200) and the Message-IDs of its mails (200) hold it.
LONGEST_USERNAME = 180
LONGEST_ADDRESS = 254  # RFC 5321 4.5.3.1.3, less the brackets
LONGEST_TEXT = 2000  # of anything else
LONGEST_FOLDER = 200  # of the whole path, as a row of work holds it
EARLIEST, LATEST = (
    1970,
    2999,
)  # years of mail; of times at the very ends of the calendar none can be told before
LONGEST_SECRET = 500  # characters
#: Where people have mailboxes of their own: Microsoft's, and others that are no Exchange at all.
PERSONAL = re.compile(
    r"(outlook|hotmail|live|msn|yahoo|gmx)\.(com|net|[a-z]{2}|com?\.[a-z]{2})"
    r"|(gmail|googlemail|icloud|me|aol|proton|protonmail)\.com|(web|freenet)\.de|(orange|free|laposte)\.(fr|net)",
    re.IGNORECASE,
)

S = TypeVar("S", bound="MailboxSettings")
#: Reads one value as entered; raises Wrong, and may leave a notice in the Reading.
Reader = Callable[[Any, "Reading"], Any]


class SettingsInvalid(Exception):
    """One or more settings are wrong. `errors` has one sentence for each field; `labels` what the fields are called."""

    def __init__(self, errors: Mapping[str, str], fields: "tuple[Field, ...]" = COMMON) -> None:
        labels = {row.name: _(row.label) for row in fields}
        super().__init__(
            " ".join(f"{labels.get(name, name)}: {sentence}" for name, sentence in errors.items())
        )
        self.errors = dict(errors)


class Wrong(Exception):
    """The sentence for one field."""


@dataclass(frozen=True, kw_only=True)
class MailboxSettings:
    """A valid set of settings; made by `parse` alone. A kind's own settings inherit from it, and add to `readers`,
    `required` and `complete`; the names of their fields begin with the kind's key, as those of two kinds stand beside
    each other where one receives and another sends."""

    username: str  # the address of the mailbox
    reply_to: str = ""
    active: bool = False
    poll_seconds: int = 20
    notify: bool = True  # where the server can tell
    mails_per_poll: int = 100
    handled: Action = Action.MOVE
    handled_folder: str = "Placet/Processed"
    set_aside_folder: str = "Placet/Set aside"
    refusals_per_hour: int = 5
    sends_per_minute: int = 25
    plus_addressing: bool = True
    since: datetime | None = None  # UTC
    #: Values of Exchange's AuthMechanism, where the server stamps them, with which a colleague signed in.
    confirmed_mechanisms: tuple[str, ...] = ()
    own_domains: tuple[str, ...] = ()  # lower case; `look` puts the mailbox's own there where none is named
    same_organisation: tuple[str, ...] = ()  # addresses of other mailboxes, lower case
    authserv_id: str = ""
    trusted_hosts: tuple[str, ...] = ()
    own_networks: tuple[str, ...] = PRIVATE_NETWORKS
    max_size: int = 36 * 1024 * 1024  # bytes

    #: All rows of the tab, the kind's own first.
    rows: ClassVar[tuple[Field, ...]] = COMMON
    #: Names of values that follow from others, and are shown as soon as those are entered.
    follow: ClassVar[tuple[str, ...]] = ()
    #: Names of those that say on which server the mailbox lies.
    place: ClassVar[tuple[str, ...]] = ()
    #: Of these, the names of those that say which machines take its mail in, and stamp it.
    server: ClassVar[tuple[str, ...]] = ()
    #: Names of those that may be emptied on purpose, which is something else than not entered.
    may_be_emptied: ClassVar[tuple[str, ...]] = ("own_networks",)

    # --- what a kind says ---------------------------------------------------------------------------------

    @classmethod
    def readers(cls) -> "Mapping[str, Reader]":
        """By name, what reads each setting."""
        return READERS

    @classmethod
    def required(cls) -> Mapping[str, str]:
        """By name of what must be entered, the sentence that asks for it, in English."""
        return REQUIRED

    @classmethod
    def complete(cls, values: dict[str, Any], reading: "Reading") -> None:
        """Rules between the values, which may be mended; called once all that can be read was read."""
        reading.complete(values)

    @classmethod
    def read_secret(cls, name: str, text: str) -> SecretStr:
        """The secret of field `name` as entered. Raises Wrong for what cannot be one."""
        return read_secret(text)

    def secret_goes_to(self, name: str) -> str:
        """The server that the secret of field `name` is sent to, host:port; with it the one that what is got for the
        secret is sent to. Where one becomes another, the secret is asked for again."""
        raise NotImplementedError

    def errors_of_new(self, stored: Mapping[str, Any]) -> dict[str, str]:
        """By field, what is wrong with what was not stored before: settings that are stored may stay."""
        return {}

    def urls(self) -> Mapping[str, str]:
        """By name of the field in which they are entered, the addresses that are connected to."""
        return {}

    @property
    def putting_away(self) -> tuple[Action, str, timedelta]:
        """What becomes of a handled mail on the server: to which folder where it is moved, and after how long."""
        return self.handled, self.handled_folder if self.handled == Action.MOVE else "", timedelta()

    @property
    def proving_mechanisms(self) -> tuple[str, ...]:
        """Those of `confirmed_mechanisms` that prove a colleague, upper case. () where its server stamps none."""
        return ()

    @property
    def never_proving_mechanisms(self) -> tuple[str, ...]:
        """Values of the same header that prove nobody, whatever was confirmed: they are not offered to be."""
        return ()

    @property
    def protocol(self) -> str:
        """How its server names mails: ids of one protocol say nothing to another."""
        raise NotImplementedError

    @property
    def is_sandbox(self) -> bool:
        """Whether it is in the local stand-in for a mail server, which runs beside no real one."""
        return False

    def needs_secret(self, name: str) -> bool:
        """Whether the secret of field `name` is used with these settings."""
        return True

    def words_without_secret(self, name: str) -> str | None:
        """What to say where the secret of field `name` is used and not there, and the settings can be saved all the
        same; "" where nothing is to be said. None: it must be entered."""
        return None

    @classmethod
    def lent_by(cls, receiving: "type[MailboxSettings]", entered: Mapping[str, Any]) -> Mapping[str, str]:
        """Of a kind that only sends: by field, what was left empty and is as `entered` for the kind that receives."""
        return {}

    def secrets_lent_by(self, receiving: "MailboxSettings") -> Mapping[str, str]:
        """Of a kind that only sends: by field of a secret that may be left empty, the field of the kind that receives
        with the same one."""
        return {}

    def consents(self, secrets: Mapping[str, str]) -> tuple[ConsentRequest, ...]:
        """What a person is asked to agree to in a browser, before the mailbox can be signed in to."""
        return ()

    # --- reading ------------------------------------------------------------------------------------------

    @classmethod
    def look(cls, mapping: Mapping[str, Any], now: datetime | None = None) -> "Reviewed[Self]":
        """What is to be said of the settings in `mapping` (of form, command line or `to_json`).

        Empty values mean the default. A mailbox that is active takes mail from `now` on unless `since` says
        otherwise.
        """
        reading = Reading(mapping, cls)
        values = reading.all()
        if values.get("active") and values.get("since") is None:
            values["since"] = (now or datetime.now(UTC)).replace(microsecond=0)
        following = {name: str(values[name]) for name in cls.follow if name in values}
        return Reviewed(None if reading.errors else cls(**values), reading.errors, reading.notices, following)

    @classmethod
    def parse(cls, mapping: Mapping[str, Any], now: datetime | None = None) -> "tuple[Self, dict[str, str]]":
        """The settings in `mapping`, and by field what was mended. Raises SettingsInvalid with every error at once."""
        reviewed = cls.look(mapping, now)
        if reviewed.settings is None:
            raise SettingsInvalid(reviewed.errors, cls.rows)
        return reviewed.settings, reviewed.notices

    @classmethod
    def usual(cls) -> dict[str, Any]:
        """What a new mailbox has where nobody says otherwise, as JSON types; nothing of what must be entered."""
        known = {one.name: one.default for one in dataclasses.fields(cls)}
        return {name: _as_json(value) for name, value in known.items() if value is not dataclasses.MISSING}

    @classmethod
    def of_stored(cls, stored: Mapping[str, Any]) -> Self:
        """Its part of what is stored: where one kind receives and another sends, the settings of both stand there.
        Raises SettingsInvalid."""
        names = cls.readers()
        return cls.parse({name: value for name, value in stored.items() if name in names})[0]

    def to_json(self) -> dict[str, Any]:
        """What `parse` reads again, as JSON types."""
        return {name: _as_json(value) for name, value in dataclasses.asdict(self).items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Reviewed(Generic[S]):
    """What was made of settings as entered: by field one sentence about what is wrong, or about what was mended.
    `settings` are there only where nothing is wrong; `following` are the values of `MailboxSettings.follow`, as far as
    they could be read, whatever is wrong with the others."""

    settings: S | None
    errors: dict[str, str]
    notices: dict[str, str]
    following: dict[str, str]


class Reading:
    """One reading of a mapping: values, errors and notices by field."""

    def __init__(self, mapping: Mapping[str, Any], settings: type[MailboxSettings]) -> None:
        self.mapping = mapping
        self._settings = settings
        self.errors: dict[str, str] = {}
        self.notices: dict[str, str] = {}

    def all(self) -> dict[str, Any]:
        readers = self._settings.readers()
        for name in self.mapping:
            if name not in readers:
                known = ", ".join(readers)
                self.errors[name] = _("There is no such setting; known are {names}.").format(names=known)
        values: dict[str, Any] = {}
        for name, read in readers.items():
            raw = self.mapping.get(name)
            try:
                if raw is None or (isinstance(raw, str) and not raw.strip()):
                    self._default(name, values)
                else:
                    values[name] = read(raw, self)
            except Wrong as wrong:
                self.errors[name] = str(wrong)
        self._settings.complete(values, self)
        return values

    def _default(self, name: str, values: dict[str, Any]) -> None:
        required = self._settings.required()
        if name in required:
            raise Wrong(_(required[name]))
        if name in self._settings.may_be_emptied and self.mapping.get(name) is not None:
            values[name] = ()  # no mechanism proves anybody, no network is ours

    def complete(self, values: dict[str, Any]) -> None:
        """The rules between what every kind has."""
        if not values.get("own_domains") and "own_domains" not in self.errors and "username" in values:
            domain = values["username"].rpartition("@")[2].lower()
            # Where anybody can have an address, its domain is nobody's own.
            values["own_domains"] = () if PERSONAL.fullmatch(domain) else (domain,)
        handled = values.get("handled_folder", "Placet/Processed")
        set_aside = values.get("set_aside_folder", "Placet/Set aside")
        if handled.casefold() == set_aside.casefold():  # one folder for most servers
            self.errors.setdefault(
                "set_aside_folder", _("Choose another folder than the one for handled mail.")
            )


def read_secret(text: str, longest: int = LONGEST_SECRET) -> SecretStr:
    """A password as entered, of at most `longest` characters. Raises Wrong for what cannot be one."""
    if not text.strip():
        raise Wrong(_("Enter it."))
    if set(text.strip()) <= set("*•●"):
        raise Wrong(_("That is a masked password. Enter the password itself."))
    if not text.isprintable():
        raise Wrong(_("It holds characters that cannot be seen. Type it again."))
    if len(text) > longest:
        raise Wrong(_("It has at most {number} letters.").format(number=longest))
    return SecretStr(text)


def read_expiry(text: str) -> date | None:
    """The day on which the secret ends; None where none is entered. Raises SettingsInvalid for what is no date."""
    text = text.strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsInvalid({SECRET_EXPIRES_ON: _("Enter a date such as 2028-11-24.")}) from None


def read_username(raw: Any, reading: Reading) -> str:
    """The mailbox's own address."""
    address = read_address(raw, reading)
    if len(address) > LONGEST_USERNAME:
        raise Wrong(
            _("The address of a mailbox has at most {number} letters here.").format(number=LONGEST_USERNAME)
        )
    if "+" in address.partition("@")[0]:
        raise Wrong(
            _("Enter the mailbox's own address, without a plus sign: Placet adds reply codes after it.")
        )
    return address


def read_address(raw: Any, reading: Reading) -> str:
    text = spelled_as_in_mails(text_of(raw))
    if not ADDRESS.fullmatch(text):
        raise Wrong(_("Enter one mail address, such as approvals@contoso.com."))
    if len(text) > LONGEST_ADDRESS:
        raise Wrong(_("An e-mail address has at most {number} letters.").format(number=LONGEST_ADDRESS))
    return text


def read_bool(raw: Any, reading: Reading) -> bool:
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0"):
        return False
    raise Wrong(_("Answer yes or no."))


def number(low: int, high: int) -> "Callable[[Any, Reading], int]":
    def read(raw: Any, reading: Reading) -> int:
        if not isinstance(raw, bool) and re.fullmatch(r"[+-]?\d{1,12}", str(raw).strip()):
            number = int(str(raw).strip())
            if low <= number <= high:
                return number
        raise Wrong(_("Enter a whole number from {low} to {high}.").format(low=low, high=high))

    return read


def one_of(*keys: str) -> Reader:
    """One of these words."""

    def read(raw: Any, reading: Reading) -> str:
        text = text_of(raw).lower()
        if text not in keys:
            raise Wrong(_("Choose one of: {choices}.").format(choices=", ".join(keys)))
        return text

    return read


def _handled(raw: Any, reading: Reading) -> Action:
    try:
        return Action(text_of(raw).lower().replace(" ", "_"))
    except ValueError:
        raise Wrong(_("Choose move, mark_read or delete.")) from None


def _folder(raw: Any, reading: Reading) -> str:
    parts = [part.strip() for part in text_of(raw).strip("/").split("/")]
    if not all(parts) or len(parts) > 10:
        raise Wrong(_("Enter a path of folder names such as Placet/Processed."))
    if any(len(part) > 100 or not part.isprintable() or "\\" in part for part in parts):
        raise Wrong(_("A folder name has at most 100 letters and no \\."))
    if len("/".join(parts)) > LONGEST_FOLDER:
        raise Wrong(
            _("The whole path has at most {number} letters. Use fewer folders, or shorter names.").format(
                number=LONGEST_FOLDER
            )
        )
    if len(parts) == 1 and parts[0].casefold() in ("inbox", "junk email"):
        raise Wrong(_("Mail is taken from this folder; choose another."))
    return "/".join(parts)


def _since(raw: Any, reading: Reading) -> datetime:
    try:
        value = raw if isinstance(raw, datetime) else datetime.fromisoformat(text_of(raw))
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        if not EARLIEST <= value.year <= LATEST:
            raise ValueError
    except (ValueError, OverflowError):
        raise Wrong(
            _("Enter a date, or date and time in UTC, such as 2026-11-24 or 2026-11-24T08:00.")
        ) from None
    return value


def read_domains(raw: Any, reading: Reading) -> tuple[str, ...]:
    """Whole domains: a part of one (.contoso.com) would let in everybody who gets a name below it."""
    domains = tuple(
        dict.fromkeys(spelled_as_in_mails(part.lower().removeprefix("@")) for part in parts_of(raw))
    )
    if not all(ADDRESS.fullmatch(f"name@{domain}") for domain in domains):
        raise Wrong(
            _("Enter domains in full, such as contoso.com; one below another is named by itself, too.")
        )
    personal = next((domain for domain in domains if PERSONAL.fullmatch(domain)), None)
    if personal is not None:
        raise Wrong(
            _("{domain} belongs to no organisation: anybody can have an address there. Leave it out.").format(
                domain=personal
            )
        )
    return domains


def _addresses(raw: Any, reading: Reading) -> tuple[str, ...]:
    addresses = tuple(dict.fromkeys(spelled_as_in_mails(part.lower()) for part in parts_of(raw)))
    if not all(ADDRESS.fullmatch(address) for address in addresses):
        raise Wrong(_("Enter addresses of mailboxes, such as approvals@contoso.com."))
    return addresses


def _hosts(raw: Any, reading: Reading) -> tuple[str, ...]:
    found = tuple(dict.fromkeys("." + part.lower().lstrip(".") for part in parts_of(raw)))
    if not all(DOMAIN.fullmatch(part[1:]) for part in found):
        raise Wrong(_("Enter ends of host names, such as .outlook.com."))
    return found


def _networks(raw: Any, reading: Reading) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(network(part) for part in parts_of(raw)))
    except NetworkInvalid as error:
        raise Wrong(str(error)) from None


def _authserv_id(raw: Any, reading: Reading) -> str:
    text = text_of(raw)
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", text):
        raise Wrong(_("Enter one name without spaces, such as mx.contoso.com."))
    return text.lower()


def parts_of(raw: Any) -> list[str]:
    text = ",".join(map(str, raw)) if isinstance(raw, list | tuple) else str(raw)
    if len(text) > LONGEST_TEXT:
        raise Wrong(_(UNREADABLE))
    return [part for part in re.split(r"[\s,;]+", text) if part]


UNREADABLE = gettext_noop("This is too long, or holds characters that cannot be seen. Type it again.")


def text_of(raw: Any) -> str:
    if not isinstance(raw, str):
        raise Wrong(_("Enter text."))
    text = raw.strip()
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise Wrong(_(UNREADABLE))
    return text


READERS: Mapping[str, Reader] = {
    "reply_to": read_address,
    "username": read_username,
    "active": read_bool,
    "poll_seconds": number(5, 3600),
    "notify": read_bool,
    "mails_per_poll": number(1, 500),
    "handled": _handled,
    "handled_folder": _folder,
    "set_aside_folder": _folder,
    "refusals_per_hour": number(0, 100),
    "sends_per_minute": number(1, 1000),
    "plus_addressing": read_bool,
    "since": _since,
    "own_domains": read_domains,
    "same_organisation": _addresses,
    "authserv_id": _authserv_id,
    "trusted_hosts": _hosts,
    "own_networks": _networks,
    "max_size": number(64 * 1024, 150 * 1024 * 1024),
}

REQUIRED = {
    "username": gettext_noop("Enter the address of the mailbox, such as approvals@contoso.com."),
}
