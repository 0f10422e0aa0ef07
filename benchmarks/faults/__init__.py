"""What failures cost: until work goes on, what runs twice, what others notice, how much memory.

kill        SIGKILL of a worker, ours and others'
restarts    PostgreSQL and Kafka killed and started again under a worker
neighbour   a healthy subscriber beside one that fails, blocks or floods
overload    a hundred times as much as can be handled
_contenders the workers on PostgreSQL; `peers/` has those of other libraries
"""
