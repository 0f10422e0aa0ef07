"""What is measured on the durable path, one module each; benchmarks/_suites.py lists them."""
