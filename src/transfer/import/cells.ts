import type { Normaliser } from '../../identity/domain/kinds.js';
import { phoneIn, severalPhones } from './phone-cell.js';

/** A value of a cell, or what is wrong with it. */
export type CellValue = { readonly value: unknown } | { readonly wrong: string };

/** Cells that hold one value as it is; most do. */
const PLAIN: Readonly<Record<Normaliser, RegExp>> = {
  email: /^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+[A-Za-z0-9]$/,
  phone: /^\+?[1-9]\d{4,14}$/,
  trim: /^[^;\r\n:]*$/,
  lowercase: /^[^;\r\n:]*$/,
};

const SEPARATORS: Readonly<Record<Normaliser, RegExp>> = {
  email: /[;|,\r\n]|:::/,
  // not what belongs to a number in a URI, such as tel:863;phone-context=+1
  phone: /;(?!\s*(?:ext|phone-context|isub|rn|npdi|cic)\b)|[|\r\n]|:::/i,
  // An id may hold a |: that of Auth0 would fall into two, and one of them would be everybody's.
  trim: /[;\r\n]|:::/,
  lowercase: /[;\r\n]|:::/,
};

/**
 * The values of a cell, in order: what separates several, and what programs write around one, is not part of them. They are not judged,
 * except that a phone number is refused which would become another one.
 *
 * @param cell of NDJSON a list has several
 * @example valuesIn('email', 'Doc <doc@hillvalley.edu>; emmett@hillvalley.edu') // doc@hillvalley.edu and emmett@hillvalley.edu
 */
export function valuesIn(normaliser: Normaliser, cell: unknown): readonly CellValue[] {
  if (Array.isArray(cell)) {
    return cell.flatMap((each) => valuesIn(normaliser, each));
  }
  if (typeof cell !== 'string' || PLAIN[normaliser].test(cell)) {
    return [{ value: cell }];
  }
  const list = listIn(cell);
  if (list !== null) {
    return valuesIn(normaliser, list);
  }
  const parts = partsOf(normaliser, cell).filter((part) => part.trim() !== '');
  return parts.map((part) =>
    normaliser === 'phone'
      ? phoneIn(part)
      : { value: normaliser === 'email' ? withoutWrapping(part) : part.trim() },
  );
}

/** A list in the way of JSON, as data warehouses write it. */
function listIn(cell: string): unknown[] | null {
  if (!/^\s*\[\s*"/.test(cell)) {
    return null;
  }
  try {
    const list: unknown = JSON.parse(cell);
    return Array.isArray(list) ? list : null;
  } catch {
    return null;
  }
}

function partsOf(normaliser: Normaliser, cell: string): string[] {
  if (normaliser !== 'email') {
    const parts = cell.split(SEPARATORS[normaliser]);
    return normaliser === 'phone' ? parts.flatMap(severalPhones) : parts;
  }
  if (/^\s*"[^"]+"@[^\s"]+\s*$/.test(cell)) {
    // a comma in quotes is part of the address
    return [cell];
  }
  const isNamed = /<[^<>]*@[^<>]*>/.test(cell);
  const parts = cell.replaceAll(/"[^"]*"\s*(?=<)/g, '').split(SEPARATORS.email);
  // of `Brown, Emmett <doc@hillvalley.edu>` only what has an address is one
  return (isNamed ? parts.filter((part) => part.includes('@')) : parts).flatMap(several);
}

/** The emails of a text in which spaces or slashes separate them. */
function several(part: string): string[] {
  if (part.indexOf('@') === part.lastIndexOf('@') || /[<"]/.test(part)) {
    return [part];
  }
  const pieces = part.split(/[\s/&]+/).filter((piece) => piece !== '');
  return pieces.every((piece) => /^[^@]+@[^@]+$/.test(piece)) ? pieces : [part];
}

/** An email without its name, brackets, quotes and scheme. */
function withoutWrapping(part: string): string {
  const [, inBrackets] =
    /<([^<>]*)>\s*$/.exec(part) ?? /^[^@()]*\(([^()\s]+@[^()\s]+)\)\s*$/.exec(part) ?? [];
  const [, inQuotes = ''] = /^(?:"([^"]*)"|'([^']*)')$/
    .exec((inBrackets ?? part).trim())
    ?.filter(Boolean) ?? ['', (inBrackets ?? part).trim()];
  return inQuotes
    .replace(/^mailto:([^?]*)(?:\?.*)?$/is, '$1')
    .replace(/^'(?=[^']*$)/, '')
    .trim();
}
