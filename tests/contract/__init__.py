"""What every adapter must stand: written against the ports, run for each adapter."""
