"""The REST resource of intel documents."""
