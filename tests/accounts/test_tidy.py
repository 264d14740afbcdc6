"""What is cleared once a day, and what the cache may hold."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache, caches
from django.core.cache.backends.db import DatabaseCache
from django.utils import timezone

from placet.accounts import tidy
from placet.accounts.installation import check_keys
from placet.accounts.models import Installation

pytestmark = pytest.mark.django_db


def session(key: str, days: int) -> None:
    Session.objects.create(
        session_key=key, session_data="", expire_date=timezone.now() + timedelta(days=days)
    )


def test_sessions_that_ended_go_once_a_day() -> None:
    check_keys()
    session("ended", -1)
    session("open", 1)
    assert tidy.due(10) == [1]
    assert tidy.work(1)
    assert list(Session.objects.values_list("session_key", flat=True)) == ["open"]
    assert tidy.due(10) == []
    assert not tidy.work(1)
    Installation.objects.update(tidied_at=timezone.now() - timedelta(hours=25))
    assert tidy.due(10) == [1]


def test_the_count_of_failed_sign_ins_is_not_forgotten_for_a_few_hundred_others() -> None:
    assert isinstance(caches["default"], DatabaseCache)
    for number in range(400):  # Django's own limit is 300
        cache.set(f"{number:03}", number, 3600)
    assert [number for number in range(400) if cache.get(f"{number:03}") != number] == []
