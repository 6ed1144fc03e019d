"""Intel documents: rules and indicators as their authors write them, checked before they count."""
