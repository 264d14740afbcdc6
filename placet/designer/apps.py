from django.apps import AppConfig


class DesignerConfig(AppConfig):
    name = "placet.designer"
    label = "designer"
