"""What other systems are told of requests: webhooks, callbacks of one request, notices in chats.

events      what kinds of events there are, and which entry of a request's record is one
announcing  events and deliveries are made of entries that were written; nothing is told of what did not happen
endpoints   where events go: made, changed, switched off; deliveries are asked for once more
forms       what is entered of an endpoint on a page
callbacks   an endpoint for one request
chat_words  what a notice in a chat says
signing     Standard Webhooks 1.0.0
bodies      what is sent: JSON of an event, or a message for a chat
sending     one POST, to an address that was checked
delivering  what is due, in which order, and what an answer leads to
telling     the mail about an endpoint that was switched off
pruning     what was delivered long ago is forgotten
"""
