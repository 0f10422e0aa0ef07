"""What a program tells a bus before it runs: handlers, channels, services, interceptors."""
