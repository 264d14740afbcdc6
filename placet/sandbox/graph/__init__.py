"""Microsoft Graph's mail, as an application with client credentials sees it. Start reading at `routes`.

Written from Microsoft's reference pages; names and types are those of its metadata. The store, the delivery and
the tokens are those of EWS, so that a mailbox is seen alike through both.
"""

from placet.sandbox.graph.door import GraphDoor

__all__ = ["GraphDoor"]
