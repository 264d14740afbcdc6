"""Mails about keys, to the person whose key it is: one that somebody else made for them, one that answers in their
name, one that ends soon."""

from collections.abc import Mapping
from datetime import date

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from placet.accounts.general import General
from placet.accounts.models import Person
from placet.api.models import Key
from placet.approvals import composing
from placet.approvals.models import Process
from placet.approvals.rule_words import beside_each_other
from placet.mail.writing import Link, Notice, when
from placet.mailboxes.models import Mailbox

MADE, EXPIRY = "key-made", "key-expiry"  # kinds of mail
DECISIONS = "decisions:write"
#: What a key may be used for, by scope.
SCOPES: dict[str, Promise] = {
    "requests:read": gettext_lazy("read requests and processes"),
    "requests:write": gettext_lazy("start, change and withdraw requests"),
    "requests:for-others": gettext_lazy("start requests in the name of others"),
    DECISIONS: gettext_lazy("answer in this person’s name"),
    "people:read": gettext_lazy("look for people and groups"),
    "mail-log:read": gettext_lazy("read the mail log"),
    "audit:read": gettext_lazy("read what is recorded of requests"),
    "webhooks:manage": gettext_lazy("manage webhooks"),
}
#: How sure it must be at least who answers, by `Key.floor`.
FLOORS: dict[str, Promise] = {
    "": gettext_lazy("as each process says"),
    "outside": gettext_lazy("a mail account, also from outside"),
    "colleague": gettext_lazy("a colleague’s mail account"),
    "submitted": gettext_lazy("an account at the mailbox’s own mail server, signed in as themself"),
    "signed": gettext_lazy("a mail that they signed themself (S/MIME, OpenPGP)"),
    "page": gettext_lazy("sign-in, on the page of the request"),
}
_DAY = "j F Y"


def shown(key: Key) -> str:
    """What may be known of it."""
    return f"plc_{key.public}_…"


def scopes_in_words(key: Key, *, to_its_person: bool) -> str:
    """What it may be used for, in one line. `to_its_person`: whoever reads it is the person whose key it is."""
    words: dict[str, object] = {**SCOPES}
    if to_its_person:
        words[DECISIONS] = _("answer in your name")
    return beside_each_other(str(words.get(scope, scope)) for scope in key.scopes)


def processes_in_words(key: Key, names: Mapping[str, str]) -> str:
    """`names`: of processes, by their keys."""
    if not key.processes:
        return _("all processes")
    return ", ".join(names.get(one, one) for one in key.processes)


def floor_in_words(key: Key) -> str:
    """How sure it must be who answers what is asked with it; "" where the key says nothing."""
    return str(FLOORS.get(key.floor, key.floor)) if key.floor else ""


def made(key: Key, by: Person | None) -> None:
    """There is a new key. Its person hears of it where somebody else made it (`by` None: at the command line), or where
    it answers in their name. Belongs into the transaction that makes it."""
    is_own = by is not None and by.pk == key.person_id
    if is_own and DECISIONS not in key.scopes:
        return
    mailbox = _mailbox()
    if mailbox is None:
        return
    with composing.written_to(key.person) as installation:
        subject = _("A key for your account was made")
        notice = Notice(subject, _what_was_made(key, by, is_own=is_own), links=[_page(installation)])
        composing.queue(
            mailbox, MADE, key.person, installation, cause=f"key:{key.pk}", subject=subject, letter=notice
        )


def _what_was_made(key: Key, by: Person | None, *, is_own: bool) -> list[str]:
    if is_own:
        who = _("You made the key “{name}” ({key}).")
    elif by is None:
        who = _("Somebody at the command line of Placet’s server made the key “{name}” ({key}) for you.")
    else:
        who = _("{by} made the key “{name}” ({key}) for you.")
    paragraphs = [who.format(by=by.name if by is not None else "", name=key.name, key=shown(key))]
    use = _("A program that has it can do this as you: {scopes}. It is for {processes}.")
    listed = scopes_in_words(key, to_its_person=True)
    names = dict(Process.objects.filter(key__in=key.processes).values_list("key", "name"))
    paragraphs.append(use.format(scopes=listed, processes=processes_in_words(key, names)))
    if floor := floor_in_words(key):
        paragraphs.append(_("An answer to what it asks needs at least: {proof}.").format(proof=floor))
    if key.expires_at is not None:
        paragraphs.append(_("It is valid until {time}.").format(time=when(key.expires_at)))
    if DECISIONS in key.scopes:
        paragraphs.append(_("What is answered with it counts as your answer."))
    paragraphs.append(
        _("If you did not expect this, revoke the key on your page, and tell your administrator.")
    )
    return paragraphs


def expiry(key: Key, on: date, days: int, cause: str) -> bool:
    """A key ends, in so many days (below zero: it has ended). False if the mail was written before, or cannot be."""
    mailbox = _mailbox()
    if mailbox is None:
        return False
    with composing.written_to(key.person) as installation:
        subject = _heading(days).format(name=key.name, days=days)
        then = _("Its last day was {day}. Programs that use it are refused.")
        if days >= 0:
            then = _("Its last day is {day}. Programs that use it are refused from then on.")
        cure = _("On your page, press “Rotate”: a new key takes its place, and both are valid for a while.")
        if days < 0:
            cure = _("On your page, make a new key, and give it to these programs.")
        about = _("{key} can be used for: {scopes}.").format(
            key=shown(key), scopes=scopes_in_words(key, to_its_person=True)
        )
        notice = Notice(
            subject, [then.format(day=date_format(on, _DAY)), about, cure], links=[_page(installation)]
        )
        composing.queue(
            mailbox, EXPIRY, key.person, installation, cause=cause, subject=subject, letter=notice
        )
    return True


def _heading(days: int) -> str:
    if days < 0:
        return _("Your key “{name}” has expired")
    if days == 0:
        return _("Your key “{name}” expires today")
    if days == 1:
        return _("Your key “{name}” expires tomorrow")
    return ngettext(
        "Your key “{name}” expires in {days} day", "Your key “{name}” expires in {days} days", days
    )


def _page(installation: General) -> Link:
    return Link(_("Open your keys"), f"{installation.public_url}/accounts/keys/", "main")


def _mailbox() -> Mailbox | None:
    return Mailbox.objects.filter(active=True).order_by("pk").first()
