"""The Diagnostics tab: how it stands, what went wrong, and a file to send to whoever helps."""

import structlog
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts import general as said
from placet.lib import logs
from placet.lib.config import PREFIX
from placet.panel import findings, health, support
from placet.portal.people import PersonsRequest, administrators_only

log = structlog.get_logger(__name__)

TROUBLES_SHOWN = 50


class LogLevelForm(forms.Form):
    log_level = forms.ChoiceField(
        label=gettext_lazy("Log level"),
        choices=[
            ("debug", gettext_lazy("debug: everything")),
            ("info", gettext_lazy("info: what happens")),
            ("warning", gettext_lazy("warning: what may go wrong")),
            ("error", gettext_lazy("error: what went wrong")),
        ],
        error_messages={"required": gettext_lazy("Choose a level.")},
    )


@administrators_only
def diagnostics(request: PersonsRequest) -> HttpResponse:
    """A POST changes the log level."""
    if request.method != "POST":
        return _page(request, LogLevelForm(initial={"log_level": logs.level_now()}))
    form = LogLevelForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    _set_level(form.cleaned_data["log_level"], request.user.pk)
    messages.success(request, _("The log level is changed."))
    return redirect("panel:diagnostics")


def _set_level(level: str, by: int) -> None:
    """From now on, and after the next start unless the operator says otherwise."""
    logs.set_level(level)
    said.save({"log_level": level}, by=by)
    log.info("log_level_changed", by=by, level=level)


def _page(request: PersonsRequest, form: LogLevelForm, status: int = 200) -> HttpResponse:
    troubles = logs.memory.troubles()
    context = {
        "form": form,
        "by_operator": f"{PREFIX}LOG_LEVEL" if said.set_by_operator("log_level") else "",
        "machine": findings.machine(),
        "database": findings.database(),
        "workers": findings.workers(),
        "processes": findings.processes(),
        "work_is_done": health.work_is_done(),
        "queues": findings.queues(),
        "waiting_ends": findings.waiting_ends(),
        "way": findings.way(request),
        "troubles": troubles[:TROUBLES_SHOWN],
        "more_troubles": len(troubles) - TROUBLES_SHOWN,
        "failed_mails": findings.failed_mails(),
        "failed_marks": findings.failed_marks(),
    }
    return render(request, "panel/diagnostics.html", context, status=status)


@administrators_only
def support_file(request: PersonsRequest) -> HttpResponse:
    name = f"placet-support-{timezone.localdate():%Y-%m-%d}.zip"
    return HttpResponse(
        support.support_file(request),
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )
