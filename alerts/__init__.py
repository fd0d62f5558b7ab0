"""From scores to alerts: when a machine is in alarm, what may be wrong, and what to do. Pure; no Kafka in here."""
