"""The durable path measured: PostgreSQL and Kafka, beside the raw drivers and other libraries.

workloads/   what is measured, with its goals; `python -m benchmarks run durable` runs them all
probes/      programs that drive the bus
raw/         the ceilings: the same statements and records with nothing but the driver
peers/       other libraries, each in an environment of its own

Servers come from the environment (ACTORBUS_TEST_POSTGRESQL, ACTORBUS_TEST_KAFKA), or are started
for the run and stopped after it.
"""
