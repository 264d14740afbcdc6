"""The clock of a step as pages show it: the date and the time stand as text, and red is only what is late."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.template.loader import render_to_string
from django.utils import timezone, translation

from placet.portal.due import DueShown

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def shown(due: DueShown) -> str:
    with time_machine.travel(NOW, tick=False):
        return render_to_string("portal/due.html", {"due": due})


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", page).split())


def red(page: str) -> list[str]:
    return [
        text(part) for part in re.findall(r'<(?:p|span) class="trouble">(.*?)</(?:p|span)>', page, re.DOTALL)
    ]


@pytest.mark.parametrize(
    ("due", "words"),
    [
        (DueShown(NOW + 2 * DAY, is_live=True), "due in 2 days (4 March 2026, 10:00 UTC)"),
        (DueShown(NOW + 20 * DAY, is_live=True), "due 22 March 2026, 10:00 UTC"),
        (DueShown(NOW + HOUR, is_live=True, goes_on=True), "goes on by itself in 1 hour (2 March 2026, 11:00 UTC)"),
        (
            DueShown(NOW + HOUR, is_live=True, paused_until=NOW + 3 * DAY),
            "the time stands still until a question is answered goes on by itself in 3 days "
            "(5 March 2026, 10:00 UTC)",
        ),
        (
            DueShown(NOW + DAY, is_live=True, ends_at=NOW + 3 * DAY, escalates_at=NOW + 2 * DAY),
            "due tomorrow at 10:00 (3 March 2026, 10:00 UTC) ends without an answer in 3 days "
            "(5 March 2026, 10:00 UTC) others will be asked in 2 days (4 March 2026, 10:00 UTC)",
        ),
    ],
)  # fmt: skip
def test_date_and_time_stand_as_text(due: DueShown, words: str) -> None:
    page = shown(due)
    assert text(page) == words
    assert red(page) == []


def test_a_date_alone_has_its_article_in_french() -> None:
    with translation.override("fr"):
        page = shown(DueShown(NOW + 20 * DAY, is_live=True, ends_at=NOW + 30 * DAY))
    words = "échéance le 22 mars 2026, 10:00 UTC se termine sans réponse le 1 avril 2026, 10:00 UTC"
    assert text(page) == words


def test_an_end_that_waits_for_mail_is_told_as_past_before_whom_it_waits_for() -> None:
    late = DueShown(
        NOW - 2 * DAY, is_live=True, is_late=True, ends_at=NOW - HOUR, reads=True, inactive="office@contoso.example"
    )  # fmt: skip
    words = text(shown(late))
    assert "was to end without an answer 1 hour ago (2 March 2026, 09:00 UTC)" in words
    assert words.index("The time for an answer is over.") < words.index("The mailbox office@contoso.example")


def test_they_are_by_the_reader_s_clock_and_in_their_language() -> None:
    with timezone.override("Europe/Paris"), translation.override("fr"):
        page = shown(DueShown(NOW + 2 * DAY, is_live=True))
    assert text(page) == "échéance dans 2 jours (4 mars 2026, 11:00 CET)"


def test_red_is_only_what_is_late() -> None:
    late = DueShown(
        NOW - 2 * HOUR, is_live=True, is_late=True, ends_at=NOW + DAY, reminded="reminded once", warned=True
    )
    page = shown(late)
    assert red(page) == ["was due 2 hours ago (2 March 2026, 08:00 UTC)"]
    assert "ends without an answer tomorrow at 10:00 (3 March 2026, 10:00 UTC) reminded once" in text(page)


def test_what_is_over_is_not_red_though_it_was_late() -> None:
    early = shown(DueShown(NOW + 2 * DAY, is_live=False))
    assert text(early) == "had until 4 March 2026, 10:00 UTC"
    page = shown(DueShown(NOW - 2 * HOUR, is_live=False, is_late=True))
    assert red(page) == []
    assert text(page) == "was due 2 hours ago (2 March 2026, 08:00 UTC)"
