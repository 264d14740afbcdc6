"""What the demo's first page says: a story in three steps, and what to try after it."""

from placet.sandbox.server import Sandbox
from placet.sandbox.webmail import Story
from placet.sandbox.webmail.story import Place, Step

REPLY = "fine, go ahead, but watch the budget"
TO_CONNECT = "requests"  # the mailbox that is there to be connected


def first_page(sandbox: Sandbox, listen: str, password: str) -> Story:
    """`listen` is where the pages are, as host:port."""

    def at(person: str) -> str:
        return f"{person}@{sandbox.tenant.domain}"

    pages = f"http://{listen}"
    # Under the machine's other name a browser keeps another session: Ada beside Alice, in two tabs.
    administration = f"http://localhost:{listen.rpartition(':')[2]}/administration"
    ada = {"Address": at("ada"), "Password": password}
    return Story(
        title="Two minutes with Placet",
        lead=(
            "Placet sends requests for approval by mail and reads the answers. Here it runs with a stand-in for "
            "Exchange Online: nothing leaves this machine, and nothing is kept when you stop it."
        ),
        steps=(
            Step(
                "Ask for something, as Alice",
                "Alice works for Contoso and needs a thing for less than 1,000 EUR. Sign in and send the form.",
                (Place("Start a request", f"{pages}/start/purchase/"),),
                {"Address": at("alice"), "Password": password},
            ),
            Step(
                "Answer by mail, as Bob",
                "Bob is Alice's manager. Her request has come to him as a mail: open it and reply in your own words. "
                "These, for example:",
                (Place("Open Bob's mailbox", at("bob")),),
                {"Reply": REPLY},
            ),
            Step(
                "See it turn green",
                "Within seconds Alice's page says “Approved” and shows what Bob wrote. Bob gets a confirmation, and "
                "Alice a mail too.",
                (Place("Alice's requests", f"{pages}/requests/"), Place("Open Alice's mailbox", at("alice"))),
            ),
        ),
        more=(
            Step(
                "An answer that is none",
                "Reply to another request with a question. Placet never guesses: it decides nothing and says how to "
                "answer.",
                values={"Reply": "is this the one with the motor?"},
            ),
            Step(
                "More than 1,000 EUR",
                "After Bob, Carol of Finance is asked. One request waits for her already.",
                (Place("Open Carol's mailbox", at("carol")),),
            ),
            Step(
                "Another mail program",
                "Where you write a reply, choose Gmail, Apple Mail, Thunderbird or another Outlook: each quotes in its "
                "own way, and only what you typed counts.",
            ),
            Step(
                "Somebody else's answer",
                "In a mail that asks Bob choose “Answer as a stranger”: his name and the right reply code, sent from "
                "outside. Nothing happens, and Bob is warned.",
            ),
            Step(
                "Handed on",
                f"Forward a request to Mallory ({at_stranger()}) and answer from there.",
                (Place("Open Mallory's mailbox", at_stranger()),),
            ),
            Step(
                "First answer wins",
                "Sign in to Placet as Bob, in a private window: he can decide there, too. Then answer the mail "
                "differently: Bob is told who decided, what and when.",
                (Place("Open Placet", f"{pages}/"),),
            ),
            Step(
                "Out of office",
                "Switch on Carol's automatic replies, even to mail that asks for none, and ask for more than 1,000 "
                "EUR: they decide nothing.",
                (Place("Open Carol's mailbox", at("carol")),),
            ),
            Step(
                "Why was it read like this?",
                "Ada administrates. Her mail log shows every mail, what was made of it, and why.",
                (Place("Open the mail log", f"{administration}/mail/"),),
                ada,
            ),
        ),
        connect=Step(
            "Connect a mailbox yourself",
            "What an administrator does first. Sign in as Ada and enter these values for a mailbox that is not "
            "connected yet, then choose Test connection.",
            (Place("Open Remote Approval", f"{administration}/configuration/remote-approval/new/"),),
            ada,
        ),
        mailbox=at(TO_CONNECT),
        brand=("Placet", "demo"),
        links=(Place("Placet", f"{pages}/"), Place("Design page", f"{pages}/design/")),
    )


def limit_application(sandbox: Sandbox, *names: str) -> None:
    """As an organisation should have it: the application has rights in these mailboxes (RBAC for Applications), and in
    no other."""
    sandbox.switches.consented, sandbox.switches.graph_roles = False, set()
    sandbox.switches.rbac = {f"{name}@{sandbox.tenant.domain}" for name in names}


def at_stranger() -> str:
    """The address of somebody outside Contoso."""
    return "mallory@stranger.example"
