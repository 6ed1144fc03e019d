"""What console, proxy and agent say to each other.

Typed messages, codec, frames, session state machine and identity. Nothing here opens a socket,
reads a clock or touches a disk: the programs pass bytes and instants in and get bytes and
decisions out. This package imports no other package of the project.
"""
