"""The scope that access tokens are asked for, as people paste it."""

import re
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from placet.mailboxes.microsoft.clouds import GRAPH, WORLDWIDE

EXAMPLE = WORLDWIDE.scope(GRAPH)


def clean_scope(text: str, example: str = EXAMPLE) -> tuple[str, str]:
    """The scope alone, and a notice if something was cut. Raises ValueError with a sentence, which shows `example`.

    WorkflowGen writes `https://outlook.office365.com/.default&grant_type=client_credentials`, which works
    there because it is pasted raw into the form body. Sent as one value Entra refuses it (AADSTS1002012).
    """
    text = text.strip()
    if re.search("%(26|3a)", text, re.IGNORECASE):
        text = unquote(text)
    scope, ampersand, rest = text.partition("&")
    scope = scope.strip().removeprefix("scope=")
    if ampersand and rest.strip() not in ("", "grant_type=client_credentials"):
        raise ValueError(
            _("Only the scope belongs here. Enter {scope} and nothing after it.").format(scope=example)
        )
    if len(scope.split()) != 1:
        raise ValueError(_("Enter exactly one scope: {scope}.").format(scope=example))
    try:
        parts = urlsplit(scope)
    except ValueError:
        parts = urlsplit("")  # Python's words for it are not for administrators
    if parts.scheme not in ("https", "api") or not parts.netloc or not parts.path.endswith("/.default"):
        raise ValueError(_("The scope must end in /.default, as in {scope}.").format(scope=example))
    cut = _("Scope was copied from WorkflowGen: the part after & is not needed and was cut.")
    return scope, cut if ampersand else ""
