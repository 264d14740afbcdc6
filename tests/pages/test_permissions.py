"""Who may open what, and that opening changes nothing. Every address of the pages is in the table."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from django.apps import apps
from django.core import serializers
from django.core.cache import cache
from django.db import connection, transaction
from django.http.response import HttpResponse, HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from placet.accounts import calendar_changes, delegations
from placet.accounts.calendars import OFFICE_WEEK, Content, OwnDay
from placet.accounts.models import Calendar, Group, Person
from placet.api import keys
from placet.approvals import authority_drafts, drafts
from placet.approvals.models import Assignment, Attachment, AuthorityTable, Request, TableVersion
from placet.designer import edits, revisions
from placet.lib.public_holidays import Observed
from placet.lib.working_time import Span
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.webhooks import signing
from placet.webhooks.models import Attempt, Delivery, Endpoint, Event, secrets_of

if TYPE_CHECKING:
    from placet.mailboxes.microsoft.certificates import Certificate

NOBODY = "https://10.0.0.8/hooks/its-secret-part"  # private, and on no list: nothing is called there
As = Callable[[Person | None], Client]

# What a GET answers to: nobody, Dave (a stranger), Alice (asks), Bob (is asked), Ada (administers).
# 302 is the way to sign in for nobody, and back to the page for addresses that take a POST only.
SEEN = {
    "portal:home": (302, 200, 200, 200, 200),
    "portal:start": (302, 302, 302, 302, 302),  # one process: straight to its form
    "portal:start_form": (302, 200, 200, 200, 200),
    "portal:mine": (302, 200, 200, 200, 200),
    "portal:decide_several": (302, 302, 302, 302, 302),
    "portal:discard_draft": (302, 302, 302, 302, 302),
    "portal:suggest_people": (302, 200, 200, 200, 200),  # whom a form may name; this one asks for nobody
    "portal:suggest_options": (
        302,
        200,
        200,
        200,
        200,
    ),  # what a form may name out of a table; this one asks for nothing
    "portal:attachment": (302, 404, 200, 200, 200),
    "portal:search": (302, 200, 200, 200, 200),
    "portal:decided": (302, 200, 200, 200, 200),
    "portal:start_again": (302, 404, 302, 403, 403),
    "portal:request": (302, 404, 200, 200, 200),
    "portal:decide": (302, 404, 302, 302, 302),
    "portal:fill_in": (302, 404, 404, 302, 404),  # for whoever is asked; this step has nothing to fill in
    "portal:withdraw": (302, 404, 200, 403, 200),
    "portal:send_again": (302, 404, 302, 403, 302),
    "portal:ask_again": (302, 404, 403, 403, 302),
    "portal:signal": (302, 404, 403, 403, 302),
    "portal:ask_back": (302, 404, 302, 302, 302),
    "portal:clarify": (302, 404, 302, 302, 302),
    "portal:give": (302, 404, 404, 200, 200),  # whoever made the request does not choose who decides it
    "portal:suggest_to_give": (302, 404, 404, 200, 200),
    "portal:take_back": (302, 404, 302, 302, 302),
    "portal:undo": (302, 404, 404, 302, 404),  # for whoever answered; nobody did
    "portal:back": (302, 302, 302, 302, 302),
    "account_delegates": (302, 200, 200, 200, 200),
    "account_suggest_delegates": (302, 200, 200, 200, 200),
    "account_end_delegation": (302, 404, 404, 302, 404),  # their own
    "account_keys": (302, 200, 200, 200, 200),
    "account_rotate_key": (302, 404, 404, 200, 404),  # their own
    "account_revoke_key": (302, 404, 404, 200, 404),
    "confirm_address": (410, 410, 410, 410, 410),  # for whoever has a link that holds; this one does not
    "graph_notifications": (405, 405, 405, 405, 405),  # Microsoft's, with a secret of its own
    "designer:processes": (302, 403, 403, 403, 200),
    "designer:new": (302, 403, 403, 403, 200),
    "designer:template": (302, 403, 403, 403, 200),
    "designer:import": (302, 403, 403, 403, 200),
    "designer:suggest_people": (302, 403, 403, 403, 200),
    "designer:requests": (302, 403, 403, 403, 200),
    "designer:save_view": (302, 403, 403, 403, 302),
    "designer:requests_csv": (302, 403, 403, 403, 200),
    "designer:requests_xlsx": (302, 403, 403, 403, 200),
    "designer:events_csv": (302, 403, 403, 403, 200),
    "designer:events_xes": (302, 403, 403, 403, 200),
    "designer:process": (302, 403, 403, 403, 200),
    "designer:try": (302, 403, 403, 403, 200),
    "designer:try_mail": (302, 403, 403, 403, 404),  # of a trial, which this address does not name
    "designer:cases": (302, 403, 403, 403, 200),
    "designer:replay": (302, 403, 403, 403, 200),
    "designer:design": (302, 403, 403, 403, 200),
    "designer:step": (302, 403, 403, 403, 200),
    "designer:move_step": (302, 403, 403, 403, 302),
    "designer:step_mail": (302, 403, 403, 403, 404),  # in a language, which this address does not name
    "designer:add_step": (302, 403, 403, 403, 200),
    "designer:suggest_asked": (302, 403, 403, 403, 200),
    "designer:design_form": (302, 403, 403, 403, 200),
    "designer:add_part": (302, 403, 403, 403, 302),
    "designer:form_part": (302, 403, 403, 403, 200),
    "designer:move_part": (302, 403, 403, 403, 302),
    "designer:design_settings": (302, 403, 403, 403, 200),
    "designer:publish": (302, 403, 403, 403, 200),
    "designer:text": (302, 403, 403, 403, 200),
    "designer:history": (302, 403, 403, 403, 200),
    "designer:compare": (302, 403, 403, 403, 200),
    "designer:copy": (302, 403, 403, 403, 200),
    "designer:owners": (302, 403, 403, 403, 302),
    "designer:retire": (302, 403, 403, 403, 200),
    "designer:bring_back": (302, 403, 403, 403, 302),
    "designer:text_file": (302, 403, 403, 403, 200),
    "designer:schema_file": (302, 403, 403, 403, 200),
    "designer:bpmn_file": (302, 403, 403, 403, 200),
    "designer:draft_file": (302, 403, 403, 403, 200),
    "designer:report": (302, 403, 403, 403, 200),
    "designer:report_file": (302, 403, 403, 403, 200),
    "designer:discard": (302, 403, 403, 403, 200),
    "reports:home": (302, 403, 403, 403, 200),
    **{
        f"reports:{key}": (302, 403, 403, 403, 200)
        for key in ("waiting", "durations", "steps", "passes", "trend", "answers", "rules", "table")
    },
    "panel:home": (302, 403, 403, 403, 200),
    "panel:configuration": (302, 302, 302, 302, 302),
    "panel:general": (302, 403, 403, 403, 200),
    "panel:square_logo": (302, 403, 403, 403, 404),  # there is none
    "panel:calendars": (302, 403, 403, 403, 200),
    "panel:new_calendar": (302, 403, 403, 403, 200),
    "panel:calendar": (302, 403, 403, 403, 200),
    "panel:edit_calendar": (302, 403, 403, 403, 200),
    "panel:calendar_days": (302, 403, 403, 403, 200),
    "panel:delete_calendar": (302, 403, 403, 403, 200),
    "panel:guide": (302, 403, 403, 403, 200),
    "panel:guide_step": (302, 403, 403, 403, 200),
    "panel:guide_of_kind": (302, 403, 403, 403, 200),
    "panel:guide_calendar": (302, 403, 403, 403, 302),  # the day is not known
    "panel:alarms": (302, 403, 403, 403, 200),
    "panel:test_webhook": (302, 403, 403, 403, 302),
    "panel:diagnostics": (302, 403, 403, 403, 200),
    "panel:support_file": (302, 403, 403, 403, 200),
    "panel:remote_approval": (302, 403, 403, 403, 200),
    "panel:mailbox": (302, 403, 403, 403, 200),
    "panel:check": (302, 403, 403, 403, 302),
    "panel:activate": (302, 403, 403, 403, 302),
    "panel:remove_mailbox": (302, 403, 403, 403, 200),
    "panel:stamps": (302, 403, 403, 403, 200),
    "panel:consent": (302, 403, 403, 403, 200),
    "panel:consent_answer": (302, 403, 403, 403, 302),
    "panel:signatures": (302, 403, 403, 403, 200),
    "panel:check_move": (302, 403, 403, 403, 302),
    "panel:move": (302, 403, 403, 403, 302),
    "panel:certificate": (302, 403, 403, 403, 200),
    "panel:certificate_file": (302, 403, 403, 403, 200),
    "panel:make_certificate": (302, 403, 403, 403, 302),
    "panel:upload_certificate": (302, 403, 403, 403, 302),
    "panel:use_certificate": (302, 403, 403, 403, 302),
    "panel:use_secret": (302, 403, 403, 403, 302),
    "panel:remove_certificate": (302, 403, 403, 403, 200),
    "panel:remove_secret": (302, 403, 403, 403, 200),
    "panel:new_mailbox": (302, 403, 403, 403, 200),
    "panel:check_fields": (302, 403, 403, 403, 302),
    "panel:from_guide": (302, 403, 403, 403, 302),
    "panel:autodiscover": (302, 403, 403, 403, 302),
    "panel:mailbox_kind": (302, 403, 403, 403, 302),
    "panel:look_up_mailbox": (302, 403, 403, 403, 302),
    "panel:use_proposal": (302, 403, 403, 403, 302),
    "panel:incoming": (302, 403, 403, 403, 200),
    "panel:incoming_mail": (302, 403, 403, 403, 200),
    "panel:mail_html": (302, 403, 403, 403, 200),
    "panel:attachment": (302, 403, 403, 403, 404),  # this mail has none
    "panel:raw": (302, 403, 403, 403, 200),
    "panel:handle_again": (302, 403, 403, 403, 302),
    "panel:looked_at": (302, 403, 403, 403, 302),
    "panel:all_looked_at": (302, 403, 403, 403, 302),
    "panel:marks_again": (302, 403, 403, 403, 302),
    "panel:offer_address": (302, 403, 403, 403, 302),
    "panel:outgoing": (302, 403, 403, 403, 200),
    "panel:outgoing_mail": (302, 403, 403, 403, 200),
    "panel:outgoing_html": (302, 403, 403, 403, 200),
    "panel:send_again": (302, 403, 403, 403, 302),
    "panel:try_reply": (302, 403, 403, 403, 200),
    "panel:people": (302, 403, 403, 403, 200),
    "panel:add_person": (302, 403, 403, 403, 200),
    "panel:suggest_people": (302, 403, 403, 403, 200),
    "panel:import_people": (302, 403, 403, 403, 200),
    "panel:import_preview": (302, 403, 403, 403, 302),  # another administrator's, so it is not there
    "panel:people_template": (302, 403, 403, 403, 200),
    "panel:export_people": (302, 403, 403, 403, 200),
    "panel:person": (302, 403, 403, 403, 200),
    "panel:addresses": (302, 403, 403, 403, 302),
    "panel:password": (302, 403, 403, 403, 302),
    "panel:delegates": (302, 403, 403, 403, 200),
    "panel:end_delegation": (302, 403, 403, 403, 302),
    "panel:keys": (302, 403, 403, 403, 200),
    "panel:new_key": (302, 403, 403, 403, 200),
    "panel:rotate_key": (302, 403, 403, 403, 200),
    "panel:revoke_key": (302, 403, 403, 403, 200),
    "panel:deactivate": (302, 403, 403, 403, 200),
    "panel:reactivate": (302, 403, 403, 403, 302),  # she is active
    "panel:groups": (302, 403, 403, 403, 200),
    "panel:group": (302, 403, 403, 403, 200),
    "panel:rename_group": (302, 403, 403, 403, 200),
    "panel:delete_group": (302, 403, 403, 403, 200),
    "designer:go_back": (302, 403, 403, 403, 302),
    "designer:undo": (302, 403, 403, 403, 302),
    "designer:redo": (302, 403, 403, 403, 302),
    "panel:tables": (302, 403, 403, 403, 200),
    "panel:table": (302, 403, 403, 403, 200),
    "panel:table_file": (302, 403, 403, 403, 200),
    "panel:edit_table": (302, 403, 403, 403, 302),
    "panel:new_table": (302, 403, 403, 403, 200),
    "panel:import_table": (302, 403, 403, 403, 200),
    "panel:table_draft": (302, 403, 403, 403, 200),
    "panel:review_table": (302, 403, 403, 403, 200),
    "panel:discard_table_draft": (302, 403, 403, 403, 302),
    "panel:webhooks": (302, 403, 403, 403, 200),
    "panel:webhook": (302, 403, 403, 403, 200),
    "panel:edit_webhook": (302, 403, 403, 403, 200),
    "panel:try_webhook": (302, 403, 403, 403, 302),
    "panel:switch_webhook": (302, 403, 403, 403, 302),
    "panel:rotate_webhook": (302, 403, 403, 403, 302),
    "panel:replay_webhook": (302, 403, 403, 403, 302),
    "panel:replay_callback": (302, 403, 403, 403, 302),
    "panel:remove_webhook": (302, 403, 403, 403, 200),
    "panel:webhook_delivery": (302, 403, 403, 403, 200),
    "designer:chats": (302, 403, 403, 403, 200),
    "designer:chat": (302, 403, 403, 403, 302),
}
# Of the same people, what a POST of an empty form answers; all but the sign-in pages.
SENT = {
    "designer:step": (302, 403, 403, 403, 409),  # nobody says which revision the form was made of
    "designer:move_step": (302, 403, 403, 403, 302),
    "designer:add_step": (302, 403, 403, 403, 422),
    "designer:add_part": (302, 403, 403, 403, 422),
    "designer:form_part": (302, 403, 403, 403, 409),
    "designer:move_part": (302, 403, 403, 403, 302),
    "designer:design_settings": (302, 403, 403, 403, 409),
    "designer:publish": (302, 403, 403, 403, 302),
    "portal:start_form": (302, 409, 409, 409, 409),
    "portal:decide_several": (302, 422, 422, 422, 422),
    "portal:discard_draft": (302, 302, 302, 302, 302),
    "portal:start_again": (302, 404, 302, 403, 403),
    "designer:text": (302, 403, 403, 403, 302),  # nobody says which text
    "designer:go_back": (302, 403, 403, 403, 404),  # nobody says to what
    "designer:undo": (302, 403, 403, 403, 302),
    "designer:redo": (302, 403, 403, 403, 302),
    "portal:decide": (302, 404, 422, 422, 422),
    "portal:fill_in": (302, 404, 404, 302, 404),
    "portal:withdraw": (302, 404, 302, 403, 302),
    "portal:send_again": (302, 404, 404, 403, 404),
    "portal:ask_again": (302, 404, 403, 403, 404),
    "portal:signal": (302, 404, 403, 403, 302),  # nothing waits for one of this key
    "portal:ask_back": (302, 404, 302, 302, 302),  # nobody says which place of theirs it is about
    "portal:clarify": (302, 404, 302, 302, 302),
    "portal:give": (302, 404, 404, 422, 422),
    "portal:take_back": (302, 404, 404, 404, 404),
    "portal:undo": (302, 404, 404, 302, 404),
    "portal:back": (302, 302, 302, 302, 302),
    "account_delegates": (302, 422, 422, 422, 422),
    "account_end_delegation": (302, 404, 404, 302, 404),
    "account_keys": (302, 422, 422, 422, 422),
    "account_rotate_key": (302, 404, 404, 422, 404),
    "account_revoke_key": (302, 404, 404, 302, 404),
    "designer:try": (302, 403, 403, 403, 422),
    "designer:cases": (302, 403, 403, 403, 404),  # it does not say which one is to go
    "designer:replay": (302, 403, 403, 403, 200),  # there is no draft
    "designer:new": (302, 403, 403, 403, 422),
    "designer:template": (302, 403, 403, 403, 422),
    "designer:import": (302, 403, 403, 403, 422),
    "designer:copy": (302, 403, 403, 403, 422),
    "designer:save_view": (302, 403, 403, 403, 302),
    "designer:owners": (302, 403, 403, 403, 422),
    "designer:retire": (302, 403, 403, 403, 302),
    "designer:bring_back": (302, 403, 403, 403, 302),
    "designer:discard": (302, 403, 403, 403, 302),
    "panel:general": (302, 403, 403, 403, 422),
    "panel:calendars": (302, 403, 403, 403, 422),
    "panel:new_calendar": (302, 403, 403, 403, 422),
    "panel:edit_calendar": (302, 403, 403, 403, 422),
    "panel:calendar_days": (302, 403, 403, 403, 422),
    "panel:delete_calendar": (302, 403, 403, 403, 302),
    "panel:guide": (302, 403, 403, 403, 302),
    "panel:guide_step": (302, 403, 403, 403, 422),
    "panel:alarms": (302, 403, 403, 403, 422),
    "panel:test_webhook": (302, 403, 403, 403, 302),
    "panel:diagnostics": (302, 403, 403, 403, 422),
    "panel:remote_approval": (302, 403, 403, 403, 422),
    "panel:mailbox": (302, 403, 403, 403, 422),
    "panel:activate": (302, 403, 403, 403, 302),
    "panel:remove_mailbox": (302, 403, 403, 403, 302),
    "panel:stamps": (302, 403, 403, 403, 422),  # no step is named
    "panel:signatures": (302, 403, 403, 403, 422),  # the same
    "panel:check_move": (302, 403, 403, 403, 302),
    "panel:move": (302, 403, 403, 403, 302),
    "panel:make_certificate": (302, 403, 403, 403, 422),
    "panel:upload_certificate": (302, 403, 403, 403, 422),
    "panel:use_certificate": (302, 403, 403, 403, 422),  # nobody answers at its token address
    "panel:use_secret": (302, 403, 403, 403, 302),
    "panel:remove_certificate": (302, 403, 403, 403, 302),
    "panel:remove_secret": (302, 403, 403, 403, 302),
    "panel:new_mailbox": (302, 403, 403, 403, 422),
    "panel:check_fields": (302, 403, 403, 403, 200),
    "panel:from_guide": (302, 403, 403, 403, 200),
    "panel:autodiscover": (302, 403, 403, 403, 200),
    "panel:mailbox_kind": (302, 403, 403, 403, 200),
    "panel:look_up_mailbox": (302, 403, 403, 403, 422),
    "panel:use_proposal": (302, 403, 403, 403, 200),
    "confirm_address": (410, 410, 410, 410, 410),
    "panel:handle_again": (302, 403, 403, 403, 302),
    "panel:looked_at": (302, 403, 403, 403, 302),
    "panel:all_looked_at": (302, 403, 403, 403, 302),
    "panel:marks_again": (302, 403, 403, 403, 302),
    "panel:offer_address": (302, 403, 403, 403, 302),
    "panel:send_again": (302, 403, 403, 403, 302),
    "panel:try_reply": (302, 403, 403, 403, 422),
    "panel:add_person": (302, 403, 403, 403, 422),
    "panel:import_people": (302, 403, 403, 403, 422),
    "panel:import_preview": (302, 403, 403, 403, 302),
    "panel:person": (302, 403, 403, 403, 422),
    "panel:addresses": (302, 403, 403, 403, 422),
    "panel:password": (302, 403, 403, 403, 302),
    "panel:delegates": (302, 403, 403, 403, 422),
    "panel:end_delegation": (302, 403, 403, 403, 302),
    "panel:new_key": (302, 403, 403, 403, 422),
    "panel:rotate_key": (302, 403, 403, 403, 422),
    "panel:revoke_key": (302, 403, 403, 403, 302),
    "panel:deactivate": (302, 403, 403, 403, 302),
    "panel:reactivate": (302, 403, 403, 403, 302),
    "panel:groups": (302, 403, 403, 403, 422),
    "panel:group": (302, 403, 403, 403, 422),
    "panel:rename_group": (302, 403, 403, 403, 422),
    "panel:delete_group": (302, 403, 403, 403, 302),
    "panel:edit_table": (302, 403, 403, 403, 302),
    "panel:new_table": (302, 403, 403, 403, 422),
    "panel:import_table": (302, 403, 403, 403, 422),
    "panel:table_draft": (302, 403, 403, 403, 302),
    "panel:review_table": (302, 403, 403, 403, 302),
    "panel:discard_table_draft": (302, 403, 403, 403, 302),
    "panel:webhooks": (302, 403, 403, 403, 422),
    "panel:edit_webhook": (302, 403, 403, 403, 422),
    "panel:try_webhook": (302, 403, 403, 403, 302),
    "panel:switch_webhook": (302, 403, 403, 403, 302),
    "panel:rotate_webhook": (302, 403, 403, 403, 422),
    "panel:replay_webhook": (302, 403, 403, 403, 422),
    "panel:replay_callback": (302, 403, 403, 403, 404),  # nobody says which
    "panel:remove_webhook": (302, 403, 403, 403, 302),
    "designer:chats": (302, 403, 403, 403, 422),
    "designer:chat": (302, 403, 403, 403, 302),  # no button was pressed
}
#: What shows no page of its own: files, parts of pages, and mails in a frame.
NO_PAGES = {
    "portal:attachment", "designer:requests_csv", "designer:requests_xlsx", "designer:events_csv",
    "designer:events_xes", "designer:text_file", "designer:schema_file", "designer:bpmn_file", "designer:draft_file",
    "designer:report_file", "reports:table", "panel:support_file", "panel:certificate_file", "panel:raw",
    "panel:people_template", "panel:export_people", "panel:table_file",
    "portal:suggest_people", "portal:suggest_options", "portal:suggest_to_give", "account_suggest_delegates",
    "designer:suggest_people", "designer:suggest_asked", "panel:suggest_people",
    "panel:mail_html", "panel:outgoing_html",
}  # fmt: skip
# Foreign HTML for a sandboxed frame has a policy of its own (tests/pages/test_mail_html.py).
FRAMED = {"panel:mail_html", "panel:outgoing_html"}
PUBLIC = {
    "account_login",
    "account_logout",
    "account_inactive",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
}
#: For programs, with keys of their own, or of nothing but the API's own texts (tests/api).
API = {"api:docs", "api:problems", "api:openapi", "api:call", "api:nothing_here"}
OWN = {"account", "design", "account_change_password", "account_set_password"}


def _names(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{entry.namespace}:" if entry.namespace else ""
            yield from _names(entry, namespace + inner)
        elif isinstance(entry, URLPattern):
            yield namespace + (entry.name or str(entry.pattern))


def test_every_address_has_its_line_in_the_table() -> None:
    assert set(_names(get_resolver())) == {*SEEN, *PUBLIC, *OWN, *API, "healthz", "readyz", "metrics", "logo"}


@pytest.fixture
def world(
    asked: Assignment,
    incoming: IncomingMail,
    mailbox: Mailbox,
    carol: Person,
    dave: Person,
    admin: Person,
    certificate: "Certificate",
) -> dict[str, str]:
    """The address of every page, about rows that exist."""
    request: Request = asked.visit.request
    mailbox.secrets |= {"certificate": certificate.to_text(), "certificate_waiting": certificate.to_text()}
    mailbox.settings["token_uri"] = "http://127.0.0.1:9/contoso.example/oauth2/v2.0/token"  # nobody is there
    mailbox.save()
    by_consent = store.save(
        {
            "kind": "imap", "username": "office@contoso.example", "imap_host": "imap.gmail.com", "smtp_host":
            "smtp.gmail.com", "imap_sign_in": "oauth-refresh", "smtp_sign_in": "oauth-refresh", "imap_client_id":
            "placet", "smtp_client_id": "placet",
        },
        by=admin.email,
    ).mailbox  # fmt: skip
    mail = OutgoingMail.objects.create(
        mailbox=mailbox, kind="ask", to="bob@contoso.example", cause="test", reference="1", message_id="<1@x>",
        subject="Please decide", raw=b"", state=OutgoingMail.State.FAILED,
    )  # fmt: skip
    table = AuthorityTable.objects.create(key="authority", name="Who may approve")
    for number in (1, 2):
        TableVersion.objects.create(
            table=table, number=number, hits="first", rows=[["4711", "", "group:finance"]],
            columns=[
                {"name": name, "kind": kind}
                for name, kind in (("site", "text"), ("amount", "number"), ("ask", "ask"))
            ],
        )  # fmt: skip
    edited = authority_drafts.begin("authority", admin)
    changed = drafts.begin(request.version.process, admin)
    for name in ("Purchases", "Purchase requests"):
        text = edits.set_value(changed.text, ["name"], name)
        revisions.revise(changed, text, admin, "Another name", changed.at)
    lines = [[kind, "Action A", "Something of it."] for kind in ("taken", "changed", "left_out", "decide")]
    draft = drafts.store("from-elsewhere", "From elsewhere", "key: from-elsewhere\n", report=lines)
    about: dict[str, dict[str, object]] = {
        **{
            f"designer:{name}": {"key": draft.process.key}
            for name in ("draft_file", "report", "report_file", "discard")
        },
        **{
            f"designer:{name}": {"key": "purchase"}
            for name in (
                "process",
                "copy",
                "owners",
                "retire",
                "bring_back",
                "text_file",
                "schema_file",
                "bpmn_file",
            )
        },
        "designer:template": {"name": "order"},
        "portal:start_form": {"key": "purchase"},
        "designer:process": {"key": "purchase"},
        "designer:try": {"key": "purchase"},
        "designer:try_mail": {"key": "purchase"},
        "designer:cases": {"key": "purchase"},
        "designer:replay": {"key": "purchase"},
        **{
            f"designer:{name}": {"key": "purchase"}
            for name in (
                "design",
                "add_step",
                "suggest_asked",
                "design_form",
                "add_part",
                "design_settings",
                "publish",
            )
        },
        **{
            f"designer:{name}": {"key": "purchase", "step": "manager"}
            for name in ("step", "move_step", "step_mail")
        },
        **{f"designer:{name}": {"key": "purchase", "number": 1} for name in ("form_part", "move_part")},
        **{f"designer:{name}": {"key": "purchase"} for name in ("text", "history", "compare")},
        "designer:go_back": {"key": "purchase"},
        "designer:undo": {"key": "purchase"},
        "designer:redo": {"key": "purchase"},
        "reports:table": {"key": "durations", "table_key": "weeks"},
        "panel:mailbox": {"pk": mailbox.pk},
        "panel:check": {"pk": mailbox.pk},
        "panel:check_move": {"pk": mailbox.pk},
        "panel:move": {"pk": mailbox.pk},
        "panel:certificate": {"pk": mailbox.pk},
        "panel:certificate_file": {"pk": mailbox.pk, "which": "in-use"},
        "panel:make_certificate": {"pk": mailbox.pk},
        "panel:upload_certificate": {"pk": mailbox.pk},
        "panel:use_certificate": {"pk": mailbox.pk},
        "panel:use_secret": {"pk": mailbox.pk},
        "panel:remove_certificate": {"pk": mailbox.pk},
        "panel:remove_secret": {"pk": mailbox.pk},
        "panel:guide_step": {"key": "register"},
        "panel:guide_of_kind": {"key": "exchange-server"},
        "panel:activate": {"pk": mailbox.pk},
        "panel:incoming_mail": {"pk": incoming.pk},
        "panel:raw": {"pk": incoming.pk},
        "confirm_address": {"link": "x.y.z"},
        "panel:mail_html": {"pk": incoming.pk},
        "panel:attachment": {"pk": incoming.pk, "number": 1},
        "panel:handle_again": {"pk": incoming.pk},
        "panel:looked_at": {"pk": incoming.pk},
        "panel:offer_address": {"pk": incoming.pk},
        "panel:outgoing_mail": {"pk": mail.pk},
        "panel:outgoing_html": {"pk": mail.pk},
        "panel:send_again": {"pk": mail.pk},
        "panel:import_preview": {"token": "somebody-elses"},
        "panel:person": {"pk": carol.pk},
        "panel:addresses": {"pk": carol.pk},
        "panel:password": {"pk": carol.pk},
        "panel:deactivate": {"pk": carol.pk},
        "panel:reactivate": {"pk": carol.pk},
        "panel:rename_group": {"pk": Group.objects.get().pk},
        "panel:delete_group": {"pk": Group.objects.get().pk},
        "panel:group": {"pk": Group.objects.get().pk},
        "panel:table": {"pk": table.pk},
        "panel:table_file": {"pk": table.pk, "number": 2},
        "panel:edit_table": {"pk": table.pk},
        "panel:table_draft": {"pk": edited.pk},
        "panel:review_table": {"pk": edited.pk},
        "panel:discard_table_draft": {"pk": edited.pk},
        "panel:remove_mailbox": {"pk": mailbox.pk},
        "panel:stamps": {"pk": mailbox.pk},
        "panel:consent": {"pk": by_consent.pk},
        "panel:consent_answer": {"server": "login.contoso.example"},
    }
    delivery = make_delivery(request, admin)
    for name in (
        "webhook",
        "edit_webhook",
        "try_webhook",
        "switch_webhook",
        "rotate_webhook",
        "replay_webhook",
    ):
        about[f"panel:{name}"] = about["panel:remove_webhook"] = {"pk": delivery.endpoint_id}
    about["panel:webhook_delivery"] = {"pk": delivery.endpoint_id, "number": delivery.pk}
    chat = Endpoint.objects.create(
        kind=Endpoint.Kind.SLACK, process=request.version.process, secrets=secrets_of(NOBODY), owner=admin
    )
    about["designer:chats"] = {"key": "purchase"}
    about["designer:chat"] = {"key": "purchase", "pk": chat.pk}
    calendar = make_calendar(admin)
    for name in ("calendar", "edit_calendar", "calendar_days", "delete_calendar"):
        about[f"panel:{name}"] = {"pk": calendar.pk}
    file = Attachment.objects.create(
        request=request, field="quotes", name="offer.html", size=3, sha256="0" * 64, content=b"<b>", by=carol
    )
    about["portal:attachment"] = {"public_id": file.public_id}
    about["portal:discard_draft"] = about["portal:suggest_people"] = {"key": "purchase"}
    about["portal:suggest_options"] = {"key": "purchase"}
    asked = Assignment.objects.get(visit__request=request, person__email="bob@contoso.example")
    about["portal:fill_in"] = {"public_id": request.public_id, "number": asked.pk}
    about["portal:give"] = about["portal:suggest_to_give"] = about["portal:fill_in"]
    about["portal:undo"] = about["portal:fill_in"]
    about["portal:take_back"] = {"public_id": request.public_id}
    delegation = delegations.make(asked.person, delegations.Wanted(carol, timezone.now()), asked.person)
    about["account_end_delegation"] = {"pk": delegation.pk}
    about["panel:delegates"] = {"pk": asked.person_id}
    about["panel:end_delegation"] = {"pk": asked.person_id, "number": delegation.pk}
    key, _text = keys.make(asked.person, "ERP", {keys.Scope.REQUESTS_READ}, by=asked.person)
    for name in ("account_rotate_key", "account_revoke_key", "panel:rotate_key", "panel:revoke_key"):
        about[name] = {"pk": key.pk}
    for name in (
        "request",
        "decide",
        "withdraw",
        "start_again",
        "send_again",
        "ask_again",
        "signal",
        "ask_back",
        "clarify",
    ):
        about[f"portal:{name}"] = {"public_id": request.public_id}
    addresses = {name: reverse(name, kwargs=about.get(name, {})) for name in SEEN}
    return {**addresses, "designer:compare": f"{addresses['designer:compare']}?old=v1&new=r3"}


@pytest.fixture
def people(alice: Person, bob: Person, dave: Person, admin: Person) -> list[Person | None]:
    return [None, dave, alice, bob, admin]


def make_delivery(request: Request, owner: Person) -> Delivery:
    """Of a webhook that failed once."""
    endpoint = Endpoint.objects.create(
        secrets=secrets_of(NOBODY, signing.new_secret()), owner=owner, description="The ERP",
        events=["request.ended"], processes=["purchase"], failing_since=timezone.now(), failures=1,
    )  # fmt: skip
    event = Event.objects.create(request=request, sequence=1, type="request.started", at=timezone.now())
    later = timezone.now() + timedelta(days=1)
    delivery = Delivery.objects.create(
        endpoint=endpoint, event=event, due=later, tries=1, last_status=503, last_error="It answered 503."
    )
    Attempt.objects.create(
        delivery=delivery,
        at=timezone.now(),
        status=503,
        milliseconds=12,
        error="It answered 503.",
        answer="<b>later",
    )
    callback = Endpoint.objects.create(
        kind=Endpoint.Kind.CALLBACK, request=request, secrets=secrets_of(NOBODY, signing.new_secret())
    )
    Delivery.objects.create(endpoint=callback, event=event, state="failed", last_error="It answered 500.")
    return delivery


def make_calendar(by: Person) -> Calendar:
    """Of Munich, with two days of its own, and not its first version."""
    content = Content("Europe/Berlin", OFFICE_WEEK, Observed("DE", "BY", ("public",)))
    calendar = calendar_changes.add("munich", "Munich office", content, by)
    days = [
        OwnDay(date(2099, 12, 24), "Christmas Eve", (Span(540, 720),)),
        OwnDay(date(2020, 1, 2), "Bridge day"),
    ]
    calendar_changes.change(calendar, lambda now: calendar_changes.with_days(now, days), by)
    return calendar


def _rows() -> str:
    """Every row of ours, as text."""
    ours = ("accounts", "audit", "mailboxes", "mail", "alarms", "approvals", "webhooks", "designer")
    models = [model for label in ours for model in apps.get_app_config(label).get_models()]
    lines: list[str] = []
    for model in models:
        fields = [field.name for field in model._meta.fields if field.name not in ("secrets", "last_login")]
        lines.append(serializers.serialize("json", model._default_manager.order_by("pk"), fields=fields))
    return "\n".join(lines)


#: One world is made for all addresses of a share: it takes longer to make than to look at.
SHARES = 4


def _share(names: Iterable[str], number: int) -> list[str]:
    return sorted(names)[number::SHARES]


#: How a statement begins that leaves every row of ours as it is.
_READING = (
    "SELECT ", "SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ", 'DELETE FROM "placet_cache"',
)  # fmt: skip


def _changing(names: Iterable[str], visit: Callable[[str], object]) -> list[str]:
    """Those of them after whose visit any row is another one. Rows are looked at where a statement may have written
    any: to write out all of them takes longer than a visit."""
    before, changing = _rows(), []
    for name in names:
        if not _may_write(partial(visit, name)):
            continue
        rows = _rows()
        if rows != before:
            changing.append(name)
        before = rows
    return changing


def _may_write(visit: Callable[[], object]) -> bool:
    statements: list[str] = []

    def note(execute: Callable[..., object], sql: object, *how: object) -> object:
        statements.append(str(sql))
        return execute(sql, *how)

    with connection.execute_wrapper(note):
        visit()
    return not all(statement.startswith(_READING) for statement in statements)


def test_a_row_that_a_visit_changes_is_seen(alice: Person, bob: Person) -> None:
    visits: dict[str, Callable[[], object]] = {
        "reads": lambda: Person.objects.get(pk=alice.pk),
        "renames": lambda: Person.objects.filter(pk=alice.pk).update(name="Another"),
        "leaves it": lambda: Person.objects.filter(pk=alice.pk).update(name="Another"),
        "adds": lambda: Group.objects.create(key="added", name="Added"),
        "takes away": lambda: Group.objects.get().delete(),
    }
    assert _changing(visits, lambda name: visits[name]()) == ["renames", "adds", "takes away"]


@pytest.mark.parametrize("share", range(SHARES))
def test_a_get_shows_each_person_what_concerns_them_under_the_strict_policy_and_changes_nothing(
    share: int, world: dict[str, str], people: list[Person | None], as_: As
) -> None:
    browsers, names = [as_(person) for person in people], _share(SEEN, share)
    answers: dict[str, tuple[int, ...]] = {}
    loose: list[tuple[str, str]] = []
    whole_pages: set[str] = set()

    def visit(name: str) -> None:
        pages = [browser.get(world[name]) for browser in browsers]
        answers[name] = tuple(page.status_code for page in pages)
        for page in pages if name not in FRAMED else ():
            loose.extend((name, problem) for problem in (*_looseness(page), *_copies_of_nothing(page)))
        whole_pages.update(name for page in pages if page.status_code == 200 and _is_whole(page))

    assert _changing(names, visit) == []
    assert answers == {name: SEEN[name] for name in names}
    assert loose == []
    assert whole_pages == {name for name in names if 200 in SEEN[name]} - NO_PAGES


@pytest.mark.parametrize("share", range(SHARES))
def test_a_post_is_taken_from_whom_it_concerns_and_changes_nothing_for_anybody_else(
    share: int, world: dict[str, str], people: list[Person | None], as_: As
) -> None:
    sessions = [as_(person).cookies for person in people]
    answers, names, before = {}, _share(SENT, share), _rows()
    silent: list[str] = []
    changing: list[str] = []

    def post(name: str, by: Iterable[int]) -> None:
        for number in by:
            browser = Client()  # which shows no message of another page
            browser.cookies.update(sessions[number])
            pages[number] = browser.post(world[name])

    for name in names:
        pages: dict[int, HttpResponseBase] = {}
        with transaction.atomic():  # each finds the world as it was
            rightless = [
                n for n, status in enumerate(SENT[name]) if people[n] is None or status in (403, 404)
            ]
            if _may_write(partial(post, name, rightless)) and _rows() != before:
                changing.append(name)
            post(name, [n for n in range(len(people)) if n not in rightless])
            transaction.set_rollback(True)
        cache.clear()
        answers[name] = tuple(page.status_code for _number, page in sorted(pages.items()))
        silent += [name for page in pages.values() if page.status_code in (409, 422) and not _says_why(page)]
    assert changing == []
    assert answers == {name: SENT[name] for name in names}
    assert silent == []


def _says_why(refused: HttpResponseBase) -> bool:
    """Whether a form that came back says what is wrong, at a field or above them."""
    text = refused.content.decode() if isinstance(refused, HttpResponse) else ""
    return any(sign in text for sign in ('class="errorlist', 'role="alert"', 'class="note'))


@pytest.mark.any_database
def test_a_key_of_the_api_opens_no_page(world: dict[str, str], admin: Person) -> None:
    """An administrator's, with every scope: whoever shows it is nobody outside of the API."""
    _key, text = keys.make(admin, "ERP", set(keys.Scope), by=admin)
    program, before = Client(headers={"Authorization": f"Bearer {text}"}), _rows()
    opened = []
    for method, table in (("get", SEEN), ("post", SENT)):
        for name, (to_nobody, *_others) in table.items():
            cache.clear()
            if getattr(program, method)(world[name]).status_code != to_nobody:
                opened.append((method, name))
    assert opened == []
    assert _rows() == before


