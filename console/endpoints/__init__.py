"""The computers that this console looks after, and how they are doing."""
