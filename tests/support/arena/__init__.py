"""A spec whose objects keep the books about what was done to them, for tests under stress."""
