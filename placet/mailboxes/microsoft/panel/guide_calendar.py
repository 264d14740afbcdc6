"""A calendar entry for the day on which the client secret expires."""

from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, Event

from placet.mailboxes.microsoft.panel.guide_values import Values

REMINDERS = (timedelta(days=-30), timedelta(days=-7))


def expiry_entry(values: Values, now: datetime | None = None) -> bytes:
    """The entry as an .ics file, with reminders before it. It holds no secret. `values` know the day."""
    calendar = Calendar()
    calendar.add("prodid", "-//Placet//Guide//EN")
    calendar.add("version", "2.0")
    calendar.add_component(_event(values, now or datetime.now(UTC)))
    return bytes(calendar.to_ical())


def _event(values: Values, now: datetime) -> Event:
    day = values.expiry
    if day is None:
        raise ValueError("The day on which the client secret expires is not known.")
    event = Event()
    event.add("uid", f"client-secret-{values.client_id or 'unnamed'}-{day.isoformat()}@placet")
    event.add("dtstamp", now)
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    event.add("summary", _summary(values))
    event.add("description", _what_to_do(values))
    for before in REMINDERS:
        event.add_component(_reminder(values, before))
    return event


def _reminder(values: Values, before: timedelta) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", before)
    alarm.add("description", _summary(values))
    return alarm


def _summary(values: Values) -> str:
    if not values.username:
        return _("The client secret of Placet expires")
    return _("The client secret of Placet expires ({mailbox})").format(mailbox=values.username)


def _what_to_do(values: Values) -> str:
    return _(
        "Before this day: in Entra ID, App registrations, the application {application}, Certificates & secrets, make "
        "a new client secret; enter its Value in Placet, Administration, Configuration Panel, Remote Approval, and "
        "test the connection; then delete the old secret. Otherwise Placet can neither read nor send mail from this "
        "day on."
    ).format(application=values.client_id or "Placet")
