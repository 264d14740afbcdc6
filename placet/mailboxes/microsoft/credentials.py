"""What a mailbox proves itself with at Entra ID: its client secret, or a certificate that is in use in its place.

A certificate is made or uploaded, waits until it is in Entra ID too, and is used once the token endpoint took it. Until
then, and until somebody removes it, the client secret stays. The names are those of `Mailbox.secrets`; the columns
`secret_set_at`, `secret_set_by` and `secret_expires_on` tell of the one in use.
"""

from collections.abc import Mapping
from dataclasses import replace

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr

from placet.lib.fields import Secrets
from placet.mailboxes.fields import SECRET
from placet.mailboxes.microsoft import certificates
from placet.mailboxes.microsoft.certificates import Certificate, CertificateInvalid
from placet.mailboxes.microsoft.entra import Credential, EntraGrant
from placet.mailboxes.microsoft.settings import ExchangeSettings, goes_elsewhere, needs_secret_again
from placet.mailboxes.models import LONGEST_BY, Mailbox
from placet.mailboxes.oauth import fetch_token
from placet.mailboxes.secrets import CERTIFICATE, Kept
from placet.mailboxes.settings import SettingsInvalid

log = structlog.get_logger(__name__)

WAITING = "certificate_waiting"  # made or uploaded, and not in use yet

_ENTER = gettext_noop("Enter the client secret.")
_NOTHING_YET = gettext_noop(
    "Nothing is stored yet to sign in with: enter the client secret, or make a certificate (Client certificate, below "
    "this field)."
)
_NOT_USED_YET = gettext_noop(
    "The certificate is not in use yet: try and use it first (Client certificate, below this field), or enter the "
    "client secret."
)
_CERTIFICATE_ELSEWHERE = gettext_noop(
    "Because the server address changed, the certificate is not used any more: tokens go only where they were "
    "meant to go. Enter the client secret; or save without Activate, and make a new certificate then."
)


def in_use(secrets: Mapping[str, str]) -> Credential:
    """The one in use of a mailbox's secrets. An empty secret where there is none."""
    text = secrets.get(CERTIFICATE)
    return Certificate.stored(text) if text else SecretStr(secrets.get(SECRET, ""))


def certificate_in_use(mailbox: Mailbox) -> Certificate | None:
    return _stored(mailbox, CERTIFICATE)


def waiting(mailbox: Mailbox) -> Certificate | None:
    return _stored(mailbox, WAITING)


def has_secret(mailbox: Mailbox) -> bool:
    """Whether a client secret is stored, in use or beside a certificate."""
    return bool(mailbox.secrets.get(SECRET))


def signs_with(mailbox: Mailbox) -> str:
    """See `Kind.signs_with`."""
    certificate = certificate_in_use(mailbox)
    if certificate is None:
        return ""
    beside = "; a client secret is stored too" if has_secret(mailbox) else ""
    return f"the certificate {certificate.thumbprint} is in use instead{beside}"


def _stored(mailbox: Mailbox, name: str) -> Certificate | None:
    text = mailbox.secrets.get(name)
    return Certificate.stored(text) if text else None


# --- when settings are saved ------------------------------------------------------------------------------


def kept(settings: ExchangeSettings, mailbox: Mailbox | None) -> Kept:
    """See `secrets.kept`. A certificate in use stays in use beside a client secret that is entered."""
    before = mailbox is not None and CERTIFICATE in mailbox.secrets
    good = _kept(settings, mailbox)
    signs = CERTIFICATE in good.secrets
    beside = {SECRET: _("The client secret is stored too. The certificate stays in use.")} if signs else {}
    return replace(good, beside=beside, signs=signs, signed=before)


