"""What a person signed counts once, in whatever envelope it comes: whoever has a signed mail can send it again."""

from placet.mail.models import IncomingMail, SignedOnce


def came_before(mark: str, incoming: IncomingMail) -> int | None:
    """The mail that brought it first, by its key; None where this one does. Two that are taken in side by side are held
    apart by the constraint on `mark`."""
    first = SignedOnce.objects.filter(mark=mark).exclude(incoming=incoming.pk)
    return first.values_list("incoming_id", flat=True).first()


def keep(mark: str, incoming: IncomingMail) -> None:
    """In the transaction that handles the mail. IntegrityError where another one was faster: then all of that is tried
    again, and refused."""
    SignedOnce.objects.create(mark=mark, incoming=incoming)


def note(mark: str, incoming: IncomingMail) -> None:
    """The same of a mail that something else proved: its signed part counts no more in another envelope either. That it
    came before is no matter here."""
    SignedOnce.objects.get_or_create(mark=mark, defaults={"incoming": incoming})
