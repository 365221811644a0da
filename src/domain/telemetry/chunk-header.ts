/** By what the times of events are read that were received together. */
export interface Receipt {
  /** Epoch milliseconds: the time of records that came without one. */
  readonly received_at: number;
  /** Added to the times that records say: by so much their sender's clock was behind. Absent: nothing. */
  readonly time_offset_ms?: number;
}

/**
 * What a chunk says of the records inside it; stands in the metadata of a `TelemetryRecorded` record.
 * Stored format: names and fields are on disk for good.
 */
export interface ChunkHeader extends Receipt {
  /** How the binary data holds the records: `ndjson` is one JSON text a line, as received. */
  readonly codec: 'ndjson';
  readonly count: number;
  /** Whose the records are stands in them as pseudonyms; absent: as received. */
  readonly pseudonyms?: true;
  /** Of the records' texts, without the line breaks between them; absent in chunks of before it was counted. */
  readonly bytes?: number;
  /** Epoch milliseconds of the earliest and the latest record, corrected. */
  readonly min_time: number;
  readonly max_time: number;
  /** The instance that packed the chunk. */
  readonly producer: string;
  /** The producer's running number of the chunk's first record. */
  readonly first_sequence: number;
}
