"""Microsoft Graph: Exchange Online by REST."""
