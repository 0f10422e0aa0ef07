"""How fast a topic of Kafka's is consumed, beside FastStream and the driver alone.

consume           what is measured
probe             the bus
faststream_peer   FastStream, in an environment of its own
raw               the ceiling: a loop over aiokafka that commits by hand
"""
