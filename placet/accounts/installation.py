"""The first start, and whether keys and database belong together."""

from django.conf import settings

from placet.accounts.models import Installation
from placet.lib import keys


def check_keys() -> None:
    """KeyTrouble, naming the file, if a key is not the one that this database was made with."""
    folder = settings.PLACET.data_dir / "keys"
    expected = keys.derive(settings.SECRET_KEY, "check").hex()
    installation, _ = Installation.objects.get_or_create(
        id=1, defaults={"key_check": keys.encrypt(folder, expected)}
    )
    if not installation.key_check:  # forgotten on purpose: see docs/operations.md, Keys
        installation.key_check = keys.encrypt(folder, expected)
        installation.save(update_fields=["key_check"])
    try:
        stored = keys.decrypt(folder, installation.key_check)
    except keys.KeyTrouble as trouble:
        raise keys.KeyTrouble(
            f"The keys in {folder / keys.ENCRYPTION_FILE} are not those of this database: secrets in it cannot "
            f"be read. {CURE}"
        ) from trouble
    if stored != expected:
        raise keys.KeyTrouble(
            f"The key in {folder / keys.SECRET_FILE} is not the one that this database was made with: no mail "
            f"that was sent before could be answered. {CURE}"
        )


CURE = "Bring back the keys that belong to it (placet restore), or point PLACET_DATA_DIR at the right folder."
