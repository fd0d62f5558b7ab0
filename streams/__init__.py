"""The Faust app: telemetry in, features, anomaly events and dead letters out, in one transaction."""
