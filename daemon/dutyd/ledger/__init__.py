"""The ledger: what Redis remembers of incidents, effects, runs, approvals and budgets."""
