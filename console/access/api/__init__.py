"""Users and API tokens in the REST API."""
