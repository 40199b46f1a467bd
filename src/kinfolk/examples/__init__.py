"""Complete small programs, each with a spec."""
