"""What templates need beside Django's own."""

import re
import unicodedata
from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from placet.approvals.field_types import size_as_read
from placet.lib import masking

register = template.Library()

_PARTS = re.compile(r"(?<=@)|(?=[.])")
_MAY_BREAK = SafeString("<wbr>")
_BEFORE_A_GAP = " \t\n\r,;:–—-("  # what would stand oddly before "…"


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


@register.simple_tag
def moment_with_date(at: datetime) -> SafeString:
    """A time in words and then, as text for who cannot hover, by date and time of day, in the reader's zone: "in 2 days
    (4 March 2026, 17:00 CET)". Where the words are that date, only once."""
    local = timezone.localtime(at)
    words = in_words(local, timezone.localtime())
    dated = date_format(local, pgettext("format of a date and time", "j F Y, H:i T"))
    if words == _on_day(local):
        dated = date_format(local, pgettext("format of a date and time in a sentence", "j F Y, H:i T"))
        return format_html('<time datetime="{}">{}</time>', at.isoformat(timespec="seconds"), dated)
    return format_html('{} <time datetime="{}">({})</time>', words, at.isoformat(timespec="seconds"), dated)


@register.simple_tag
def clock(at: datetime) -> SafeString:
    """A time of day, with the day where it is another one, in the reader's zone; the exact time on hover."""
    local = timezone.localtime(at)
    form = "H:i" if local.date() == timezone.localdate() else "j F Y, H:i"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(timespec="seconds"),
        exact(at),
        date_format(local, form),
    )


@register.filter
def exact(at: datetime) -> str:
    return date_format(timezone.localtime(at), pgettext("format of a date and time", "j F Y, H:i:s T"))


@register.filter
def to_the_minute(at: datetime) -> str:
    return date_format(timezone.localtime(at), pgettext("format of a date and time", "j F Y, H:i T"))


def in_words(at: datetime, now: datetime) -> str:
    """ "in 2 hours", "5 minutes ago", "yesterday at 14:05"; beyond a week the date."""
    seconds = (at - now).total_seconds()
    distance = abs(seconds)
    if distance < 60:
        return _("just now") if seconds <= 0 else _("in a moment")
    if distance < 3600:
        return _minutes(seconds, round(distance / 60))
    if distance < 12 * 3600:
        return _hours(seconds, round(distance / 3600))
    days = (at.date() - now.date()).days
    if days in (-1, 0, 1):
        near = {-1: _("yesterday at {time}"), 0: _("today at {time}"), 1: _("tomorrow at {time}")}
        return near[days].format(time=f"{at:%H:%M}")
    return _days(seconds, abs(days)) if abs(days) <= 7 else _on_day(at)


def _on_day(at: datetime) -> str:
    """The date, as it stands in a sentence: French has an article before it."""
    return date_format(at, pgettext("format of a date in a sentence", "j F Y"))


def _minutes(seconds: float, n: int) -> str:
    if seconds > 0:
        return ngettext("in {n} minute", "in {n} minutes", n).format(n=n)
    return ngettext("{n} minute ago", "{n} minutes ago", n).format(n=n)


def _hours(seconds: float, n: int) -> str:
    if seconds > 0:
        return ngettext("in {n} hour", "in {n} hours", n).format(n=n)
    return ngettext("{n} hour ago", "{n} hours ago", n).format(n=n)


def _days(seconds: float, n: int) -> str:
    if seconds > 0:
        return ngettext("in {n} day", "in {n} days", n).format(n=n)
    return ngettext("{n} day ago", "{n} days ago", n).format(n=n)


@register.filter
def without_codes(text: object) -> str:
    """Reply codes are secrets: a page shows that one was there, not which."""
    return masking.without_codes(str(text))


@register.filter
def visible(text: str) -> str:
    """Text of others for a `<pre>`: control and direction characters cannot hide or turn anything. Spaces of every
    width stay: French and Japanese are written with them."""
    return "".join(
        c if c.isprintable() or c in "\n\t" or unicodedata.category(c) == "Zs" else "\ufffd"
        for c in text.replace("\r\n", "\n")
    )


@register.filter
def breakable(address: str) -> SafeString:
    """An address that, where a line is too short for it, goes on after its @ or before a dot, and not within a word."""
    return format_html_join(_MAY_BREAK, "{}", ((part,) for part in _PARTS.split(address)))


@register.filter
def in_fours(fingerprint: str) -> SafeString:
    """A fingerprint that people compare: four by four for the eye, and copied as it is."""
    fours = (fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))
    return format_html_join(_MAY_BREAK, "<span>{}</span>", ((four,) for four in fours))


@register.filter
def beginning(text: object, most: int) -> str:
    """The first `most` characters of a text. Where it is longer it ends with "…" and after a whole word; what has none
    in its second half, as an address or Japanese, is cut where it is."""
    whole = unicodedata.normalize("NFC", str(text))
    shown = Truncator(whole).chars(most, truncate="…")
    if shown == whole:
        return shown
    end = len(shown) - 1
    if whole[end] not in _BEFORE_A_GAP:  # a word goes on there
        last_space = re.search(r"\s\S*$", shown)
        if last_space is None or last_space.start() < most // 2:
            return shown
        end = last_space.start()
    return f"{whole[:end].rstrip(_BEFORE_A_GAP)}…"


@register.filter
def file_size(size: int) -> str:
    return size_as_read(size)


@register.filter
def words(key: str) -> str:
    """A key such as "set_aside" as people read it; translated where some catalogue has the words."""
    plain = str(key).replace("_", " ").replace("-", " ")
    return _(plain) if plain else ""
