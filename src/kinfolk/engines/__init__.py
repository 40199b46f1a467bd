"""Engines: where the objects of a manager run. Each stands for itself."""
