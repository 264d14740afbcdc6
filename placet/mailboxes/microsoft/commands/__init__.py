"""Commands of Microsoft's kinds of mailbox. Nothing else of the folder imports them."""