def _kept(settings: ExchangeSettings, mailbox: Mailbox | None) -> Kept:
    """A secret goes only to the token URI that it was entered for, and tokens only to the server that they were for.

    The key of a certificate goes nowhere, and a signature names the token URI that it was made for, so that nobody
    else can use it: another token URI keeps the certificate. Another server does not, as it would get access tokens
    that nobody meant for it.
    """
    if mailbox is None or not mailbox.secrets:
        return _nothing_in_use(settings, Secrets())
    stored, signs = Secrets(mailbox.secrets), bool(mailbox.secrets.get(CERTIFICATE))
    try:
        before = ExchangeSettings.of_stored(mailbox.settings)
    except SettingsInvalid:
        return Kept(
            Secrets(),
            {SECRET: _("Enter the client secret again: what it was stored for is no longer valid.")},
        )
    if goes_elsewhere(before, settings):
        return _elsewhere(before, settings, stored)
    if before.token_uri == settings.token_uri:
        return Kept(stored) if signs or SECRET in stored else _nothing_in_use(settings, stored)
    if not signs and SECRET not in stored:
        return _nothing_in_use(settings, stored)
    had_secret = bool(stored.pop(SECRET, ""))
    if not signs:
        return Kept(stored, _if(needs_secret_again(before, settings)))
    told = _("The client secret that was stored for the former access token URI was removed.")
    return Kept(stored, dropped=_if(told if had_secret else ""))


def _if(sentence: str | None) -> dict[str, str]:
    return {SECRET: sentence} if sentence else {}


def _nothing_in_use(settings: ExchangeSettings, stored: Secrets, dropped: str = "") -> Kept:
    """There is no client secret that could be asked for again; a certificate may wait in `stored`."""
    waits = WAITING in stored
    if settings.active:
        return Kept(stored, {SECRET: _(_NOT_USED_YET) if waits else _(_ENTER)}, dropped=_if(dropped))
    lacking = {SECRET: _(_NOT_USED_YET) if waits else _(_NOTHING_YET)}
    return Kept(stored, lacking=lacking, dropped=_if(dropped))


def _elsewhere(before: ExchangeSettings, settings: ExchangeSettings, stored: Secrets) -> Kept:
    removed = _("The certificate was removed because the server address changed. Make a new one.")
    if CERTIFICATE not in stored and SECRET not in stored:
        return _nothing_in_use(settings, Secrets(), dropped=removed)
    if CERTIFICATE not in stored:
        return Kept(
            Secrets(),
            _if(needs_secret_again(before, settings)),
            dropped=_if(removed if WAITING in stored else ""),
        )
    if not settings.active:
        return Kept(Secrets(), dropped={SECRET: removed})
    return Kept(
        Secrets(),
        {SECRET: _(_CERTIFICATE_ELSEWHERE)},
        dropped={SECRET: removed},
    )


# --- one that waits ---------------------------------------------------------------------------------------


@transaction.atomic
def make(mailbox: Mailbox, months: int, *, by: str) -> Certificate:
    """A new key pair, which waits until its certificate is in Entra ID."""
    made = certificates.make(f"Placet {mailbox.address}", months)
    _let_wait(mailbox, made)
    log.info("certificate_made", mailbox=mailbox.pk, thumbprint=made.thumbprint, by=by)
    return made


@transaction.atomic
def take(mailbox: Mailbox, uploaded: Certificate, *, by: str) -> None:
    """One that was uploaded waits until it is in Entra ID, if it is not there already."""
    _let_wait(mailbox, uploaded)
    log.info("certificate_uploaded", mailbox=mailbox.pk, thumbprint=uploaded.thumbprint, by=by)


def _let_wait(mailbox: Mailbox, certificate: Certificate) -> None:
    _refresh(mailbox)
    if WAITING in mailbox.secrets:  # it may be in Entra ID already, and its key is nowhere else
        raise CertificateInvalid(
            _("Another certificate is not in use yet. Use that one, or remove it first.")
        )
    in_use = certificate_in_use(mailbox)
    if in_use is not None and in_use.thumbprint == certificate.thumbprint:
        raise CertificateInvalid(_("This certificate is in use already."))
    _write(mailbox, {**mailbox.secrets, WAITING: certificate.to_text()})


@transaction.atomic
def remove_waiting(mailbox: Mailbox, *, by: str) -> None:
    """Its key is gone for good. Nothing happens where none waits."""
    _refresh(mailbox)
    certificate = waiting(mailbox)
    if certificate is None:
        return
    _write(mailbox, _without(mailbox, WAITING))
    log.info("certificate_removed", mailbox=mailbox.pk, thumbprint=certificate.thumbprint, by=by)


# --- using it ---------------------------------------------------------------------------------------------


