"""The console's platform: settings, registry and the apps that every module stands on.

May import `eventstore`, `detection` and `protocol`; never a module above it, never the agent.
"""
