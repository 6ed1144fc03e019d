"""Whole programs on several hosts of one machine: what a user does, and what attackers try."""
