"""The endpoint program: records, detects, answers and acts on behalf of one console.

Never imports Django or any console package. May import `eventstore`, `detection`, `protocol`.
"""

__version__ = "0.1.0"
