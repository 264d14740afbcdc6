from django.apps import AppConfig


class MailboxesConfig(AppConfig):
    name = "placet.mailboxes"
    label = "mailboxes"
