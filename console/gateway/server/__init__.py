"""The program that holds every endpoint's always-on channel: port 17472, mutual TLS, no ORM.

`doorway` lets peers in, a `link` speaks with one endpoint, `roster` knows who is here, `upward`
hands their messages to the ingesters and `delivery` brings them instructions.
"""
