"""The always-on channel: what endpoints still have to receive, and what they sent.

`server/` is the lean asyncio program on port 17472: it never touches the ORM. `ingest` turns its
batches into rows.
"""
