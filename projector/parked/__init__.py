"""What could not be folded: found again, folded after all, or given up with a reason."""
