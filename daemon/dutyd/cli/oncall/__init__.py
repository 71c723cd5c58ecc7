"""What on-call people use: incidents, effects, approvals, silences, dead letters, pause, why."""
