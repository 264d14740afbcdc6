"""`placet mcp`: agents ask for approvals and wait for them, by the Model Context Protocol. A process of its own, which
calls the REST API by `placet_client` with a key, as any other program does: it can do nothing that the key cannot."""
