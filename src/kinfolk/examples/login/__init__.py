"""Crawlers that share a login: exactly one of them logs in, the others reuse its cookie.

`spec.py` declares what is shared, `manager.py` is generated from it. `server.py` and `client.py`
are a program's own thin wrappers; `crawler.py` is started several times, by hand or by cron, and
`demo.py` shows what happens when one of them dies with the lock in its hands.
"""
