"""Intel on its way: publications of all deployed rules, and which endpoint has which."""
