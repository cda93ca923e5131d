"""Jobs, their executions and tasks."""
