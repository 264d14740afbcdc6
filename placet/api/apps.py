from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "placet.api"
    label = "api"

    def ready(self) -> None:
        from placet.api import evidence_keys
        from placet.approvals import verification

        verification.ALSO_COMPARED.append(evidence_keys.compare)
