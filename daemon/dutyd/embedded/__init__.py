"""Servers that stand in where none is configured: Valkey, the back office, the stand-in for a model endpoint."""
