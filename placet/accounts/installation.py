"""The first start, and whether keys and database belong together."""

from django.conf import settings

from placet.accounts.models import Installation
from placet.lib import keys

KNOWN_TEXT = "placet"


def check_keys() -> None:
    """KeyTrouble if the encryption key is not the one that this database was made with."""
    folder = settings.PLACET.data_dir / "keys"
    installation = Installation.objects.filter(id=1).first()
    if installation is None:
        Installation.objects.create(key_check=keys.encrypt(folder, KNOWN_TEXT))
        return
    try:
        right = keys.decrypt(folder, installation.key_check) == KNOWN_TEXT
    except keys.KeyTrouble:
        right = False
    if not right:
        raise keys.KeyTrouble(
            f"The encryption keys in {folder} are not those of this database: secrets in it cannot be read. "
            "Bring back the keys that belong to it (placet restore), or point PLACET_DATA_DIR at the right folder."
        )
