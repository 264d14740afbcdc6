"""How long an action might take: in a file so many minutes, in a draft the deadline of a step.

WorkflowGen writes every limit in minutes of whole days, working time or not: a limit of one working day is 1440 of
them. So a limit that was entered in days is one of working days here, and one that was entered in hours or minutes
never is: 24 working hours are not one day.
"""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.approvals.deadlines import LARGEST
from placet.workflowgen.xpdl import Activity, Way

LONGEST = 8  # digits of a limit
_UNITS = {"day": 1440, "hour": 60, "minute": 1}
_SHORTER = ("h", "m")  # than a day: the units of limits that were entered so


def due_of(activity: Activity) -> str:
    """Its limit as a step's deadline; "" if it has none, or one that no deadline says."""
    minutes = _minutes(activity.limit)
    unit = _unit(minutes, activity.limit_unit, activity.working_hours)
    number = minutes // _UNITS[unit]
    if not 1 <= number <= LARGEST:
        return ""
    working = "working " if activity.working_hours else ""
    return f"{number} {working}{unit}{'s' if number > 1 else ''}"


def limit_of(minutes: str, unit: str, working: bool) -> str:
    """A limit as people say it; what is no number as it stands in the file."""
    if not _is_number(minutes):
        return minutes or "?"
    shown_in = _unit(_minutes(minutes), unit, working)
    count = _minutes(minutes) // _UNITS[shown_in]
    if shown_in == "day":
        text = ngettext("{count} day", "{count} days", count).format(count=count)
    elif shown_in == "hour":
        text = ngettext("{count} hour", "{count} hours", count).format(count=count)
    else:
        text = ngettext("{count} minute", "{count} minutes", count).format(count=count)
    return _("{limit} of working time").format(limit=text) if working else text


def is_timeout(way: Way) -> bool:
    """Whether it is taken when an action is not done within its limit."""
    return way.kind == "EXCEPTION" and way.condition.upper() == "TIMEOUT"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= LONGEST


def _minutes(text: str) -> int:
    return int(text) if _is_number(text) else 0


def _unit(minutes: int, entered_in: str, working: bool) -> str:
    """The largest one in which it is a whole number."""
    units = [one for one in _UNITS if one != "day" or not (working and entered_in.lower() in _SHORTER)]
    return next(one for one in units if minutes % _UNITS[one] == 0)
