"""Ask for approvals of a Placet, and get the answer.

from placet_client import Placet

placet = Placet("https://approvals.example.com", key)
request = placet.request_approval("New laptop", {"Amount": "1,250 EUR"}, ["bob@example.com"])
print(placet.wait(request, timeout=3600).result)
"""

from placet_client.client import Placet
from placet_client.errors import (
    AlreadyDecided,
    AnswerInvalid,
    CommentNeeded,
    Invalid,
    NotAllowed,
    NotFound,
    NotOpen,
    Place,
    PlacetError,
    Problem,
    ScopeMissing,
    Stale,
    StillOpen,
    Unauthorised,
    Unavailable,
    Unreachable,
    WebhookInvalid,
)
from placet_client.records import (
    Answer,
    Assignment,
    Decision,
    Delivery,
    Entry,
    Event,
    Fact,
    File,
    Group,
    Mail,
    Outcome,
    Person,
    Process,
    ProcessRef,
    Record,
    Reminded,
    Request,
    RequestRef,
    Step,
    Tested,
    Waiting,
    Webhook,
)
from placet_client.uploads import Upload
from placet_client.version import __version__
from placet_client.webhooks import verify_webhook

__all__ = [
    "AlreadyDecided",
    "Answer",
    "AnswerInvalid",
    "Assignment",
    "CommentNeeded",
    "Decision",
    "Delivery",
    "Entry",
    "Event",
    "Fact",
    "File",
    "Group",
    "Invalid",
    "Mail",
    "NotAllowed",
    "NotFound",
    "NotOpen",
    "Outcome",
    "Person",
    "Place",
    "Placet",
    "PlacetError",
    "Problem",
    "Process",
    "ProcessRef",
    "Record",
    "Reminded",
    "Request",
    "RequestRef",
    "ScopeMissing",
    "Stale",
    "Step",
    "StillOpen",
    "Tested",
    "Unauthorised",
    "Unavailable",
    "Unreachable",
    "Upload",
    "Waiting",
    "Webhook",
    "WebhookInvalid",
    "__version__",
    "verify_webhook",
]
