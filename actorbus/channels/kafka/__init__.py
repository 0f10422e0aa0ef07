"""Apache Kafka as a channel: what is on the wire, and how it is consumed.

_records     a message as a record, and back; records of other programs
_watermark   which offset may be committed
"""
