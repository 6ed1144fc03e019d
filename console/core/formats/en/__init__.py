"""English: the one language that there is."""
