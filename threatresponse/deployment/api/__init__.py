"""The REST resources of deployment: deploy, withdraw, and who has what."""
