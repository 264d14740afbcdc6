from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from placet.lib import casefold


class AccountsConfig(AppConfig):
    name = "placet.accounts"
    label = "accounts"

    def ready(self) -> None:
        casefold.register()
        post_migrate.connect(_mend_indexes, sender=self)


def _mend_indexes(**_about: Any) -> None:
    from placet.accounts.name_index import NAMES

    NAMES.mend()
