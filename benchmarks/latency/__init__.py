"""How long messages wait at fixed rates of arrival: quantiles, from the time each was meant to go.

workload   what is measured, on which stores
probe      the program that sends and handles
raw_kafka  the ceiling through Kafka: aiokafka alone
"""
