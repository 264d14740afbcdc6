"""The pages that show mail, and what is done to a mail from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from placet.sandbox import mime, programs
from placet.sandbox.httpd import Response
from placet.sandbox.webmail import look, mail
from placet.sandbox.webmail.markup import Html, fill, fill_each
from placet.sandbox.webmail.visit import FOLDERS, NotFound, Visit

if TYPE_CHECKING:
    from placet.sandbox.server import Mail

ON_A_PAGE = 30
# What tells where a mail came from and how the server knows; shown under "Details".
_TELLING = (
    "Reply-To", "Message-ID", "In-Reply-To", "Return-Path", "Auto-Submitted", "X-MS-Exchange-Organization-AuthAs",
    "Authentication-Results",
)  # fmt: skip


def folder(visit: Visit) -> Response:
    name = visit.form.get("name", "inbox")
    try:
        mails = visit.sandbox.mails(visit.address, name)[::-1]
    except KeyError as missing:
        raise NotFound(str(missing.args[0])) from None
    number = visit.form.get("number", "1")
    page = max(1, int(number)) if number.isdecimal() and len(number) < 6 else 1
    shown = mails[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]
    rows = look.together(_row(visit, found, outgoing=name == "sentitems") for found in shown)
    listed = fill('<ul class="mails">{}</ul>', rows) if shown else _nothing(name)
    body = fill(
        '<h1>{}</h1><div id="mails" data-live>{}{}</div>',
        FOLDERS.get(name, name),
        listed,
        _pages(visit, name, page, len(mails)),
    )
    return visit.page(FOLDERS.get(name, name), body, folder=name)


def _nothing(name: str) -> Html:
    told = "No mail yet. It appears here by itself." if name == "inbox" else "No mail here."
    return fill('<p class="empty">{}</p>', told)


def _row(visit: Visit, found: Mail, *, outgoing: bool) -> Html:
    people = found.people("to" if outgoing else "from")
    who = ", ".join(mail.name_of(person) for person in people[:3]) or mail.name_of(None)
    content = mime.readable(found.mime)
    return fill(
        '<li{}><a href="{}"><span class="from">{}{}<bdi>{}</bdi></span><span class="subject"><bdi>{}</bdi>{}</span>'
        '<span class="preview"><bdi>{}</bdi></span></a>{}</li>',
        look.NOTHING if found.is_read else Html(' class="unread"'),
        visit.at("read", id=found.id),
        look.NOTHING if found.is_read else Html('<span class="sr">Unread, </span>'),
        "To " if outgoing else "",
        who,
        found.subject or "(no subject)",
        Html(' <span class="clip">with a file</span>') if content.attachments else "",
        mail.preview(content),
        look.time(found.received),
    )


def _pages(visit: Visit, name: str, page: int, total: int) -> Html:
    if total <= ON_A_PAGE:
        return look.NOTHING
    newer = _page_link(visit, name, page - 1, "Newer") if page > 1 else look.NOTHING
    older = _page_link(visit, name, page + 1, "Older") if page * ON_A_PAGE < total else look.NOTHING
    return fill('<nav class="actions" aria-label="Pages">{}{}</nav>', newer, older)


def _page_link(visit: Visit, name: str, page: int, label: str) -> Html:
    return fill('<a class="button" href="{}">{}</a>', visit.at("folder", name=name, number=str(page)), label)


# -- one mail ----------------------------------------------------------------------------------------------------


def read(visit: Visit) -> Response:
    found = visit.mail()
    if not visit.again:
        visit.sandbox.mark_read(visit.address, found.id)
    content = mime.readable(found.mime)
    views = (
        (["html"] if content.html else [])
        + (["text"] if content.text or not content.html else [])
        + ["source"]
    )
    view = visit.form.get("as", views[0])
    if view not in views:
        view = views[0]
    body = fill(
        '<h1><bdi>{}</bdi></h1>{}{}{}{}<nav class="tabs" aria-label="Show as">{}</nav>{}',
        found.subject or "(no subject)",
        _people(found),
        _actions(visit, found),
        _files(visit, found),
        _details(found),
        look.together(_view_link(visit, found, name, view) for name in views),
        _shown(visit, found, content, view),
    )
    return visit.page(found.subject or "(no subject)", body, folder=_key(found.folder))


def _key(path: str) -> str:
    return next((key for key, name in FOLDERS.items() if name == path), path)


def _people(found: Mail) -> Html:
    rows = [(label, found.people(name)) for label, name in (("From", "from"), ("To", "to"), ("Cc", "cc"))]
    told = fill_each(
        "",
        "<div><dt>{}</dt><dd>{}</dd></div>",
        (
            (label, fill_each(", ", "<bdi>{}</bdi>", ((programs.shown(p),) for p in people)))
            for label, people in rows
            if people
        ),
    )
    return fill(
        '<dl class="people">{}<div><dt>Received</dt><dd>{}</dd></div></dl>', told, look.time(found.received)
    )


def _actions(visit: Visit, found: Mail) -> Html:
    answers = fill_each(
        "",
        '<a class="button{}" href="{}">{}</a>',
        (
            (" main" if how == "reply" else "", visit.at("write", how=how, id=found.id), label)
            for how, label in (("reply", "Reply"), ("all", "Reply all"), ("forward", "Forward"))
        ),
    )
    junk = found.folder == FOLDERS["junkemail"]
    others = [
        visit.button("delete", "Delete", id=found.id),
        visit.button(
            "move", "Not junk" if junk else "Junk", id=found.id, to="inbox" if junk else "junkemail"
        ),
        visit.button("unread", "Mark unread", id=found.id),
    ]
    stranger = fill('<a class="button" href="{}">Answer as a stranger</a>', visit.at("stranger", id=found.id))
    return fill('<div class="actions">{}{}{}</div>', answers, look.together(others), stranger)


def _files(visit: Visit, found: Mail) -> Html:
    files = found.files
    if not files:
        return look.NOTHING
    links = fill_each(
        "",
        '<li><a href="{}" download><bdi>{}</bdi></a> <small>{}, {} bytes</small></li>',
        (
            (visit.at("file", id=found.id, number=str(number)), file.name, file.kind, len(file.content))
            for number, file in enumerate(files)
        ),
    )
    return fill('<ul class="files" aria-label="Files">{}</ul>', links)


def _details(found: Mail) -> Html:
    rows = fill_each(
        "",
        "<div><dt>{}</dt><dd><bdi>{}</bdi></dd></div>",
        ((name, " ".join(value.split())[:1000]) for name in _TELLING for value in found.headers(name)),
    )
    return fill('<details><summary>Details</summary><dl class="people">{}</dl></details>', rows)


def _view_link(visit: Visit, found: Mail, name: str, current: str) -> Html:
    label = {"html": "HTML", "text": "Text", "source": "Source"}[name]
    here = Html(' aria-current="page"') if name == current else look.NOTHING
    return fill(
        '<a href="{}"{}>{}</a>', look.link(visit.at("read"), id=found.id, **{"as": name}), here, label
    )


def _shown(visit: Visit, found: Mail, content: mime.Readable, view: str) -> Html:
    if view == "html":
        return fill(
            '<iframe title="The mail" sandbox="{}" src="{}"></iframe>',
            mail.FRAME,
            visit.at("html", id=found.id),
        )
    if view == "text":
        return fill('<pre class="letter" tabindex="0">{}</pre>', content.text or "(no text)")
    raw = fill('<p><a href="{}" download>Download the mail (.eml)</a></p>', visit.at("raw", id=found.id))
    return fill('{}<pre class="letter code" tabindex="0">{}</pre>', raw, mail.source(found))


def html(visit: Visit) -> Response:
    """The frame's content."""
    headers = look.headers_with(mail.POLICY) | {
        "Content-Type": "text/html; charset=utf-8",
        "Referrer-Policy": "no-referrer",
    }
    return Response(200, headers, mail.with_own_links(visit.mail().html, visit.at("new")))


