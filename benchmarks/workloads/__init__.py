"""What is measured, one module each; benchmarks/_suites.py lists them."""
