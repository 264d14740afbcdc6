from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "placet.api"
    label = "api"
