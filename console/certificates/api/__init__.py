"""Issued certificates in the REST API: read only."""
