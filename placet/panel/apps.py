from django.apps import AppConfig


class PanelConfig(AppConfig):
    name = "placet.panel"
    label = "panel"
