"""What an endpoint can be asked: the sensors, the language of questions, and how values compare.

Agent and console share it, so that a question means the same on both sides. No I/O, no clock.
"""
