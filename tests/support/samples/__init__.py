"""A small spec, and its generated module, for tests that need a server of something."""