def raw(visit: Visit) -> Response:
    return _download("mail.eml", visit.mail().mime)


def file(visit: Visit) -> Response:
    number = visit.form.get("number")
    files = visit.mail().files
    if not number.isdecimal() or len(number) > 4 or int(number) >= len(files):
        raise NotFound("This mail has no such file.")
    found = files[int(number)]
    return _download(found.name, found.content)


def _download(name: str, content: bytes) -> Response:
    headers = look.headers_with("default-src 'none'; sandbox") | {
        # Whatever the sender says that it is: the browser saves it and opens nothing.
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name[:200], safe='')}",
    }
    return Response(200, headers, content)


def news(visit: Visit) -> Response:
    """For the script: how often something has happened in the mailbox, and how much of it is unread."""
    inbox = next(f for f in visit.sandbox.folders(visit.address) if f["well_known"] == "inbox")
    return look.as_json({"stamp": visit.sandbox.stamp(visit.address), "unread": inbox["unread"]})


# -- what is done to a mail --------------------------------------------------------------------------------------


def delete(visit: Visit) -> Response:
    return _done(visit, lambda found: visit.sandbox.delete(visit.address, found.id), "Deleted.")


def move(visit: Visit) -> Response:
    to = visit.form.get("to")
    if to not in FOLDERS:
        raise NotFound("There is no such folder.")
    return _done(
        visit, lambda found: visit.sandbox.move(visit.address, found.id, to), f"Moved to {FOLDERS[to]}."
    )


def unread(visit: Visit) -> Response:
    return _done(
        visit, lambda found: visit.sandbox.mark_read(visit.address, found.id, False), "Marked as unread."
    )


def _done(visit: Visit, do: Callable[[Mail], object], note: str) -> Response:
    found = visit.mail()
    do(found)
    visit.say(note)
    return visit.back("folder", name=_key(found.folder))
