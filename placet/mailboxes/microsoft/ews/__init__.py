"""Exchange Web Services: all that this way to a mailbox needs (Microsoft, "EWS reference for Exchange")."""
