"""What every resource of the REST API shares: errors, pages, permissions, repeatable posts."""
