"""Probes, plans, joins and verifies media. Knows nothing of HTTP, the ORM or settings."""
