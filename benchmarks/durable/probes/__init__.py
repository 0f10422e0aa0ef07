"""Programs that drive the bus on PostgreSQL and Kafka."""
