"""IBANs (ISO 13616): their length by country, and their checksum (ISO 7064, mod 97-10)."""

import re

from django.utils.translation import gettext as _

_WRITTEN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
#: As the registry has them. What it does not list is held to the checksum alone.
_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22,
    "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25,
    "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip


def must_be_iban(text: str) -> str:
    """In one spelling, or ValueError with a sentence."""
    compact = re.sub(r"[\s-]", "", text).upper()
    if not _WRITTEN.fullmatch(compact):
        raise ValueError(_("Please write an IBAN, such as DE89 3704 0044 0532 0130 00."))
    wanted = _LENGTHS.get(compact[:2])
    if wanted is not None and len(compact) != wanted:
        raise ValueError(
            _("An IBAN that begins with {country} has {wanted} characters; this one has {number}.").format(
                country=compact[:2], wanted=wanted, number=len(compact)
            )
        )
    turned = compact[4:] + compact[:4]
    if int("".join(str(int(sign, 36)) for sign in turned)) % 97 != 1:
        raise ValueError(
            _("A character of this IBAN is wrong or two are exchanged. Please compare it once more.")
        )
    return compact


def in_groups(iban: str) -> str:
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
