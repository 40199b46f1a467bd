"""A spec with every shared container, and what is generated from it."""
