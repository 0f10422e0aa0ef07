"""What handlers, gateways and senders may say about a message, and which of them wins."""
