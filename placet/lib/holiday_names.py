"""Names of holidays in the languages of our pages, where the library has them in English only: those that many
countries share. Others stay as they are."""

import re

from django.utils.translation import gettext

from placet.lib.sentences import gettext_noop

NAMES = (
    gettext_noop("ANZAC Day"),
    gettext_noop("All Saints' Day"),
    gettext_noop("All Souls' Day"),
    gettext_noop("Armed Forces Day"),
    gettext_noop("Army Day"),
    gettext_noop("Ascension Day"),
    gettext_noop("Ashura"),
    gettext_noop("Assumption Day"),
    gettext_noop("Australia Day"),
    gettext_noop("Boxing Day"),
    gettext_noop("Carnival Monday"),
    gettext_noop("Carnival Tuesday"),
    gettext_noop("Catholic Christmas Day"),
    gettext_noop("Children's Day"),
    gettext_noop("Chinese New Year"),
    gettext_noop("Christmas Day"),
    gettext_noop("Christmas Eve"),
    gettext_noop("Columbus Day"),
    gettext_noop("Constitution Day"),
    gettext_noop("Corpus Christi"),
    gettext_noop("Day of Arafah"),
    gettext_noop("Deepavali"),
    gettext_noop("Diwali"),
    gettext_noop("Dormition of the Mother of God"),
    gettext_noop("Easter"),
    gettext_noop("Easter Monday"),
    gettext_noop("Easter Sunday"),
    gettext_noop("Eid al-Adha"),
    gettext_noop("Eid al-Adha Holiday"),
    gettext_noop("Eid al-Fitr"),
    gettext_noop("Eid al-Fitr Holiday"),
    gettext_noop("Eid-ul-Adha"),
    gettext_noop("Eid-ul-Fitr"),
    gettext_noop("Emancipation Day"),
    gettext_noop("Epiphany"),
    gettext_noop("Family Day"),
    gettext_noop("Father's Day"),
    gettext_noop("Good Friday"),
    gettext_noop("Holy Saturday"),
    gettext_noop("Immaculate Conception"),
    gettext_noop("Independence Day"),
    gettext_noop("International Labor Day"),
    gettext_noop("International Women's Day"),
    gettext_noop("International Worker's Day"),
    gettext_noop("International Workers' Day"),
    gettext_noop("Islamic New Year"),
    gettext_noop("Isra' and Mi'raj"),
    gettext_noop("Juneteenth National Independence Day"),
    gettext_noop("King's Birthday"),
    gettext_noop("King's Day"),
    gettext_noop("Labor Day"),
    gettext_noop("Labour Day"),
    gettext_noop("Liberation Day"),
    gettext_noop("Lunar New Year"),
    gettext_noop("Martin Luther King Jr. Day"),
    gettext_noop("Martyrs' Day"),
    gettext_noop("Maundy Thursday"),
    gettext_noop("May Day"),
    gettext_noop("Memorial Day"),
    gettext_noop("Midsummer Day"),
    gettext_noop("Mother's Day"),
    gettext_noop("National Day"),
    gettext_noop("National Heroes Day"),
    gettext_noop("National Heroes' Day"),
    gettext_noop("National Independence Day"),
    gettext_noop("National Youth Day"),
    gettext_noop("New Year's Day"),
    gettext_noop("New Year's Eve"),
    gettext_noop("Nowruz"),
    gettext_noop("Nowruz Holiday"),
    gettext_noop("Orthodox Christmas Day"),
    gettext_noop("Orthodox Easter"),
    gettext_noop("Pentecost"),
    gettext_noop("Pentecost Monday"),
    gettext_noop("President's Day"),
    gettext_noop("Prophet's Birthday"),
    gettext_noop("Republic Day"),
    gettext_noop("Revolution Day"),
    gettext_noop("Saint Stephen's Day"),
    gettext_noop("Saints Cyril and Methodius Day"),
    gettext_noop("Second Day of Christmas"),
    gettext_noop("Spring Bank Holiday"),
    gettext_noop("Spring Festival"),
    gettext_noop("Statehood Day"),
    gettext_noop("Thanksgiving Day"),
    gettext_noop("Tomb-Sweeping Day"),
    gettext_noop("United Nations Day"),
    gettext_noop("Unity Day"),
    gettext_noop("Vesak Day"),
    gettext_noop("Veterans Day"),
    gettext_noop("Victory Day"),
    gettext_noop("Washington's Birthday"),
    gettext_noop("Whit Monday"),
    gettext_noop("Women's Day"),
    gettext_noop("Worker's Day"),
    gettext_noop("Workers' Day"),
    gettext_noop("Youth Day"),
)
#: What the library says behind a name of a day that hangs on the moon, or that was moved.
ADDITIONS = (gettext_noop("estimated"), gettext_noop("observed"), gettext_noop("observed, estimated"))
_PARTS = re.compile(r"(?P<name>.+?)(?: \((?P<addition>[a-z, ]+)\))?")


def translated(name: str) -> str:
    """In the language that is active. `name`: in English, several with semicolons between them."""
    return "; ".join(map(_one, name.split("; ")))


def _one(name: str) -> str:
    parts = _PARTS.fullmatch(name)
    if parts is None or parts["name"] not in NAMES:
        return name
    known, addition = parts.groups()
    return f"{gettext(known)} ({gettext(addition)})" if addition else gettext(known)
