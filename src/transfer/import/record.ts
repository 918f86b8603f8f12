/** One record of the input as it stands there. */
export interface TextRecord {
  /** The line it starts on, from 1. */
  readonly line: number;
  /** Where the record behind it begins: characters from the start of the text. */
  readonly end: number;
  /** The line of that place. */
  readonly endLine: number;
  /** The fields of a CSV record; of NDJSON the line itself. */
  readonly fields: readonly string[];
  /** Why it is no record, if it is none; then `fields` holds the line where it begins. */
  readonly fault: string | null;
}

/** Cuts text into records. It holds back no more than the record that is not complete yet. */
export interface RecordParser {
  /** Takes in the next piece of the text. */
  push(text: string): void;
  /** The next record, or null if the rest is no whole one yet. @param isEnd whether no more text will come */
  next(isEnd: boolean): TextRecord | null;
  /** Goes on at the record that begins there; for text that was read before. */
  seek(position: number, line: number): void;
}

/** Characters that a record may have. Beyond it the rest of the line is passed over, so that memory stays bounded. */
export const RECORD_MAX = 16 * 1024 * 1024;
