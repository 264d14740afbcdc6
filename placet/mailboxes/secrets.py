"""Which of the stored secrets may serve settings that are to be saved. A secret goes only to the server that it was
entered for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.lib.fields import Secrets
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import MailboxSettings, SettingsInvalid

CERTIFICATE = "certificate"  # the name of one that is in use in place of a secret
CERTIFICATES = "certificates"  # a field's kind: authorities that may vouch for a server
AGAIN = gettext_noop(
    "Because the server changed, enter this again: it is sent only where it was meant to go."
)
ENTER = gettext_noop("Enter it.")
DROPPED = gettext_noop(
    "Because the server or the application changed, the former one was removed: it is sent only where it was meant to "
    "go."
)


def has_certificate(mailbox: Mailbox) -> bool:
    """Whether it is a certificate that is in use and expires, and not a secret."""
    return CERTIFICATE in mailbox.secrets


@dataclass(frozen=True)
class Kept:
    """What of the stored secrets may serve settings that are to be saved. By field: if none is entered, `again` says
    why one must be, or `lacking` that one is needed later; `dropped` says what is
    removed."""

    secrets: Secrets
    again: Mapping[str, str] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(
        default_factory=dict
    )  # what to say of one that is entered, but not used
    signs: bool = False  # something else is in use, and stays: a certificate, which says itself when it ends
    signed: bool = False  # such a thing was in use


def kept(settings: MailboxSettings, mailbox: Mailbox | None) -> Kept:
    """For every kind that has nothing but passwords."""
    wanted = [row.name for row in settings.rows if row.kind == "secret" and settings.needs_secret(row.name)]
    stored = Secrets(mailbox.secrets if mailbox is not None else {})
    before = _before(settings, mailbox)
    good, again, lacking, dropped = Secrets(), {}, {}, {}
    for name in wanted:
        words = settings.words_without_secret(name)
        if stored.get(name) and before is not None and _same_server(before, settings, name):
            good[name] = stored[name]
        elif words is not None:
            if stored.get(name):
                dropped[name] = _(DROPPED)
            if words:
                lacking[name] = words
        elif stored.get(name):
            again[name] = _(AGAIN)
        elif settings.active:
            again[name] = _(ENTER)
        else:
            lacking[name] = _(ENTER)
    return Kept(good, again, lacking, dropped)


def _before(settings: MailboxSettings, mailbox: Mailbox | None) -> MailboxSettings | None:
    if mailbox is None:
        return None
    try:
        return type(settings).of_stored(mailbox.settings)
    except SettingsInvalid:
        return None


def _same_server(before: MailboxSettings, settings: MailboxSettings, name: str) -> bool:
    """Also by whom one believes that it is: whoever can add an authority can be that server."""
    authorities = [row.name for row in settings.rows if row.kind == CERTIFICATES]
    if any(getattr(before, one) != getattr(settings, one) for one in authorities):
        return False
    return before.secret_goes_to(name).lower() == settings.secret_goes_to(name).lower()
