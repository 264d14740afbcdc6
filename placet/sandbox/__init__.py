"""A local Entra ID and Exchange Online, to try Placet and to test it without a Microsoft tenant.

Imports nothing of `placet.mailboxes`, and is not imported by it: what the two agree on is the protocol.
"""

from placet.sandbox.delivery import AuthResults, Outcome, SendRefused
from placet.sandbox.run import serve_forever
from placet.sandbox.server import Mail, Sandbox

__all__ = ["AuthResults", "Mail", "Outcome", "Sandbox", "SendRefused", "serve_forever"]
