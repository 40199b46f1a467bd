"""Reading what a spec module declares into a model, and checking that it can be remote."""
