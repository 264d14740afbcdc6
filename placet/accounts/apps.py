from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "placet.accounts"
    label = "accounts"
