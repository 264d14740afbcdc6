"""Service accounts of Google, with which the Gmail API, IMAP, POP3 and SMTP are signed in to: their keys, and the
access tokens that these are worth."""
