"""What is allowed in a rule and yet is probably not meant, and what a rule may cost."""
