"""The command line of a console for its users: log in, ask, read the answer.

It needs Python and nothing else, and talks to a console over its public API only: what it may do is
what its token's user may do.
"""
