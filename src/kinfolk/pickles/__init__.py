"""The standard library's wire: what `serializer="pickle"` speaks, at both ends.

Here live a server that a plain `multiprocessing.managers.BaseManager` can use, and a channel whose
typed proxies can use a plain standard server. Objects, turns and locks are the host's, as ever.
"""
