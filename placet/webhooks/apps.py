from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "placet.webhooks"
    label = "webhooks"
