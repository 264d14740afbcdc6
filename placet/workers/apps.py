from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "placet.workers"
    label = "workers"
