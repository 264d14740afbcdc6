"""What replies of submission servers mean. Those with a name come from that server's documentation or from it."""

import pytest

from placet.mailboxes.base import FixNeeded, MailboxError, MailError, Refused, SignInRefused, Wait
from placet.mailboxes.smtp.replies import Reply, Stage, explain

S = Stage


def explained(
    stage: Stage, said: str, *, could_sign_in: bool = False, with_password: bool = True
) -> MailboxError | MailError:
    code, _space, text = said.partition(" ")
    reply = Reply(int(code), tuple(text.encode().split(b"\n")))
    return explain(
        reply,
        stage,
        "smtp.contoso.example",
        "approvals@contoso.example",
        could_sign_in=could_sign_in,
        with_password=with_password,
    )


@pytest.mark.parametrize(
    ("stage", "said", "kind"),
    [
        # For the whole mailbox, until somebody changes something
        (S.SIGN_IN, "535 5.7.8 Username and Password not accepted. For more information, go", SignInRefused),  # Gmail
        (S.SIGN_IN, "534 5.7.9 Application-specific password required. For more information", SignInRefused),  # Gmail
        (S.SIGN_IN, "534 5.7.14 Please log in via your web browser", SignInRefused),  # Gmail
        (S.SIGN_IN, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled", FixNeeded),
        (S.SIGN_IN, "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.", SignInRefused),
        (S.SIGN_IN, "535 5.7.3 Authentication unsuccessful", SignInRefused),  # Exchange
        (S.SIGN_IN, "535 Incorrect authentication data", SignInRefused),  # Exim
        (S.SIGN_IN, "503 5.5.1 Bad sequence of commands", FixNeeded),
        (S.SIGN_IN, "504 5.7.4 Unrecognized authentication type", FixNeeded),
        (S.SIGN_IN, "538 5.7.11 Encryption required for requested authentication mechanism", FixNeeded),
        (S.SENDER, "530 5.7.0 Must issue a STARTTLS command first", FixNeeded),  # Postfix
        (S.SENDER, "530 5.7.57 Client not authenticated to send mail", FixNeeded),  # Exchange Online
        (S.SENDER, "501 5.1.7 Invalid address", FixNeeded),
        (S.RECIPIENT, "553 5.7.1 <a@b>: Sender address rejected: not owned by user c@d", FixNeeded),  # Postfix
        (S.RECIPIENT, "554 5.7.1 <host[192.0.2.1]>: Client host rejected: Access denied", FixNeeded),  # Postfix
        (S.CONTENT, "550 5.7.60 SMTP; Client does not have permissions to send as this sender", FixNeeded),
        (S.CONTENT, "554 5.2.252 SendAsDenied; a@b not allowed to send as c@d; STOREDRV.Submission", FixNeeded),
        (S.CONTENT, "550 5.1.8 Access denied, bad outbound sender", FixNeeded),  # Exchange Online
        (S.CONTENT, "550 5.7.501 Access denied, spam abuse detected", FixNeeded),  # Exchange Online
        (S.GREETING, "554 5.7.1 No SMTP service here", FixNeeded),
        # For the whole mailbox, for a while
        (S.GREETING, "421 4.7.0 Too many connections", Wait),
        (S.SENDER, "421 Service shutting down", Wait),
        (S.SIGN_IN, "454 4.7.0 Too many login attempts, please try again later", Wait),  # Gmail
        (S.SIGN_IN, "432 4.7.12 A password transition is needed", Wait),
        (S.SENDER, "452 4.3.1 Insufficient system storage", Wait),
        (S.RECIPIENT, "451 4.3.0 Temporary lookup failure", Wait),
        (S.RECIPIENT, "450 4.7.0 Messages come too fast", Wait),
        (S.RECIPIENT, "452 4.5.3 Too many recipients", Wait),
        (S.CONTENT, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", Wait),  # Exchange Online
        (S.CONTENT, "550 5.4.5 Daily user sending limit exceeded", Wait),  # Gmail
        (S.CONTENT, "421 4.4.2 Timeout", Wait),
        # For this mail, once more after a while
        (S.RECIPIENT, "450 4.2.0 <a@b>: Recipient address rejected: Greylisted", MailError),
        (S.RECIPIENT, "450 4.7.1 Greylisting in action", MailError),
        (S.RECIPIENT, "451 Try again", MailError),
        (S.RECIPIENT, "452 4.2.2 Over quota", MailError),
        (S.RECIPIENT, "552 5.2.2 Mailbox full", MailError),
        (S.CONTENT, "451 4.6.0 Try again", MailError),
        # For this mail, for good
        (S.SENDER, "552 5.3.4 Message size exceeds fixed limit", Refused),  # Postfix
        (S.RECIPIENT, "550 5.1.1 <a@b>: Recipient address rejected: User unknown", Refused),  # Postfix
        (S.RECIPIENT, "550 No such user here", Refused),
        (S.RECIPIENT, "554 5.7.1 <a@b>: Relay access denied", Refused),  # Postfix
        (S.RECIPIENT, "550 5.7.1 Delivery not authorized, message refused", Refused),
        (S.DATA, "554 5.5.1 Error: no valid recipients", Refused),
        (S.CONTENT, "552 5.2.3 Your message exceeded Google's message size limits", Refused),  # Gmail
        (S.CONTENT, "554 5.7.1 Message rejected as spam", Refused),
        (S.CONTENT, "550 5.6.0 Lone CR or LF", Refused),
    ],
)  # fmt: skip
def test_a_reply_is_of_one_mail_or_of_the_mailbox(stage: Stage, said: str, kind: type[Exception]) -> None:
    error = explained(stage, said)
    assert type(error) is kind, error
    assert error.not_done
    if isinstance(error, MailboxError):
        assert error.cause
        assert error.cure
        assert "{" not in error.cause + error.cure
        assert error.details["reply"].startswith(said[:3])


def test_no_code_is_without_a_meaning() -> None:
    """Of each stage, each class of codes, with and without an enhanced one."""
    for stage in Stage:
        for said in ("450", "450 4.9.9 x", "550", "550 5.9.9 x", "599 5.7.8 x", "499 4.7.8 x"):
            error = explained(stage, said)
            waits = isinstance(error, Wait) or type(error) is MailError
            assert waits == said.startswith("4"), (stage, said, error)
    assert isinstance(explained(S.CONTENT, "354 Go on"), Wait)


def test_who_could_sign_in_and_does_not_is_told_so_before_all_mails_are_given_up() -> None:
    said = "554 5.7.1 <a@b>: Relay access denied"
    assert isinstance(explained(S.RECIPIENT, said, could_sign_in=True), FixNeeded)
    assert isinstance(explained(S.RECIPIENT, "550 5.1.1 User unknown", could_sign_in=True), Refused)
    assert isinstance(explained(S.RECIPIENT, "550 User unknown", could_sign_in=True), Refused)


def test_a_status_that_contradicts_its_code_is_none() -> None:
    assert Reply(550, (b"2.1.5 Recipient OK",)).status == ""
    assert Reply(550, (b"5.1.1 User unknown",)).status == "5.1.1"
    assert Reply(550, ()).status == ""


def test_an_echoed_secret_is_not_shown() -> None:
    token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9" * 3
    error = explained(S.SIGN_IN, f"535 5.7.8 bad token {token}\nagain")
    assert isinstance(error, MailboxError)
    assert token not in str(error.details)


def test_a_token_that_is_refused_locks_no_account() -> None:
    error = explained(S.SIGN_IN, "535 5.7.8 Username and Password not accepted.", with_password=False)
    assert type(error) is FixNeeded
