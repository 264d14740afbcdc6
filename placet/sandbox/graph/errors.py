"""What Graph answers when something is wrong: status, code and sentence, each as Microsoft's pages or its service say.

Where a code or a sentence is not documented, the nearest one is used; docs/sandbox.md says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass
class GraphError(Exception):
    """The request fails with this status, and `{"error": …}` in the body."""

    status: int
    code: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, request_id: str, client_request_id: str) -> dict[str, Any]:
        inner = {
            "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
            "request-id": request_id,
            "client-request-id": client_request_id,
        }
        return {"error": {"code": self.code, "message": self.text, "innerError": inner}}


def bad_request(text: str, code: str = "BadRequest") -> GraphError:
    return GraphError(400, code, text)


def malformed_id() -> GraphError:
    return GraphError(400, "ErrorInvalidIdMalformed", "Id is malformed.")


def not_found() -> GraphError:
    return GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def no_such_user(name: str) -> GraphError:
    return GraphError(404, "ErrorInvalidUser", f"The requested user '{name}' is invalid.")


def no_mailbox() -> GraphError:
    return GraphError(
        404,
        "MailboxNotEnabledForRESTAPI",
        "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
    )


def access_denied(text: str = "Access is denied. Check credentials and try again.") -> GraphError:
    return GraphError(403, "ErrorAccessDenied", text)


def no_odata() -> GraphError:
    """By an access policy or another switch of an administrator."""
    return access_denied("Access to OData is disabled.")


def no_privileges() -> GraphError:
    return GraphError(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )


def no_segment(name: str) -> GraphError:
    return bad_request(f"Resource not found for the segment '{name}'.")


def wrong_method() -> GraphError:
    return GraphError(
        405, "MethodNotAllowed", "The specified HTTP method is not allowed for the request target."
    )


def unreadable(text: str) -> GraphError:
    """The body is not what the request must carry."""
    return bad_request(text, "RequestBodyRead")


def unknown_property(name: str, of: str) -> GraphError:
    return unreadable(
        f"The property '{name}' does not exist on type 'microsoft.graph.{of}'. Make sure to only use property names "
        "that are defined by the type."
    )


def unreadable_url(text: str) -> GraphError:
    """A query option that cannot be read."""
    return bad_request(text, "RequestBroker--ParseUri")


def unknown_selected(name: str, of: str) -> GraphError:
    return unreadable_url(f"Could not find a property named '{name}' on type 'microsoft.graph.{of}'.")


def throttled(seconds: str, text: str = "Please retry again later.") -> GraphError:
    return GraphError(429, "TooManyRequests", text, {"Retry-After": seconds})


def too_concurrent() -> GraphError:
    text = "Application is over its MailboxConcurrency limit."
    return GraphError(429, "ApplicationThrottled", text, {"Retry-After": "1"})


def state_lost() -> GraphError:
    return GraphError(
        410, "SyncStateNotFound", "The sync state generation is not found; generation=149;[highest=157]."
    )
