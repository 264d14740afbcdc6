"""Files that come inline: decoded piece by piece, as if at once, and never held twice."""

import base64
import binascii
import json
import tracemalloc
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.api import uploads
from placet.api.models import IdempotentCall
from placet.api.problems import Problem
from placet.api.uploads import FileSent, files_of_field
from placet.approvals.form_parts import FormField
from tests.api.conftest import Calls
from tests.making import make_mailbox

FIELD = FormField(name="files", label="Files", type="files")
SIGNS = st.text(st.sampled_from("AQgw+/=A=\n é-_") | st.sampled_from("ABCDwxyz0189"), max_size=40)


@given(SIGNS | st.binary(max_size=30).map(lambda content: base64.b64encode(content).decode()))
def test_pieces_are_decoded_as_the_whole(text: str) -> None:
    try:
        whole: bytes | None = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        whole = None
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(uploads, "PIECE", 8)
        try:
            decoded: bytes | None = uploads._decoded(FileSent(name="x", content=text), "/files/0/content")
        except Problem as problem:
            assert problem.errors[0].pointer == "/files/0/content"
            decoded = None
    assert decoded == whole


def test_twenty_megabytes_of_files_take_little_more_than_themselves() -> None:
    largest = 10 * 1024 * 1024
    tracemalloc.start()
    try:
        sent = [FileSent(name=f"{n}.bin", content="QUFB" * (largest // 3)) for n in range(2)]
        before, _peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        files = files_of_field(FIELD, sent)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [file.size for file in files] == [largest // 3 * 3] * 2
    assert [one.content for one in sent] == ["", ""]
    assert after < before  # the text is gone, and it was longer
    assert peak - before < largest * 1.2  # the first file stands beside its text


@pytest.mark.django_db
def test_a_body_is_let_go_once_it_was_read(calls: Calls, alice: Person, bob: Person) -> None:
    """Its digest is that of the whole, so that a call which comes again is known, also after an update."""
    make_mailbox()
    program = calls(alice)
    sent = {"title": "Order 4711", "to": [bob.email], "files": [{"name": "a.pdf", "content": "QUFB"}]}
    body = json.dumps(sent).encode()
    assert program.post("/approvals", body, Idempotency_Key="1").status == 201
    told = IdempotentCall.objects.get()
    assert told.body_digest == sha256(b"POST /api/v1/approvals\n" + body).hexdigest()
    assert program.post("/approvals", body, Idempotency_Key="1").headers["Idempotency-Replayed"] == "true"
    other = program.post("/approvals", body.replace(b"4711", b"4712"), Idempotency_Key="1")
    assert other.problem == "idempotency-key-reused"
    wrong = program.post(
        "/approvals", {**sent, "files": [{"name": "a.pdf", "kontent": "QUFB"}]}, Idempotency_Key="2"
    )
    assert wrong.pointers == ["/files/0/content", "/files/0/kontent"]
