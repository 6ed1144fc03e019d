"""Pure decisions about recorded events: which rule matches, which match is worth telling.

No clock, no I/O, no Django. May import `protocol` only.
"""
