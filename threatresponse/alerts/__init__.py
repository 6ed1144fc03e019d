"""Alerts: what rules found on endpoints, stored once, shown at once, worked off by people."""
