"""What every app of the console shares and no product noun: actors, errors, secrets, Redis."""
