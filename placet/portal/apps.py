from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "placet.portal"
    label = "portal"
