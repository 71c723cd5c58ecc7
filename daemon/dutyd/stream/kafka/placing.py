"""Which partition a record key goes to: murmur2, as Kafka's own producers and kafka-python's default do it."""

from kafka.partitioner.default import murmur2


def place(key: bytes, partitions: int) -> int:
    """Return the partition of *key* among so many."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % partitions
