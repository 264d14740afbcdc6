"""The REST API: other systems start requests, read them, and hear what became of them.

`entrance.py` is what `placet.urls` knows of it; it loads the rest, and django-ninja with it, at the first call.

    entrance    what is asked below /api/, and an answer to it whatever happens
    keys        who asks: keys of people, what they may do, how many calls they may make
    operation   what every operation has: its scope, its bounds, its answers, its place in the description
    calls       one call: the key, the person, what they see, the headers of the answer
    operations/ the operations themselves, a file for each kind of thing
    v1          all of them together, and their description (OpenAPI)

Nothing here changes a request by itself: operations call `placet.approvals.engine`, as pages and mails do.
"""
