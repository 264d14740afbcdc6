"""Mailboxes on JMAP servers."""

from placet.lib.sentences import gettext_noop
from placet.mailboxes.kinds import Kind

KINDS = (
    Kind(
        key="jmap",
        label=gettext_noop("JMAP"),
        order=60,
        settings="placet.mailboxes.jmap.settings:JmapSettings",
        guide_page="jmap/guide.html",
        connect="placet.mailboxes.jmap.connection:connect",
        protocols={"jmap": gettext_noop("JMAP")},
        listen="placet.mailboxes.jmap.push:listen",
        listens=("jmap",),
    ),
)
