"""Texts that leave the installation, without what is nobody else's business."""

import re
from collections.abc import Collection

#: Reply codes: 16 letters of base32, as they stand in addresses, subjects and texts.
_CODE = re.compile(r"(?<![A-Za-z0-9])[a-z2-7]{16}(?![A-Za-z0-9])", re.IGNORECASE)
#: One of them, where something marks it as one.
MARKED_CODE = re.compile(
    r"(?<=[#+])[a-z2-7]{16}(?![a-z0-9])|(?<=%2b|%23)[a-z2-7]{16}(?![a-z0-9])", re.IGNORECASE
)
#: Begun only where a run of such letters begins, and not tried again with fewer of them: a long text without an @ is
#: gone through once.
_ADDRESS = re.compile(r"(?<![\w.!#$%&'*/=?^`{|}~+-])([\w.!#$%&'*/=?^`{|}~+-]++)@((?:[\w-]+\.)+[\w-]*\w)")
_LINE_ENDS = re.compile(r"[\r\n]+")
_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def masked(text: str, keep: Collection[str] = ()) -> str:
    """One line, in which addresses show only their first letter and their domain, and reply codes nothing. Addresses
    in `keep` (in small letters) stay, without what follows a plus."""

    def address(found: "re.Match[str]") -> str:
        whole = f"{found[1].partition('+')[0]}@{found[2]}"
        return whole if whole.lower() in keep else f"{found[1][0]}…@{found[2]}"

    line = " ".join(part.strip() for part in _LINE_ENDS.split(text))
    return _CODE.sub("…", _ADDRESS.sub(address, _UNSEEN.sub("\ufffd", line)))


def without_codes(text: str) -> str:
    """It says that a reply code was there, and not which."""
    return MARKED_CODE.sub("…", text)
