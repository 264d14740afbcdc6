"""Pages of Administration of Microsoft's kinds of mailbox alone. Nothing else of the folder imports them."""