@pytest.mark.any_database
def test_a_post_without_its_csrf_token_is_refused_in_words(world: dict[str, str], admin: Person) -> None:
    browser, taken = Client(enforce_csrf_checks=True), []
    browser.force_login(admin)

    def post(name: str) -> None:
        answer = browser.post(world[name])
        if answer.status_code != 403 or "nothing was done" not in answer.content.decode():
            taken.append(name)

    assert _changing(SENT, post) == []
    assert taken == []


def _is_whole(answer: HttpResponseBase) -> bool:
    """A page, and no part or frame of one."""
    framed = "sandbox" in answer.headers.get("Content-Security-Policy", "")
    return answer.headers["Content-Type"].startswith("text/html") and not framed


def _looseness(answer: HttpResponseBase) -> Iterator[str]:
    """What in an answer may run or look otherwise than our own files say."""
    policy = answer["Content-Security-Policy"]
    if "default-src 'none'" not in policy or "unsafe" in policy:
        yield policy
    if not answer["Content-Type"].startswith("text/html"):
        if "sandbox" not in policy:
            yield policy
        return
    page = answer.getvalue().decode()
    yield from (part for part in (" style=", "<style", "<script>") if part in page)


def _copies_of_nothing(answer: HttpResponseBase) -> Iterator[str]:
    """Buttons whose script would stop at them: what they copy is not on the page."""
    if answer["Content-Type"].startswith("text/html"):
        page = answer.getvalue().decode()
        copied = re.findall('data-copy="#([^"]*)"', page)
        yield from (f'data-copy="#{id_}"' for id_ in copied if not id_ or f'id="{id_}"' not in page)


