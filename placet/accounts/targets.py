"""Addresses inside the network that Placet may call, although they are not public: the General tab's list."""

from placet.accounts.models import Installation


def private_targets() -> list[str]:
    """As `placet.lib.outward` reads them; as stored now, with one query."""
    stored = Installation.objects.filter(id=1).values_list("private_targets", flat=True).first()
    return [str(target) for target in stored or ()]
