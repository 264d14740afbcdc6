"""Links that a mail filter rewrote, as they were before: Safelinks (Microsoft 365) and URL Defense (Proofpoint)."""

import re
from urllib.parse import unquote

_LONGEST = 4_000  # characters of a link
_SAFELINK = re.compile(
    r"https?://[a-z0-9.-]{1,60}\.safelinks\.protection\.(?:outlook\.com|office365\.us)/[^\s?]{0,20}\?url="
    rf"([^\s&<>\"]{{1,{_LONGEST}}})[^\s<>\")\]]{{0,{_LONGEST}}}",
    re.IGNORECASE,
)
_DEFENSE_2 = re.compile(
    rf"https?://urldefense\.proofpoint\.com/v2/url\?u=([^\s&<>\"]{{1,{_LONGEST}}})[^\s<>\")\]]{{0,{_LONGEST}}}",
    re.IGNORECASE,
)
_DEFENSE_3 = re.compile(
    rf"https?://urldefense(?:\.proofpoint)?\.com/v3/__([^\s<>\"]{{1,{_LONGEST}}}?)__;[^\s<>\")\]]{{0,{_LONGEST}}}",
    re.IGNORECASE,
)


def readable(text: str) -> str:
    """The text with the links that its writer meant."""
    if "safelinks" not in text and "urldefense" not in text.lower():
        return text
    text = _SAFELINK.sub(lambda found: unquote(found[1]), text)
    text = _DEFENSE_2.sub(lambda found: unquote(found[1].replace("-", "%").replace("_", "/")), text)
    return _DEFENSE_3.sub(lambda found: found[1], text)
