"""The REST resource of alerts."""
