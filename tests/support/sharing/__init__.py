"""A spec with every built-in type that waits, and processes that use them and die."""
