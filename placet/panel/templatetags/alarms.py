"""The banner of alarms, on every page of Administration."""

from typing import Any

from django import template

from placet.alarms import silence

register = template.Library()

SHOWN = 3


@register.inclusion_tag("panel/alarm_banner.html")
def alarm_banner() -> dict[str, Any]:
    """Mailboxes that are silent as this page is made, whether or not any worker noted it."""
    found = silence.alarms()
    return {"alarms": found[:SHOWN], "more": len(found[SHOWN:])}
