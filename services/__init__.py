"""Reference services that act on alerts: maintenance, supply chain, notifications."""
