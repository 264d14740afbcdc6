"""The proof of somebody who signed a mail with their own key (S/MIME, OpenPGP).

A signature is of what was signed and of nothing around it: subject, addressee and the mail that it answers are whatever
whoever sends the signed part chooses, and the part can be sent many times. So the reply code must stand in what was
signed, nothing else is read (`parse.signed.read_as_signed`), it must not have been made before we asked, and it counts
once (`mail.models.SignedOnce`).
"""

from dataclasses import dataclass
from datetime import datetime

from placet.lib.sentences import Sentence
from placet.replies import refusals
from placet.replies.check_signature import CheckedSignature
from placet.replies.parse import Mail
from placet.replies.parse.signed import SignatureUnfit, read_as_signed
from placet.replies.prove_outside import CLOCKS


@dataclass(frozen=True)
class SignedByPerson:
    """What is kept of it with the proof; the mail's facts have the rest."""

    signature: str  # "S/MIME" and its kin
    key_fingerprint: str
    certificate_issuer: str
    certificate_serial: str
    signed_at: str
    signed_once: str  # of `CheckedSignature.mark`
    signed_headers: str  # that were signed with the text, sorted


def proved_signed(
    mail: Mail, address: str, checked: CheckedSignature | None, code: str, asked_at: datetime, now: datetime
) -> tuple[SignedByPerson, Mail]:
    """That whoever has `address` signed an answer to the ask with `code`; and the mail as it reads when nothing but
    what was signed counts. Raises NotProved or TooOld."""
    if checked is None:
        raise refusals.NotProved(Sentence("It is not signed (S/MIME, OpenPGP)."))
    if not checked.holds:
        raise refusals.NotProved(Sentence("Placet checked its signature: {why}.", why=checked.why))
    if checked.authority and address not in checked.addresses:
        raise refusals.NotProved(
            Sentence(
                "Its signature is by a certificate for {addresses}, not for {address}.",
                addresses=", ".join(checked.addresses)[:200] or "-",
                address=address,
            )
        )
    _check_time(checked.signed_at, asked_at, now)
    try:
        view, names = read_as_signed(mail, checked.content)
    except SignatureUnfit as unfit:
        raise refusals.NotProved(
            Sentence("Placet checked its signature: {why}.", why=unfit.sentence)
        ) from unfit
    if not code or not any(code in text.lower() for text in (view.subject, view.text)):
        raise refusals.NotProved(
            Sentence(
                "The reply code does not stand in what is signed, so it may be an answer to something else."
            )
        )
    signed = SignedByPerson(
        checked.scheme,
        checked.fingerprint,
        checked.issuer,
        checked.serial,
        checked.signed_at,
        checked.mark,
        " ".join(sorted(names)),
    )
    return signed, view


def _check_time(signed_at: str, asked_at: datetime, now: datetime) -> None:
    """As the signer says. Some leave it out: what bears the code was written after we asked, whatever it says."""
    if not signed_at:
        return
    made = datetime.fromisoformat(signed_at)
    if made < asked_at - CLOCKS:
        raise refusals.TooOld(
            Sentence(
                "It says that it was signed on {date}, before we asked. Either it is an old mail, sent again, or the "
                "clock of the sender's computer is wrong.",
                date=f"{made:%Y-%m-%d %H:%M} UTC",
            )
        )
    if made > now + CLOCKS:
        raise refusals.NotProved(
            Sentence(
                "It says that it was signed on {date}, which had not come.", date=f"{made:%Y-%m-%d %H:%M} UTC"
            )
        )
