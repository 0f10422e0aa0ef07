"""What many tenants cost each other, and what one more of them costs.

_skew       how much each has to do: as the carriers of the flights data, extended
dwell       the workload: the smallest one's wait against the load of the largest
channels    the workload: making a tenant's channel and reaping it, in time and memory
*_probe     their programs
"""
