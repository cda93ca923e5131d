"""What can be done with services: changes are carried out, rollouts settle, operations tell how it went."""
