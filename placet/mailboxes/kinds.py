"""The kinds of mailbox: each is a folder beside this file that has a `kind.py`, and everything that is known of a kind
outside of its folder is what that says. A folder can be deleted; then there is no such kind.

`kind.py` is loaded wherever the kinds are listed, also where no settings are read, so it imports nothing but this
module and `gettext_noop` of `lib.sentences`; the rest of a folder is loaded when a mailbox of that kind is used.
"""

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

import placet.mailboxes
from placet.mailboxes.stamp_profile import NamelessService

if TYPE_CHECKING:
    from types import ModuleType

    from placet.mailboxes.base import Connection
    from placet.mailboxes.models import Mailbox
    from placet.mailboxes.push.listening import Listening
    from placet.mailboxes.secrets import Kept
    from placet.mailboxes.settings import MailboxSettings

FIRST = "exchange-online"  # what a new mailbox is, unless somebody says otherwise, where there is that kind


@dataclass(frozen=True)
class EndingWords:
    """What an alarm says of a secret or certificate that ends, in the language that is active."""

    heading: str  # which one, and when
    paragraphs: Sequence[str]  # what follows from it, and what to do, step by step


class UnknownKind(Exception):
    """There is no such kind (any more)."""

    def __init__(self, key: str) -> None:
        super().__init__(_("This installation knows no mailbox of the kind “{kind}”.").format(kind=key[:60]))
        self.key = key


@dataclass(frozen=True)
class Kind:
    """One kind of mailbox. What is loaded late is named by module and name: "placet.mailboxes.imap.fields:FIELDS"."""

    key: str  # in `Mailbox.kind`
    label: str  # of the catalogue, in English
    order: int  # its place among the others, where one is chosen
    settings: str  # subclass of MailboxSettings
    connect: (
        str  # (settings, secrets, *, key) -> Connection; one way only where it does not both receive and send
    )
    receives: bool = True
    sends: bool = True
    sends_by: tuple[
        str, ...
    ] = ()  # keys of the kinds that may send for one that only receives, the usual one first
    secrets: str = "placet.mailboxes.secrets:kept"  # (settings, mailbox) -> Kept
    #: What its servers speak, with labels of the catalogue; one that a mailbox is in the middle of cannot be changed
    #: without moving it.
    protocols: Mapping[str, str] = field(default_factory=dict)
    listen: str = ""  # (settings, secrets, *, key, subscription_id) -> Listening; "" where nobody can listen
    listens: tuple[str, ...] = ()  # protocols through which it is listened
    subscriptions: str = (
        ""  # module with `due`, `work` and `try_again`: subscriptions with which the server calls us
    )
    hindrance: str = ""  # (mailbox, public_url) -> why the server cannot call us and what to do, or None
    urls: str = ""  # module with `urlpatterns`: where servers call us
    pages: str = ""  # module with `urlpatterns`: its own pages of Administration
    beside_form: str = (
        ""  # (mailbox) -> what the Remote Approval tab says beside its form, for the tab's templates
    )
    guide: str = ""  # name of the address of its guide, where that is one of its own pages
    guide_page: str = ""  # template of its guide, where that is one page
    guide_context: str = ""  # () -> what that page shows beside its words
    #: Modules of its own commands of `placet mailbox`: NAME, add_arguments(subcommands) and run(options).
    commands: tuple[str, ...] = ()
    #: Its own commands of `placet`, by name: module with add_arguments(parser) and run(options), and what it does, in
    #: English. Nothing of Django's settings is read before they are loaded.
    placet_commands: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    #: (mailbox, days, day) -> EndingWords: what administrators are written before the day that they entered (`day`, in
    #: words), on which what it signs in with ends, in so many days (below zero: ago). "" where nothing ends.
    ending_words: str = ""
    signs_with: str = ""  # (mailbox) -> what is in use in place of its secret, in words; "" where nothing is
    bytes_as_received: bool = (
        True  # its server gives the very bytes that travelled, so that signatures can be checked
    )
    #: The service that its servers are of, where their Authentication-Results have no name: Exchange Online's own form.
    nameless_stamps: NamelessService | None = None
    exchange_stamps: bool = False  # its server stamps who is a colleague: X-MS-Exchange-Organization-AuthAs

    @cached_property
    def settings_class(self) -> "type[MailboxSettings]":
        class_: type[MailboxSettings] = _loaded(self.settings)
        return class_

    def connection(self, settings: "MailboxSettings", secrets: Mapping[str, str], key: str) -> "Connection":
        """Nothing is sent before it is used. `key` names the mailbox in the cache of access tokens."""
        connect: Callable[..., Connection] = _loaded(self.connect)
        return connect(settings, secrets, key=key)

    def listening(
        self, settings: "MailboxSettings", secrets: Mapping[str, str], key: str, subscription_id: str
    ) -> "Listening":
        listen: Callable[..., Listening] = _loaded(self.listen)
        return listen(settings, secrets, key=key, subscription_id=subscription_id)

    def kept_secrets(self, settings: "MailboxSettings", mailbox: "Mailbox | None") -> "Kept":
        kept: Callable[..., Kept] = _loaded(self.secrets)
        return kept(settings, mailbox)


