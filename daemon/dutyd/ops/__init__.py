"""For whoever runs dutyd: probes, metrics, logs."""
