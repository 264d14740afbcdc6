"""What pages with lists and files share."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.http import HttpResponse
from django.utils.http import content_disposition_header

#: Threads that answer what is asked of one process of `placet serve`.
THREADS = 8
LONGEST_ENTERED = 200  # characters of a search


def entered(query: Mapping[str, str], name: str = "q") -> str:
    """What was entered above a list, as one line that a database takes."""
    return query.get(name, "").replace("\x00", "").strip()[:LONGEST_ENTERED]


def keep(**chosen: str) -> str:
    """The query that links to other pages of a list keep, ready for `page=` behind it; "" or ending in "&"."""
    query = urlencode({name: value for name, value in chosen.items() if value})
    return f"{query}&" if query else ""


def as_file(data: bytes, name: str) -> HttpResponse:
    """To be saved and not to be opened: neither a type nor a name of a stranger's choice has any effect."""
    return HttpResponse(
        data,
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": content_disposition_header(as_attachment=True, filename=name)
            or "attachment",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        },
    )
