"""The sensors of this agent, and how they are run without harm to the endpoint.

Each topic (`computer`, `processes`, …) is a module of plain functions; its definitions stand under
the same name in `sensors.catalogue`. Functions run in children of a worker process, never in the
agent's own: import what a topic needs, but import nothing of this package in the agent itself.
"""
