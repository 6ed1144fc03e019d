"""Threat Response: intel, its deployment to endpoints, the alerts it raises and live endpoints."""
