from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "placet.audit"
    label = "audit"
