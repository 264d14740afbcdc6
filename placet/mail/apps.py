from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "placet.mail"
    label = "mail"
