from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ApprovalsConfig(AppConfig):
    name = "placet.approvals"
    label = "approvals"

    def ready(self) -> None:
        post_migrate.connect(_mend_indexes, sender=self)


def _mend_indexes(**_about: Any) -> None:
    from placet.approvals.word_index import WORDS

    WORDS.mend()
