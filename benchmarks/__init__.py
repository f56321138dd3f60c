"""What validation costs beside a plain copy; run by `make benchmark`."""