def _loaded(name: str) -> Any:
    return import_string(name.replace(":", "."))


@cache
def all_kinds() -> Mapping[str, Kind]:
    """By key, in the order in which they are offered."""
    found = sorted(_of_folders(), key=lambda kind: kind.order)
    return {kind.key: kind for kind in found}


def _of_folders() -> Iterator[Kind]:
    for root in placet.mailboxes.__path__:
        for folder in pkgutil.iter_modules([root]):
            # Looked up by its folder: `find_spec` of its whole name would load what lies above it.
            if folder.ispkg and PathFinder.find_spec("kind", [f"{root}/{folder.name}"]) is not None:
                yield from importlib.import_module(f"placet.mailboxes.{folder.name}.kind").KINDS


def kind_of(key: str) -> Kind:
    """Raises UnknownKind."""
    try:
        return all_kinds()[key]
    except KeyError:
        raise UnknownKind(key) from None


def server_of(mailbox: "Mailbox") -> str:
    """The host that takes a mailbox's mail in and stamps it, as its settings say; "" where its kind has one for all."""
    known = all_kinds().get(mailbox.kind)
    names = known.settings_class.server if known is not None else ()
    return " ".join(str(mailbox.settings.get(name, "")).lower() for name in names)


def usual_kind() -> str:
    """Key of what a new mailbox is, unless somebody says otherwise."""
    known = all_kinds()
    return FIRST if FIRST in known else next(key for key, kind in known.items() if kind.receives)


def label_of(key: str) -> str:
    """For people; the key itself of one that is unknown (any more)."""
    known = all_kinds().get(key)
    return _(known.label) if known is not None else key


def protocol_label(key: str) -> str:
    """For people; the key itself of a protocol that no kind names."""
    labels = (kind.protocols[key] for kind in all_kinds().values() if key in kind.protocols)
    label = next(labels, None)
    return key if label is None else _(label)


def listened_protocols() -> tuple[str, ...]:
    """Through which somebody listens for new mail."""
    return tuple(protocol for kind in all_kinds().values() for protocol in kind.listens)


def hindrance_of(mailbox: "Mailbox", public_url: str) -> tuple[str, str] | None:
    """Why its server cannot call us where it would, and what to do about it."""
    kind = all_kinds().get(mailbox.kind)
    if kind is None or not kind.hindrance:
        return None
    why: tuple[str, str] | None = _loaded(kind.hindrance)(mailbox, public_url)
    return why


def subscription_modules(used: Collection[str]) -> "list[ModuleType]":
    """Those that care for subscriptions with which a server calls us. `used`: keys of kinds, and protocols."""
    names = dict.fromkeys(
        kind.subscriptions
        for kind in all_kinds().values()
        if kind.subscriptions and not {kind.key, *kind.protocols}.isdisjoint(used)
    )
    return [importlib.import_module(name) for name in names]


def page_modules() -> list[str]:
    """Those with pages of Administration of single kinds."""
    return list(dict.fromkeys(kind.pages for kind in all_kinds().values() if kind.pages))


def command_modules() -> "Mapping[str, ModuleType]":
    """Those with commands of `placet mailbox` that single kinds have, by their names."""
    names = dict.fromkeys(name for kind in all_kinds().values() for name in kind.commands)
    modules = [importlib.import_module(name) for name in names]
    return {module.NAME: module for module in modules}


def placet_commands() -> Mapping[str, tuple[str, str]]:
    """Commands of `placet` that single kinds have: see `Kind.placet_commands`."""
    return {name: command for kind in all_kinds().values() for name, command in kind.placet_commands.items()}


def beside_form(mailbox: "Mailbox") -> Mapping[str, Any]:
    """What the Remote Approval tab says of a mailbox beside its form."""
    kind = all_kinds().get(mailbox.kind)
    return _loaded(kind.beside_form)(mailbox) if kind is not None and kind.beside_form else {}


def guide_context(kind: Kind) -> Mapping[str, Any]:
    """What the page of its guide shows beside its words."""
    return _loaded(kind.guide_context)() if kind.guide_context else {}


def ending_kinds() -> tuple[str, ...]:
    """Keys of those that sign in with something that ends on a day which an administrator enters."""
    return tuple(key for key, kind in all_kinds().items() if kind.ending_words)


def ending_words(mailbox: "Mailbox", days: int, day: str) -> EndingWords:
    """What is said of what a mailbox signs in with; one of the two kinds that receive and send is of `ending_kinds`.
    `days`: left until `day`; below zero: ago."""
    kind = next(known for known in (mailbox.kind, mailbox.sending_kind) if known in ending_kinds())
    words: EndingWords = _loaded(kind_of(kind).ending_words)(mailbox, days, day)
    return words


def signs_with(mailbox: "Mailbox") -> str:
    """What a mailbox proves itself with in place of its secret, in words for the command line."""
    kind = all_kinds().get(mailbox.kind)
    return _loaded(kind.signs_with)(mailbox) if kind is not None and kind.signs_with else ""


def url_modules() -> list[str]:
    """Those with addresses at which servers call us."""
    return list(dict.fromkeys(kind.urls for kind in all_kinds().values() if kind.urls))
