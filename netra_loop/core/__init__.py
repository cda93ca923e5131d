"""Pure: what was asked, what happened, what follows from it. No clock, no world, no waiting."""