def use(mailbox: Mailbox, *, by: str) -> Certificate:
    """Ask for a token with the certificate that waits, and only where that is given put it to use.

    The one that was in use is forgotten; the client secret stays. Raises CertificateInvalid where none waits, else
    what `fetch_token` raises.
    """
    certificate = waiting(mailbox)
    if certificate is None:
        raise CertificateInvalid(
            _("There is no certificate that is not in use yet. Make one or upload one first.")
        )
    try:
        settings = ExchangeSettings.of_stored(mailbox.settings)
    except SettingsInvalid as error:
        raise CertificateInvalid(
            _("The stored settings of this mailbox are not valid. {reasons}").format(reasons=error)
        ) from error
    fetch_token(EntraGrant(settings.token_uri, settings.client_id, settings.scope, certificate))
    with transaction.atomic():  # not while Entra ID is asked
        _refresh(mailbox)
        if waiting(mailbox) != certificate:
            raise CertificateInvalid(
                _("Somebody else changed the certificates meanwhile. Look at them again.")
            )
        _switch(mailbox, {**_without(mailbox, WAITING), CERTIFICATE: certificate.to_text()}, by)
        mailbox.secret_expires_on = timezone.localdate(certificate.ends)
        mailbox.save(update_fields=SWITCHED)
    log.info("certificate_in_use", mailbox=mailbox.pk, thumbprint=certificate.thumbprint, by=by)
    return certificate


@transaction.atomic
def back_to_secret(mailbox: Mailbox, *, by: str) -> None:
    """Use the client secret again; the certificate waits, and can be used again."""
    _refresh(mailbox)
    certificate = certificate_in_use(mailbox)
    if certificate is None:
        raise CertificateInvalid(_("No certificate is in use."))
    if not has_secret(mailbox):
        raise CertificateInvalid(_("No client secret is stored. Enter one under Remote Approval first."))
    if WAITING in mailbox.secrets:
        raise CertificateInvalid(
            _("Another certificate is not in use yet. Use that one, or remove it first.")
        )
    _switch(mailbox, {**_without(mailbox, CERTIFICATE), WAITING: certificate.to_text()}, by)
    mailbox.secret_expires_on = None  # of the secret nobody said it, since the certificate was in use
    mailbox.save(update_fields=SWITCHED)
    log.info("client_secret_in_use", mailbox=mailbox.pk, thumbprint=certificate.thumbprint, by=by)


@transaction.atomic
def remove_secret(mailbox: Mailbox, *, by: str) -> None:
    """Only while a certificate is in use."""
    _refresh(mailbox)
    if CERTIFICATE not in mailbox.secrets:
        raise CertificateInvalid(_("The client secret is in use. Use a certificate first."))
    if not has_secret(mailbox):
        return
    _write(mailbox, _without(mailbox, SECRET))
    log.info("client_secret_removed", mailbox=mailbox.pk, by=by)


# --- writing ----------------------------------------------------------------------------------------------

#: What another credential in use changes.
SWITCHED = (
    "secrets", "secret_set_at", "secret_set_by", "secret_expires_on",
    *Mailbox.RESTS, "next_poll", "claim",
)  # fmt: skip


def _refresh(mailbox: Mailbox) -> None:
    """As it is stored now, and nobody else changes it before this transaction ends."""
    mailbox.refresh_from_db(from_queryset=Mailbox.objects.select_for_update())


def _without(mailbox: Mailbox, name: str) -> dict[str, str]:
    return {known: value for known, value in mailbox.secrets.items() if known != name}


def _write(mailbox: Mailbox, secrets: dict[str, str]) -> None:
    mailbox.secrets = Secrets(secrets)
    mailbox.save(update_fields=["secrets"])


def _switch(mailbox: Mailbox, secrets: dict[str, str], by: str) -> None:
    """Another one is in use now; whatever was wrong may be right, so it is tried at once."""
    now = timezone.now()
    mailbox.secrets = Secrets(secrets)
    mailbox.secret_set_at, mailbox.secret_set_by = now, by[:LONGEST_BY]
    mailbox.end_rests()
    mailbox.next_poll = now if mailbox.active else None
    mailbox.claim = ""
