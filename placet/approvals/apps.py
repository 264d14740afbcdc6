from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "placet.approvals"
    label = "approvals"
