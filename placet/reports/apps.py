from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "placet.reports"
    label = "reports"
