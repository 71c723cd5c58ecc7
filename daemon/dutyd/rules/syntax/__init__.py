"""YAML with positions: from text to nodes that know their place, and YAML's traps in plain words."""