def test_what_is_loose_in_an_answer_is_seen() -> None:
    strict = {"Content-Security-Policy": "default-src 'none'; style-src 'self'"}
    plain = {**strict, "Content-Type": "text/plain"}
    unsafe = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    page = "<p style='color: red'><style></style><script>x</script>"
    assert [*_looseness(HttpResponse("<p>", headers=strict))] == []
    assert [*_looseness(HttpResponse(page, headers=strict))] == [" style=", "<style", "<script>"]
    assert len([*_looseness(HttpResponse(page, headers=plain))]) == 1
    assert [*_looseness(HttpResponse("", headers=unsafe))] == [unsafe["Content-Security-Policy"]]
    assert len([*_looseness(HttpResponse("", headers={"Content-Security-Policy": "script-src 'self'"}))]) == 1
    copying = '<p id="one"><button data-copy="#one"><button data-copy="#"><button data-copy="#two">'
    assert [*_copies_of_nothing(HttpResponse(copying))] == ['data-copy="#"', 'data-copy="#two"']


def test_signing_in_leads_back_to_the_page(world: dict[str, str], as_: As) -> None:
    answer = as_(None).get(world["portal:request"])
    assert answer["Location"] == f"{reverse('account_login')}?next={world['portal:request']}"


def test_pages_of_people_are_not_kept_by_browsers(world: dict[str, str], alice: Person, as_: As) -> None:
    for name in ("portal:home", "portal:request", "portal:mine"):
        assert "no-store" in as_(alice).get(world[name])["Cache-Control"]


def test_who_was_asked_before_still_sees_the_request(
    asked: Assignment, bob: Person, as_: As, admin: Person
) -> None:
    from placet.approvals import engine

    engine.deactivate(bob, admin)
    Person.objects.filter(pk=bob.pk).update(is_active=True)
    bob.refresh_from_db()
    page = reverse("portal:request", args=[asked.visit.request.public_id])
    assert as_(bob).get(page).status_code == 200


def test_a_deactivated_person_is_signed_out(asked: Assignment, bob: Person, as_: As) -> None:
    browser = as_(bob)
    Person.objects.filter(pk=bob.pk).update(is_active=False)
    assert browser.get(reverse("portal:home")).status_code == 302
