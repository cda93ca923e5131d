"""What must work before anything else is worth testing."""
