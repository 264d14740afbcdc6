from django.apps import AppConfig


class AlarmsConfig(AppConfig):
    name = "placet.alarms"
    label = "alarms"
