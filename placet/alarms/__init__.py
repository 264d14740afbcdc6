"""What administrators must hear of before somebody complains: a mailbox that no longer answers, a secret that expires.

silence  the dead-man alarm: into which mailboxes no look has succeeded for too long
watch    notes when such an outage begins and ends, once each, and tells of it
webhook  what another system is told of it
expiry   mails ahead of the day when a mailbox's client secret or certificate ends
revocation_lists  the same of lists of revoked certificates, without which no signature counts
chosen   what an administrator set: how long to wait, where the webhook goes
"""
