"""The banner of alarms, on every page of Administration."""

from typing import Any

from django import template
from django.template import Context

from placet.alarms import silence

register = template.Library()

SHOWN = 3


@register.inclusion_tag("panel/alarm_banner.html", takes_context=True)
def alarm_banner(context: Context) -> dict[str, Any]:
    """Mailboxes that are silent, or cannot send, as this page is made, whether or not any worker noted it. All of it is
    open on the first page only: on the others its line alone leaves the page its first screen."""
    found = silence.alarms()
    opened = context["request"].resolver_match.view_name == "panel:home"
    return {"alarms": found[:SHOWN], "more": len(found[SHOWN:]), "opened": opened}
