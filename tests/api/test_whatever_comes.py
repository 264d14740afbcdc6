"""Whatever a program sends, each operation answers as its description says: schemathesis thinks of it, in this process.
`make soak` sends more."""

import warnings
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import strategies as st

from placet.accounts.models import Group, Person
from placet.api import keys, limits, v1
from placet.api.keys import Scope
from placet.api.operation import OPERATIONS
from placet.approvals import engine
from placet.approvals.attachments import NewFile
from placet.approvals.models import Assignment, Attachment, Decision, Version
from placet.approvals.processes import publish
from placet.mail.models import OutgoingMail
from placet.webhooks import endpoints
from placet.webhooks.endpoints import Wanted
from placet.webhooks.models import Delivery
from tests.alarms.conftest import allow
from tests.api.conftest import Calls
from tests.making import FORM, make_mailbox, one_step
from tests.rotation import examples
from tests.webhooks.conftest import run

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]

#: Of an answer: what its description says of status, type, body and headers; and that what it forbids is refused.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
v1.description()
NAMES = sorted(OPERATIONS)


@pytest.fixture(scope="module")
def described() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis  # takes seconds, and is needed here alone
    description = v1.description()
    for methods in description["paths"].values():
        for about in methods.values():
            about.pop(
                "security"
            )  # each call has a key: that there is none is no part of what is wrong with it
    schema = schemathesis.openapi.from_dict(description)
    schema.app = WSGIHandler()
    return schema


@pytest.fixture(autouse=True)
def _connection_of_the_test() -> Iterator[None]:
    """Behind each request Django would close it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def there(alice: Person, bob: Person, carol: Person, admin: Person) -> dict[str, dict[str, str]]:
    """Values of paths that lead to something that the key's person, an administrator, may do the operation with."""
    make_mailbox()
    returns = {"key": "changes", "label": "Change it", "grants": False, "returns": "requester"}
    form = [*FORM, {"name": "offer", "label": "Offer", "type": "files"}]
    about = one_step([{"person": bob.email}, {"person": admin.email}], form=form)
    about["steps"]["step"]["outcomes"] = ["approve", "reject", returns]
    version: Version = publish(about)
    file = NewFile("offer", "offer.pdf", "application/pdf", b"%PDF")
    data = {"item": "Desk", "amount": 900}
    asked = engine.start(version, alice, data)  # the administrator is, too
    own = engine.start(version, admin, data, files=[file])
    sent_back = engine.start(version, admin, data)
    seat = Assignment.objects.get(visit__request=sent_back, person=bob)
    engine.decide(seat.pk, by=bob, outcome="changes", comment="Less.", channel=Decision.Channel.PAGE)
    Group.objects.create(key=version.process.key, name="Team").members.set([bob, carol])
    allow("http://127.0.0.1:9")  # where nobody listens
    webhook, _secret = endpoints.make(Wanted("http://127.0.0.1:9/"), admin)
    run("announce")
    ids = {
        "requests": own.public_id,
        "assignments": Assignment.objects.get(visit__request=asked, person=admin).pk,
        "people": bob.pk,
        "mail-log": f"out-{OutgoingMail.objects.filter(kind='ask').latest('pk').pk}",
        "webhooks": webhook.public_id,
    }
    more = {
        "key": version.process.key,
        "file_id": Attachment.objects.get().public_id,
        "delivery": Delivery.objects.latest("pk").pk,
    }
    of_one = {"change_request": sent_back.public_id}
    return {
        name: {
            part: str(value)
            for part, value in {**more, "id": of_one.get(name, ids.get(one.path.split("/")[1]))}.items()
            if f"{{{part}}}" in one.path
        }
        for name, one in OPERATIONS.items()
    }


def test_what_paths_lead_to_is_there(there: dict[str, dict[str, str]], admin: Person, calls: Calls) -> None:
    """Else all that follows would be about refusals alone."""
    caller = calls(admin, *Scope)
    for name, one in OPERATIONS.items():
        with transaction.atomic():  # what one removes is there for the others
            answer = caller(one.method, one.path.format(**there[name]), b"" if one.has_body else None)
            transaction.set_rollback(True)
        assert answer.status != 404, name
        assert one.method != "GET" or answer.status == 200, name


#: What is called is there once for all operations of a test: to make it takes as long as some dozen calls.
SHARES = 4


@pytest.mark.long
@pytest.mark.timeout(7200)  # at full length
@pytest.mark.parametrize("share", range(SHARES))
def test_each_operation_answers_as_it_is_described(
    described: Any, there: dict[str, dict[str, str]], admin: Person, share: int, request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from schemathesis.checks import load_all_checks

    load_all_checks()
    monkeypatch.setattr(limits, "MOST_CALLS", 1_000_000)
    monkeypatch.setattr("placet.api.waiting.LONGEST", 0)
    monkeypatch.setattr("placet.api.waiting.PAUSE", 0.001)
    monkeypatch.setattr("placet.api.waiting.time.monotonic", _hurried())
    _key, text = keys.make(admin, "Whatever", list(Scope), by=admin)
    operations = [found.ok() for found in described.get_all_operations()]
    named = {operation.definition.raw["operationId"]: operation for operation in operations}
    assert sorted(named) == NAMES
    failures: list[Exception] = []
    for name in NAMES[share::SHARES]:
        try:
            _answers(named[name], there[name], text, examples(request.config, 12, 500))
        except (AssertionError, ExceptionGroup) as failure:
            failure.add_note(f"in the operation {name}")
            failures.append(failure)
        except Exception as error:
            error.add_note(f"in the operation {name}")
            raise
    if failures:
        raise ExceptionGroup(f"{len(failures)} operations", failures)


def _answers(operation: Any, values: dict[str, str], key: str, count: int) -> None:
    """Called so many times; `values`: of its path, which lead to something."""
    from schemathesis import GenerationMode
    from schemathesis.checks import CHECKS as KNOWN

    checks = KNOWN.get_by_names(list(CHECKS))
    strategies = [
        operation.as_strategy(generation_mode=mode, **({"path_parameters": values} if known else {}))
        for mode in GenerationMode
        for known in ([True, False] if values else [False])
        if mode == GenerationMode.POSITIVE or _has_something_to_be_wrong(operation)
    ]

    @hypothesis.settings(
        max_examples=count, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(st.one_of(strategies))
    def answered(case: Any) -> None:
        # What is written as nothing at all was not sent.
        hypothesis.assume(not any(value in ([], {}) for value in (case.query or {}).values()))
        with transaction.atomic():  # each finds the world as it was
            response = case.call(headers={"Authorization": f"Bearer {key}"})
            transaction.set_rollback(True)
        case.validate_response(response, checks=checks)

    answered()


def _has_something_to_be_wrong(operation: Any) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters or operation.headers)


def _hurried() -> Any:
    """A clock on which each look takes an hour."""
    now = [0.0]

    def monotonic() -> float:
        now[0] += 3600
        return now[0]

    return monotonic
