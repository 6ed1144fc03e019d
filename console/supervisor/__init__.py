"""Everything on one machine: start the programs in order, keep them alive, stop them in order.

The topmost app of the console, because it knows every program and nobody may depend on it.
"""
