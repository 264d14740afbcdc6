"""Whether the signatures that carried an answer still hold, by what was kept of each with its mail. Nobody is asked,
and nothing is changed: a mail, or what was kept of it, that was changed since does not fit the signature any more."""

from collections.abc import Iterator

from django.utils.translation import override

from placet.mail.models import SignedOnce
from placet.mail.packing import Damaged
from placet.replies.check_signature import again

AT_ONCE = 50  # mails that are held in memory
FACT = "signature"  # in `IncomingMail.facts`


def compare() -> Iterator[str]:
    """What differs, in words, without a full stop."""
    numbers = SignedOnce.objects.order_by("pk").values_list("pk", flat=True)
    for number in numbers.iterator(chunk_size=AT_ONCE):
        row = SignedOnce.objects.get(pk=number)
        with override("en"):
            try:
                why = _difference(row)
            except (Damaged, KeyError, TypeError, ValueError):
                why = "what was kept of its signature cannot be read"
        if why:
            yield f"Mail {row.incoming_id}: {why}"


def _difference(row: SignedOnce) -> str:
    incoming = row.incoming
    kept = incoming.facts[FACT]
    if kept["mark"] != row.mark or incoming.verdict.get("proof", {}).get("signed_once", row.mark) != row.mark:
        return "its signature is another one than was taken"
    return str(again(bytes(incoming.raw), kept))
