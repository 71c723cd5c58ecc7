"""Who makes records of what kafka-python's consumer has fetched: the client's own reader, or the lean one.

kafka-python spends most of a reader's time on making its records: six calls and a tuple of thirteen members each. The
lean reader takes plain batches (format v2) in one loop (``records``), and leaves everything else to the client's own
code: checksums, compression, aborted transactions, control batches, old formats, and every batch that is not exactly as
it should be, from the very record on which the loop stumbles. So whatever bytes come, both readers give the same
records, then the same error; ``tests/unit/stream/test_lean_reader.py`` holds them to it.

Both replace a class inside the client, so they are used only with versions of kafka-python that they were tested on.
Put in by ``client.Door``; ``kafka.reader`` in the settings chooses.
"""

import functools
from collections.abc import Iterator
from typing import Any

import kafka
import structlog
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError, KafkaError
from kafka.protocol.consumer import IsolationLevel

from dutyd.stream.kafka.network import TESTED
from dutyd.stream.kafka.records import LeanRecord, read_records
from dutyd.stream.kafka.settings import LEAN

CHUNK = 1_000
"""Records that are made at a time: a compressed batch may hold millions."""

log = structlog.get_logger()


def read_by(reader: str, consumer: Any) -> None:
    """Let *consumer*, a ``KafkaConsumer``, make records by *reader*; say once where its version is not known."""
    if kafka.__version__ in TESTED:
        chosen = LeanPartitionRecords if reader == LEAN else ClientPartitionRecords
        consumer._fetcher.PartitionRecords = chosen  # noqa: SLF001  # there is no public way
    else:
        _say_unknown(kafka.__version__)


@functools.cache
def _say_unknown(version: str) -> None:
    log.warning(
        "records are read by the client's own reader: dutyd's is not tested with this version of kafka-python",
        version=version,
        tested=", ".join(TESTED),
    )


class ClientPartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # kafka-python ships no annotations
    """What one fetch brought of one partition, read as the client does, and fetched again after a failure.

    The client itself would keep what failed, find nothing more in it, and look again without an end.
    """

    def take(self, n: int | None = None) -> list[Any]:
        """Return at most *n* records and go on behind them.

        Raises:
            KafkaError: what was fetched can't be read.

        """
        try:
            records: list[Any] = super().take(n)
        except KafkaError:
            self.drain()
            raise
        except Exception as error:  # what a decompressor raises
            self.drain()
            where = f"partition {self.topic_partition} at offset {self.next_fetch_offset}"
            raise CorruptRecordError(f"Record batch for {where} can't be read: {error!r}") from error
        return records


class LeanPartitionRecords(ClientPartitionRecords):
    """The same, read leanly."""

    _lent = False
    """Whether the newest record taken came from the lean loop, which does not say where it stands."""

    def take(self, n: int | None = None) -> list[Any]:
        """See ``ClientPartitionRecords.take``."""
        records = super().take(n)
        if records and self._lent:
            self.next_fetch_offset = records[-1].offset + 1
        return records

    def _unpack_records(self, tp: Any, records: Any, key_deserializer: Any, value_deserializer: Any) -> Iterator[Any]:
        """Yield the records of *records*: the client's own generator, but for the lean loop."""
        del key_deserializer, value_deserializer  # dutyd sets none
        last = None
        while (batch := records.next_batch()) is not None:
            last = batch
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(
                    f"Record batch for partition {tp} at offset {batch.base_offset} failed crc check"
                )
            if batch.magic == 2:  # the format's version
                self.leader_epoch = batch.leader_epoch
                if self._is_hidden(batch):
                    self.next_fetch_offset = batch.next_offset
                    continue
                yield from self._lean(batch)
            yield from self._rest(tp, batch)
        if last is not None and last.magic == 2:
            self.next_fetch_offset = last.next_offset
        self.drain()

    def _is_hidden(self, batch: Any) -> bool:
        """Whether *batch* is a marker, or belongs to a transaction that was aborted."""
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)

    def _lean(self, batch: Any) -> Iterator[LeanRecord]:
        """Yield the records of *batch* up to the first that is not as it should be; the batch stands there then."""
        iter(batch)  # which uncompresses it
        data, count = bytes(batch._buffer), batch.records_count  # noqa: SLF001  # there is no public way
        while (wanted := min(CHUNK, count - batch._next_record_index)) > 0:  # noqa: SLF001  # same
            begun = batch._pos  # noqa: SLF001  # same
            found, batch._pos = read_records(data, begun, wanted, batch)  # noqa: SLF001  # same
            batch._next_record_index += len(found)  # noqa: SLF001  # same
            self.records_read += len(found)
            self.bytes_read += batch._pos - begun  # noqa: SLF001  # same
            if found:
                self._lent = True
                yield from found
                self._lent = False
                self.next_fetch_offset = found[-1].offset + 1
            if len(found) < wanted:
                return

    def _rest(self, tp: Any, batch: Any) -> Iterator[Any]:
        """Yield what is left of *batch* as the client does."""
        for record in batch:
            if self.check_crcs and not record.validate_crc():
                raise CorruptRecordError(f"Record for partition {tp} at offset {record.offset} failed crc check")
            self.records_read += 1
            self.bytes_read += record.size_in_bytes
            self.next_fetch_offset = record.offset + 1
            yield LeanRecord(record.offset, record.timestamp, record.key, record.value, record.headers or ())
