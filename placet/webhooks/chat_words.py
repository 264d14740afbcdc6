"""What a notice in a chat says of an event, in the installation's language."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from placet.webhooks.events import BY_TYPE


def sentence(kind: str, details: Mapping[str, Any]) -> str:
    """What happened, with what it came to. Keys of outcomes and results stay as they are: they are of the process."""
    what = str(BY_TYPE[kind].description)
    came_to = details.get("outcome") or details.get("result")
    return _("{what} ({came_to})").format(what=what.rstrip("."), came_to=came_to) if came_to else what


def test() -> str:
    return _("Placet: this is a test. A notice looks like this one.")


def link() -> str:
    return _("Open the request in Placet")
