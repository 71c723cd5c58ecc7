"""Rule files: from YAML to rules, with every mistake named at its place; checked and tested here."""
