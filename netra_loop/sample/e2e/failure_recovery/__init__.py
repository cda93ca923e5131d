"""What still works after something went wrong."""
