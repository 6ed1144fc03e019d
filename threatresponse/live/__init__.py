"""The live window onto one endpoint: its events as they happen, searched where they lie."""
