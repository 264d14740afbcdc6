"""A process as files: its text, what its form takes, and what its import said."""

import json

from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header

from placet.approvals.bpmn import bpmn_of
from placet.approvals.definitions import definition_of
from placet.approvals.drafts import draft_of, text_of
from placet.approvals.form_schema import schema_of
from placet.approvals.models import Version
from placet.approvals.processes import newest
from placet.designer.keeping import HEADINGS
from placet.designer.people import find_process, owners_only
from placet.portal.people import PersonsRequest
from placet.workflowgen.report import Report


@owners_only
def text_file(request: PersonsRequest, key: str) -> HttpResponse:
    """The newest version in YAML, as it was written; `?version=` another one."""
    return _file(text_of(_version(request, key)), f"{key}.yaml", "text/plain")


@owners_only
def schema_file(request: PersonsRequest, key: str) -> HttpResponse:
    """What its form takes, as JSON Schema."""
    schema = schema_of(definition_of(_version(request, key)))
    return _file(
        json.dumps(schema, indent=2, ensure_ascii=False), f"{key}.schema.json", "application/schema+json"
    )


@owners_only
def bpmn_file(request: PersonsRequest, key: str) -> HttpResponse:
    """The newest version as BPMN 2.0, with the layout of its picture."""
    made = bpmn_of(definition_of(_version(request, key)))
    return _file(made.decode(), f"{key}.bpmn", "application/xml")


def _version(request: PersonsRequest, key: str) -> Version:
    shown = find_process(request, key)
    number = request.GET.get("version", "")
    if number:
        named = int(number) if number.isdecimal() and len(number) < 9 else 0
        version = shown.versions.filter(number=named).first()
    else:
        version = newest(shown)
    if version is None:
        raise Http404
    return version


@owners_only
def draft_file(request: PersonsRequest, key: str) -> HttpResponse:
    """The draft in YAML."""
    find_process(request, key)
    draft = draft_of(key)
    if draft is None:
        raise Http404
    return _file(draft.text, f"{key}-draft.yaml", "text/plain")


@owners_only
def report_file(request: PersonsRequest, key: str) -> HttpResponse:
    """What the import said that the draft was made by."""
    find_process(request, key)
    draft = draft_of(key)
    if draft is None:
        raise Http404
    report = Report.from_json(draft.report)
    lines: list[str] = []
    for kind, heading in HEADINGS.items():
        lines += [str(heading), *(f"  {line.place}: {line.text}" for line in report.of(kind)), ""]
    return _file("\n".join(lines), f"{key}-import.txt", "text/plain")


def _file(text: str, name: str, kind: str) -> HttpResponse:
    headers = {
        "Content-Type": f"{kind}; charset=utf-8",
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return HttpResponse(text, headers=headers)
