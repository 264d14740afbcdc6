"""What templates need beside Django's own."""

import re
from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

_CODE = re.compile(r"(?<=[#+])[a-z2-7]{16}(?![a-z0-9])|(?<=%2b)[a-z2-7]{16}(?![a-z0-9])", re.IGNORECASE)


@register.simple_tag
def moment(at: datetime | None) -> SafeString | str:
    """A time in words, in the reader's zone, with the exact time on hover."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(timespec="seconds"),
        exact(at),
        in_words(local, timezone.localtime()),
    )


@register.filter
def exact(at: datetime) -> str:
    return timezone.localtime(at).strftime("%-d %B %Y, %H:%M:%S %Z")


def in_words(at: datetime, now: datetime) -> str:
    """ "in 2 hours", "5 minutes ago", "yesterday at 14:05"; beyond a week the date."""
    seconds = (at - now).total_seconds()
    distance = abs(seconds)
    if distance < 60:
        return "just now" if seconds <= 0 else "in a moment"
    if distance < 3600:
        return _distance(seconds, round(distance / 60), "minute")
    if distance < 12 * 3600:
        return _distance(seconds, round(distance / 3600), "hour")
    days = (at.date() - now.date()).days
    if days in (-1, 0, 1):
        return f"{ {-1: 'yesterday', 0: 'today', 1: 'tomorrow'}[days] } at {at:%H:%M}"
    if abs(days) <= 7:
        return _distance(seconds, abs(days), "day")
    return at.strftime("%-d %B %Y")


def _distance(seconds: float, number: int, unit: str) -> str:
    words = f"{number} {unit}{'' if number == 1 else 's'}"
    return f"in {words}" if seconds > 0 else f"{words} ago"


@register.filter
def without_codes(text: str) -> str:
    """Reply codes are secrets: a page shows that one was there, not which."""
    return _CODE.sub("…", text)


@register.filter
def visible(text: str) -> str:
    """Text of others for a `<pre>`: control and direction characters cannot hide or turn anything."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text.replace("\r\n", "\n"))


@register.filter
def words(key: str) -> str:
    """A key such as "set_aside" as people read it."""
    return str(key).replace("_", " ").replace("-", " ")
