"""Endpoints and enrolment in the REST API."""
