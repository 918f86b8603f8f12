/** An import or export can't start, or can't go on. The message is for the person who started it. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
}

export const FILE_FORMATS = ['csv', 'ndjson'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

const FORMAT_BY_EXTENSION: Readonly<Record<string, FileFormat>> = {
  csv: 'csv',
  tsv: 'csv',
  txt: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
};

/** The format that the name of a file tells, gzipped or not; null: it tells none. */
export function formatOf(path: string): FileFormat | null {
  const extension = /\.([a-z]+)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  return FORMAT_BY_EXTENSION[extension ?? ''] ?? null;
}

/** Why a file can't be opened, read or written, in a few words. */
export function fileTrouble(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
  };
  return known[String(code)] ?? message;
}
