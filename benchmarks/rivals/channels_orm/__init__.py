"""The rival: the same job done the way that Channels' tutorial suggests.

One consumer per endpoint, one group for all of them, JSON, and one ORM `create` per answer. It
gets the same mutual TLS and the same server as our sessions, so that only the design differs.
"""
