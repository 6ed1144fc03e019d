"""How pages spell dates, in the place of what Django has for a language."""
