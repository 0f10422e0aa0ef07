"""The doors that messages come in by: gateways, and business interfaces of the program's own."""
