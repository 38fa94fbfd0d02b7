"""Every door of the portal, who stands before it, and what they must get: doors.toml says it, the tests knock."""
