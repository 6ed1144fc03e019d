"""What an endpoint recorded: an encrypted SQLite store, its writer, retention and searches.

The agent uses it on live data, the console on snapshots. May import `detection` and `protocol`.
"""
