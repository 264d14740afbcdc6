from django.apps import AppConfig


class PanelConfig(AppConfig):
    name = "placet.panel"
    label = "panel"

    def ready(self) -> None:
        from placet.approvals import verification
        from placet.replies import evidence_signatures

        verification.ALSO_COMPARED.append(evidence_signatures.compare)
