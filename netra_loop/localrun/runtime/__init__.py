"""What runs: images, instances, probes, and the processes beneath them."""
