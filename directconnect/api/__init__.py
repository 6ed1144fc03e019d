"""The REST resources of live sessions."""
