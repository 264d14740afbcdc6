from django.apps import AppConfig

from placet.lib import casefold


class AccountsConfig(AppConfig):
    name = "placet.accounts"
    label = "accounts"

    def ready(self) -> None:
        casefold.register()
