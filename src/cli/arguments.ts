import { InvalidArgumentError } from 'commander';
import type { Identifier } from '../identity/domain/contact.js';
import { encodingOf } from '../transfer/import/records/decode.js';

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Reads an option such as `30m`, `24h` or `90d`. Returns ms. */
export function readDuration(text: string): number {
  const [, number, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  if (number === undefined) {
    throw new InvalidArgumentError('It must be a number of minutes, hours or days, such as 30m, 24h or 90d.');
  }
  return Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS];
}

/** Like {@link readDuration}, but longer than zero. */
export function readLifetime(text: string): number {
  const ms = readDuration(text);
  if (ms === 0) {
    throw new InvalidArgumentError('It must be longer than zero: the key would never work.');
  }
  return ms;
}

/** Reads an argument that is the id of a contact. */
export function readContactId(text: string): number {
  const id = Number(text);
  if (!/^\d{1,16}$/.test(text) || id < 1 || !Number.isSafeInteger(id)) {
    throw new InvalidArgumentError('It must be the id of a contact, a whole number from 1.');
  }
  return id;
}

/** Reads an argument that is an identifier, such as `email:george@hillvalley.edu`. Its kind and value are not judged. */
export function readIdentifier(text: string): Identifier {
  const colon = text.indexOf(':');
  if (colon < 1) {
    throw new InvalidArgumentError('It must be a kind and a value, such as email:george@hillvalley.edu.');
  }
  return { kind: text.slice(0, colon), value: text.slice(colon + 1) };
}

/** Reads an option that is a whole number within limits. */
export function readWholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,10}$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Reads an option that is the name of an encoding. */
export function readEncoding(text: string): string {
  const encoding = encodingOf(text);
  if (encoding === null) {
    throw new InvalidArgumentError(
      'It must be an encoding, such as utf-16le, windows-1252, gb18030 or shift_jis.',
    );
  }
  return encoding;
}
