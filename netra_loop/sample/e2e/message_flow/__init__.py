"""Messages on their way: posted, answered by an agent, kept in a thread."""
