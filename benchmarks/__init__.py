"""Benchmarks: `python -m benchmarks list` shows the suites; `actorbus bench` is the same.

_suites        which workloads there are; each declares its scenario (_scenario)
_runner        measures them, and leaves a document (_document)
workloads/     what is measured in one process on SQLite, with its goals; one module each
probes/        programs that drive the bus, each started in a process of its own
peers/         the same work done by something else, each in a process of its own
actors/        the actor runtime beside other actors
durable/       the path over PostgreSQL and Kafka, with workloads, probes and peers of its own
"""
