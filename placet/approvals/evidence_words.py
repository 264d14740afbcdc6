"""What each column that the record vouches for is called in words, by the kind of row (`placet.approvals.evidence`)."""

OF_REQUEST = {
    "requester": "who asked",
    "started_by": "who started the request in somebody's name",
    "process": "the process or its version",
    "definition": "the definition of the process",
    "number": "the number",
    "public_id": "the address of the request's page",
    "title": "the title",
    "words": "what a search finds the request by",
    "data_hash": "what was asked for",
    "revision": "which revision the data has",
    "called_by": "which step called it",
    "created_at": "when it was started",
    "state": "the state of the request",
    "result": "the result of the request",
    "closed_at": "when it ended",
}
OF_REVISION = {
    "data": "what was entered before",
    "data_hash": "the hash of what was entered before",
    "by": "who entered something",
    "at": "when something was entered",
    "assignment": "in which step something was entered",
}
OF_VISIT = {
    "state": "the state of a step",
    "result": "the result of a step",
    "reason": "why a step is stuck",
    "opened_at": "when a step began",
    "closed_at": "when a step ended",
    "parent": "the block that a step stands in",
    "branch": "the branch that a step stands in",
    "branch_result": "what a branch came to",
    "ended_by": "which step made another needless",
    "held_result": "what a step comes to that can still be undone",
    "asked_back": "how often the requester was asked something",
}
OF_MATCH = {
    "version": "the version of a table",
    "rows": "the rows of a table that fitted",
    "content": "the content of a table",
}
OF_SEAT = {
    "state": "the state of who is asked",
    "assignment": "which row stands for who is asked",
    "has_delegates": "whether somebody may answer in their place",
    "absent_at": "since when somebody is away",
    "source": "which line of a step names who is asked",
    "replaced_by": "in whose place others are asked",
    "in_place_of": "in whose place somebody was put",
    "reassigned_by": "who put somebody in another's place",
    "reassigned_comment": "what was written when somebody was put in another's place",
    "kept": "which earlier decision still counts",
    "created_at": "when somebody was asked",
}
OF_DELEGATE = {
    "why": "why somebody may answer in another's place",
    "delegation": "by which delegation somebody may answer in another's place",
    "by": "who gave a question to somebody",
    "comment": "what was written with a question that was given",
    "created_at": "since when somebody may answer in another's place",
    "has_ended": "whether somebody may still answer in another's place",
    "is_as_its_seat": "whether somebody may still answer in another's place",
    "reason": "why somebody does not answer in another's place any more",
    "ended_at": "when somebody ceased to answer in another's place",
}
OF_NOTIFIED = {
    "source": "which line of a notice names who was told",
    "created_at": "when somebody was told",
    "kind": "what a mail that tells is",
    "cause": "which step a mail that tells was written for",
    "to": "the address that a notice went to",
    "subject": "the subject of a notice",
    "shown": "what a notice shows",
}
OF_CALL = {"called": "which request a step called"}
OF_SIGNAL = {
    "key": "what a signal says",
    "by": "who sent a signal",
    "created_at": "when a signal came",
    "taken_by": "which step a signal ended",
}
OF_TIMER = {
    "at": "when something is due",
    "basis": "what a deadline was reckoned by",
    "has_acted": "whether a step expired, others were asked in it, or what it came to took effect",
}
OF_STOP = {
    "at": "when the request ends at the latest",
    "basis": "what that was reckoned by",
    "has_acted": "whether it ended because it had lasted too long",
}
OF_ASK = {
    "seat": "what a mail asks about",
    "person": "whom a mail asks",
    "kind": "what a mail that asks is",
    "cause": "which question a mail was written for",
    "to": "the address that a mail went to",
    "subject": "the subject of a mail that asks",
    "shown": "what was shown",
    "facts_hash": "the hash of what was shown",
    "code": "the reply code",
    "line": "the line of a mail that asks",
    "numbered": "whether a reply can answer a line",
    "revision": "which revision a mail shows",
    "completes": "which answer a mail asks for the rest of",
    "asks_back": "what a mail asks the requester",
    "clarified": "which answer of the requester a mail shows",
    "created_at": "when somebody was written to",
}
OF_CLARIFICATION = {
    "visit": "the step in which the requester was asked something",
    "seat": "who asked the requester something",
    "assignment": "who asked the requester something",
    "asked_by": "who asked the requester something",
    "number": "which question to the requester it is",
    "question": "what the requester was asked",
    "asked_at": "when the requester was asked something",
    "channel": "how the requester was asked something",
    "incoming": "the mail that asked the requester something",
    "state": "what became of a question to the requester",
    "pauses": "whether a clock stands for a question",
    "answer": "what the requester answered",
    "answered_by": "who answered a question to the requester",
    "answered_at": "when the requester answered",
    "answer_channel": "how the requester answered",
    "answer_incoming": "the mail in which the requester answered",
}
OF_ITEM = {
    "seat": "what waits for a digest",
    "person": "whose digest something waits for",
    "reminder": "whether what waits for a digest is a reminder",
    "at": "when a digest is due",
    "state": "whether something waits for a digest",
    "ask": "which mail asks what waited for a digest",
}
OF_DECISION = {
    "outcome": "the outcome",
    "comment": "the comment",
    "comment_hash": "the comment",
    "answers": "what was answered beside it",
    "by_person": "who decided",
    "channel": "the channel",
    "incoming": "the mail that decided",
    "revision": "which revision was decided on",
    "completes": "which earlier answer was completed",
    "at": "when it was decided",
}
OF_UNDONE = {
    **OF_DECISION,
    "seat": "whose answer was taken back",
    "undone_at": "when an answer was taken back",
    "undone_channel": "how an answer was taken back",
    "undone_incoming": "the mail that took an answer back",
}
OF_PENDING = {
    "seat": "whose answer lacks something",
    "person": "who gave an answer that lacks something",
    "outcome": "the outcome of an answer that lacks something",
    "comment": "the comment of an answer that lacks something",
    "answers": "what was answered beside it",
    "incoming": "the mail of an answer that lacks something",
    "lapsed_by": "which mail an answer lapsed with",
    "lacks": "what an answer lacks",
    "language": "the language in which an answer is to be confirmed",
}
OF_MAIL = {
    "state": "the state of a mail that came",
    "result": "what became of a mail",
    "handled_at": "when a mail was handled",
    "same_as": "which mail it is a copy of",
    "mailbox": "the mailbox that a mail came to",
    "folder": "the folder that a mail lay in",
    "received_at": "when a mail was received",
    "kept_at": "when a mail was kept",
    "fingerprint": "what a mail is known by",
    "mail": "a mail that came",
    "transport": "the transport headers of a mail",
    "server": "what the server said of a mail",
    "log": "what the mail log shows of a mail",
}
