"""Other ways to do the same job, measured in the same run as ours."""
